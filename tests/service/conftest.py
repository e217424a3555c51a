"""The job rules, ready to use."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from api_schemas.engines import Engine
from api_schemas.ids import new_uuid
from service import registry
from service.settings import Settings
from service.store.connect import Database
from tests.service.work import Desk


@pytest.fixture
def desk(conn: Database, project: UUID, settings: Settings) -> Desk:
    """A desk of the test's own project."""
    return Desk(conn, project, settings)


@pytest.fixture
def suggester(conn: Database) -> Iterator[None]:
    """A worker that makes suggestions, by our own engines only, is announced."""
    engine = Engine(id="auto", family="study", version="1", title="A", summary="A.", solves=["objectives"])
    worker = new_uuid()
    registry.announce(conn, worker, host="h", pid=1, version="0", pools=["cpu"], concurrency=1, engines=[engine])
    yield
    registry.retire(conn, worker)
