"""The server: services, health, reflection, TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import psycopg
import psycopg_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from api_schemas.proto.kantor.v1 import (
    kantor_pb2,
    kantor_pb2_grpc,
    schedules_pb2,
    schedules_pb2_grpc,
    studies_pb2,
    studies_pb2_grpc,
)
from service.grpc.artifacts import Artifacts
from service.grpc.engines import Engines
from service.grpc.incoming import OneByOne
from service.grpc.jobs import Jobs
from service.grpc.schedules import Schedules
from service.grpc.studies import Studies
from service.rest.state import State
from service.settings import Settings, SettingsError
from service.store.connect import Database

FILES = (kantor_pb2.DESCRIPTOR, studies_pb2.DESCRIPTOR, schedules_pb2.DESCRIPTOR)
NAMES = tuple(service.full_name for file in FILES for service in file.services_by_name.values())
STREAMS = 1000
"""Calls at once on one connection; more wait at the client."""
_LOOK_SECONDS = 5.0


class Server:
    """gRPC on a ``State`` that somebody else made and ends."""

    def __init__(self, state: State, settings: Settings) -> None:
        limit = settings.body_limit_bytes + (1 << 20)
        self._state = state
        self._server = grpc.aio.server(
            interceptors=[OneByOne(NAMES)],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_concurrent_streams", STREAMS),
                ("grpc.so_reuseport", 0),
                # dead peers are noticed, lively ones not refused
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        kantor_pb2_grpc.add_JobsServicer_to_server(Jobs(state), self._server)
        kantor_pb2_grpc.add_ArtifactsServicer_to_server(Artifacts(state), self._server)
        kantor_pb2_grpc.add_EnginesServicer_to_server(Engines(state), self._server)
        studies_pb2_grpc.add_StudiesServicer_to_server(Studies(state), self._server)
        schedules_pb2_grpc.add_SchedulesServicer_to_server(Schedules(state), self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        credentials = _credentials(settings)
        address = settings.grpc_address
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        await self._look()
        self._looking = asyncio.create_task(self._keep_looking())
        await self._server.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Take no new calls, give those under way some seconds."""
        await self._health.enter_graceful_shutdown()
        if self._looking is not None:
            self._looking.cancel()
        await self._server.stop(grace)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """Serving while the database answers."""
        try:
            async with asyncio.timeout(3.0):
                await self._state.database(_ask)
            status = health_pb2.HealthCheckResponse.SERVING
        except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError):
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *NAMES):
            await self._health.set(name, status)


def _ask(conn: Database) -> None:
    conn.execute("SELECT 1")


def _credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Raises ``SettingsError`` if a file is missing or cannot be read."""
    certificate, key, authority = settings.grpc_certificate, settings.grpc_key, settings.grpc_client_authority
    if certificate is None and key is None:
        if authority is not None:
            raise SettingsError("KANTOR_GRPC_CLIENT_AUTHORITY: needs KANTOR_GRPC_CERTIFICATE and KANTOR_GRPC_KEY")
        return None
    if certificate is None or key is None:
        raise SettingsError("KANTOR_GRPC_CERTIFICATE and KANTOR_GRPC_KEY: both or none")
    return grpc.ssl_server_credentials(
        [(_read(key), _read(certificate))],
        root_certificates=None if authority is None else _read(authority),
        require_client_auth=authority is not None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
