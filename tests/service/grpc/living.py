"""A live gRPC server in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from service.embedded.home import Home
from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.grpc.server import Server
from service.rest.state import State, running
from service.settings import Settings


def beside(home: Path) -> Settings:
    """Settings for one more process of an embedded Kantor."""
    return Settings.load(
        {},
        database_url=Postgres(home).url(),
        redis_url=Valkey(home).url,
        home=home,
        api_key_pepper=Home(home).secret("pepper"),
    )


class LiveGrpc:
    """``target`` says where it listens; ``state`` is what its calls share."""

    state: State

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.model_copy(update={"grpc_address": "localhost:0"})
        self._started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.target = ""

    def _run(self) -> None:
        try:
            self.loop.run_until_complete(self._serve())
        except BaseException as error:
            self._error = error
            self._started.set()

    async def _serve(self) -> None:
        async with running(self._settings) as state:
            self.state = state
            server = Server(state, self._settings)
            await server.start()
            self.target = f"localhost:{server.port}"
            self._started.set()
            await self._stop.wait()
            state.stopping.set()
            await server.stop(1.0)

    def __enter__(self) -> LiveGrpc:
        self._thread.start()
        self._started.wait(20)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self.loop.close()
