"""What an operator can set: environment variables ``KANTOR_*``, one for each field below."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30

PositiveSeconds = Annotated[float, Field(gt=0)]


class SettingsError(ValueError):
    """An environment variable is missing or has a value that does not fit; the text names it."""


class Settings(BaseModel):
    """Settings of every process of the server. ``database_url`` is read from ``KANTOR_DATABASE_URL`` and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    database_url: str = "postgresql://kantor@127.0.0.1:5432/kantor"
    """PostgreSQL 14 or newer, as a libpq URL or key=value string."""
    redis_url: str = "redis://127.0.0.1:6379/0"
    """Valkey or Redis; ``redis+socket:///path`` or ``unix:///path`` for a Unix socket."""
    artifacts_url: str = ""
    """Where large inputs and answers lie: ``file:///folder`` or ``s3://bucket/prefix``; empty: ``home``/artifacts."""
    home: Path = Field(default_factory=lambda: Path.home() / ".kantor")
    """The folder of the embedded server."""
    api_key_pepper: str = Field(default="", repr=False)
    """Secret of at least 16 letters: keys are hashed and page tokens signed with it. Changing it ends all keys, but for
    those that ``api_key_pepper_before`` lets in."""
    api_key_pepper_before: str = Field(default="", repr=False)
    """The pepper before this one, while keys move over: each does when it is used."""

    lease_seconds: PositiveSeconds = 30.0
    """How long a job stays with a worker that is not heard of."""
    heartbeat_seconds: PositiveSeconds = 5.0
    """How often a worker extends its leases and announces itself."""
    worker_timeout_seconds: PositiveSeconds = 30.0
    """After this silence a worker counts as gone."""
    ring_again_seconds: PositiveSeconds = 2.0
    """After this time the relay rings for a job that nobody has claimed; the interval doubles with each try."""
    ring_again_at_most_seconds: PositiveSeconds = 60.0
    reap_seconds: PositiveSeconds = 2.0
    """How often leases and deadlines are looked at."""
    retention_seconds: PositiveSeconds = 60.0
    """How often finished jobs past their retention are looked for."""

    retention_days: PositiveSeconds = 30.0
    """How long finished jobs are kept, where the request doesn't say."""
    artifact_days: PositiveSeconds = 30.0
    """How long uploads are kept."""
    upload_hours: PositiveSeconds = 24.0
    """How long an upload may take; then it is broken off, and bytes that a crash has left of one are deleted."""
    idempotency_hours: PositiveSeconds = 24.0
    """How long an idempotency key is remembered."""
    key_cache_seconds: Annotated[float, Field(ge=0, le=60)] = 5.0
    """How long a process trusts a key that it has seen: a revoked key works at most that much longer."""

    requests_per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests that a project may send in a minute where its own quota doesn't say; 0: as many as it likes."""

    inline_limit_bytes: Annotated[int, Field(ge=0)] = 256 * 1024
    """Arrays of answers above this go to artifacts."""
    body_limit_bytes: Annotated[int, Field(gt=0)] = 64 * MEBIBYTE
    """What a request's body may have, before and after decompression, and a message of gRPC."""
    body_seconds: PositiveSeconds = 600.0
    """How long a request's body may take to come; for the bytes of artifacts it is ``upload_hours``."""
    body_idle_seconds: PositiveSeconds = 30.0
    """How long its sender may be silent meanwhile."""
    artifact_limit_bytes: Annotated[int, Field(gt=0)] = 4 * GIBIBYTE
    """What one artifact may have."""
    default_time_limit: PositiveSeconds = 3600.0
    """Seconds for a solve whose request has no limit."""
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 8
    """Connections of one process."""
    elastic_pools: str = ""
    """Of ``gpu`` and ``botorch`` those that may have no worker for a while (an autoscaler starts one when jobs wait),
    with commas between: their jobs are let in all the same. Of other pools, engines are known for an hour after their
    last worker."""
    webhook_networks: str = ""
    """Networks inside which webhooks may be delivered although they are private, with commas between: "10.1.0.0/16"."""
    grpc_address: str = "0.0.0.0:50051"
    """Where gRPC listens."""
    grpc_certificate: Path | None = None
    """PEM file of the server's certificate chain; with it and ``grpc_key`` gRPC speaks TLS only."""
    grpc_key: Path | None = None
    """PEM file of its private key."""
    grpc_client_authority: Path | None = None
    """PEM file of the authority whose client certificates are let in, and no others (mTLS)."""
    metrics_address: str = ""
    """Where each process serves its metrics for Prometheus, for example "0.0.0.0:9464"; empty: nowhere."""
    alive_file: Path | None = None
    """A file that dispatchers and workers touch every 5 s while they turn, for probes (`kantor-role alive`)."""
    cors_origins: str = ""
    """Origins whose pages may call the API, with commas between; empty: none but its own."""
    log_level: str = "info"

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        """Settings from the environment; keyword arguments go first.

        Raises:
            SettingsError: a variable ``KANTOR_*`` is set to something that does not fit; the text names the variable.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for name in cls.model_fields:
            text = environment.get(f"KANTOR_{name.upper()}")
            if text is not None and text != "":
                values[name] = text
        values.update(overrides)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [f"KANTOR_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"]]
            raise SettingsError("; ".join(lines) or str(error)) from None

    @property
    def elastic(self) -> frozenset[str]:
        """The names in ``elastic_pools``."""
        return frozenset(name.strip() for name in self.elastic_pools.split(",") if name.strip())

    @property
    def outage_grace_seconds(self) -> float:
        """After a loss of the database no lease is taken away for so long: workers come back and renew theirs."""
        return max(2 * self.heartbeat_seconds, 6.0)

    @property
    def pepper(self) -> bytes:
        """The pepper as bytes.

        Raises:
            SettingsError: ``api_key_pepper`` is missing or short.
        """
        if len(self.api_key_pepper) < 16:
            raise SettingsError("KANTOR_API_KEY_PEPPER: set a secret of at least 16 letters")
        return self.api_key_pepper.encode()

    @property
    def peppers(self) -> tuple[bytes, ...]:
        """The pepper, and the one before it if there is one."""
        return (self.pepper, self.api_key_pepper_before.encode()) if self.api_key_pepper_before else (self.pepper,)

    @property
    def broker_url(self) -> str:
        """``redis_url`` as Celery writes it."""
        return _with_scheme(self.redis_url, "redis+socket")

    @property
    def hints_url(self) -> str:
        """``redis_url`` as the redis package writes it."""
        return _with_scheme(self.redis_url, "unix")

    @property
    def artifacts_location(self) -> str:
        """``artifacts_url``, or the folder in ``home``."""
        return self.artifacts_url or (self.home / "artifacts").absolute().as_uri()

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for a child process."""
        given = {name: value for name, value in self.model_dump().items() if value not in (None, "")}
        return {f"KANTOR_{name.upper()}": str(value) for name, value in given.items()}


def _with_scheme(url: str, socket_scheme: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{socket_scheme}://{rest}" if separator and scheme in {"unix", "redis+socket"} else url
