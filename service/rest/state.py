"""What the routes of one API process share: settings, connections, the writer, hints, the catalogue."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from psycopg_pool import ConnectionPool
from starlette.requests import Request

from service.artifacts import ArtifactStore
from service.bell import Bell
from service.hints import HintHub
from service.rest.catalogue import Catalogue
from service.rest.writer import Writer
from service.settings import Settings
from service.store.connect import Database
from service.store.connect import pool as database_pool
from service.tenants.rates import Rates

P = ParamSpec("P")
T = TypeVar("T")


class State:
    """Made by ``running`` for the lifetime of the process.

    Attributes:
        large_bodies: held while one is decompressed and parsed.
        stopping: set when the process ends, so that long replies end too.
    """

    def __init__(self, settings: Settings, pool: ConnectionPool[Database], bell: Bell, hub: HintHub) -> None:
        self.settings = settings
        self.hub = hub
        self.bell = bell
        self.writer = Writer(settings, bell)
        self.artifacts = ArtifactStore(settings)
        self.catalogue = Catalogue(settings)
        self.rates = Rates(settings)
        self.large_bodies = asyncio.Semaphore(1)
        self.stopping = asyncio.Event()
        self._pool = pool
        # One thread more than connections: so that it is the pool that says "overloaded", after its own patience.
        self.threads = ThreadPoolExecutor(settings.database_pool_size + 1, thread_name_prefix="database")

    async def database(
        self, function: Callable[Concatenate[Database, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call ``function(connection, ...)`` in a thread, with a connection of the pool."""
        run = contextvars.copy_context().run  # jobs that the function makes know the request
        return await asyncio.get_running_loop().run_in_executor(self.threads, run, self._call, function, args, kwargs)

    def _call(self, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]) -> T:
        with self._pool.connection() as connection:
            return function(connection, *args, **kwargs)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[State]:
    """The state, with its threads and connections, while the block runs."""
    bell = Bell(settings)
    with database_pool(settings, name="kantor-api") as pool:
        async with HintHub(settings) as hub:
            state = State(settings, pool, bell, hub)
            state.writer.start()
            try:
                yield state
            finally:
                state.stopping.set()
                await state.writer.stop()
                state.threads.shutdown(wait=False, cancel_futures=True)
                bell.close()


def of(request: Request) -> State:
    """The state of the request's application."""
    state: State = request.app.state.kantor
    return state
