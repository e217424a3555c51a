"""Servers that may be restarted, and the dispatcher's duties beside the workers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from service import projects
from service.bell import Bell
from service.dispatcher import Dispatcher
from service.settings import Settings
from service.store.connect import connect
from tests.servers import Servers
from tests.workers.conftest import Desk

QUICK = {
    "lease_seconds": 1.5,
    "heartbeat_seconds": 0.3,
    "ring_again_seconds": 0.3,
    "ring_again_at_most_seconds": 1.0,
    "reap_seconds": 0.2,
}


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Servers]:
    """Of these tests, since they restart them."""
    servers = Servers()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def settings(own_servers: Servers) -> Settings:
    return own_servers.settings(own_servers.fresh_database(), **QUICK)


@pytest.fixture(scope="module")
def dispatcher(settings: Settings) -> Iterator[None]:
    dispatcher = Dispatcher(settings)
    dispatcher.start()
    yield
    dispatcher.stop()


@pytest.fixture
def desk(settings: Settings, dispatcher: None) -> Iterator[Desk]:
    with connect(settings) as conn:
        yield Desk(conn, projects.ensure(conn, f"project {time.time_ns()}"), settings)


@pytest.fixture
def bell(settings: Settings) -> Iterator[Bell]:
    bell = Bell(settings)
    yield bell
    bell.close()
