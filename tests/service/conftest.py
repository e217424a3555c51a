"""The job rules, and both faces on the database of the test's module."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from api_schemas.engines import Engine
from api_schemas.ids import new_uuid
from api_schemas.keys import NewKey
from service import registry
from service.settings import Settings
from service.store.connect import Database
from tests.service.grpc.living import LiveGrpc
from tests.service.rest.living import LiveApi, TinyWorker
from tests.service.work import Desk


@pytest.fixture
def desk(conn: Database, project: UUID, settings: Settings) -> Desk:
    """A desk of the test's own project."""
    return Desk(conn, project, settings)


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[LiveApi]:
    """The API on the module's database."""
    with LiveApi(settings) as live:
        yield live


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveGrpc]:
    """The server of gRPC on the module's database."""
    with LiveGrpc(settings) as server:
        yield server


@pytest.fixture
def client(api: LiveApi, key: NewKey) -> Iterator[httpx.Client]:
    """A client with a key of the test's own project, with every scope."""
    with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {key.secret}"}, timeout=30) as client:
        yield client


@pytest.fixture
def worker(settings: Settings) -> Iterator[TinyWorker]:
    """A worker that answers at once."""
    with TinyWorker(settings) as worker:
        yield worker


@pytest.fixture
def suggester(conn: Database) -> Iterator[None]:
    """A worker that makes suggestions, by our own engines only, is announced."""
    engine = Engine(id="auto", family="study", version="1", title="A", summary="A.", solves=["objectives"])
    worker = new_uuid()
    registry.announce(conn, worker, host="h", pid=1, version="0", pools=["cpu"], concurrency=1, engines=[engine])
    yield
    registry.retire(conn, worker)
