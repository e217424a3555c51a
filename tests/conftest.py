"""Fixtures for everyone: servers, a database of each module's own, a project and its key."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from api_schemas.ids import new_uuid
from api_schemas.keys import NewKey
from service import keys, projects
from service.settings import Settings
from service.store.connect import Database, connect
from tests.servers import Servers
from tests.solvers.formats.instances import collection


def pytest_report_header() -> str:
    """Which instances the tests over a whole collection run on."""
    if collection() is None:
        return "instances: no collection (KANTOR_TEST_DATA, ../shared/data): the repository's own, examples/instances"
    return f"instances: {collection()}"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey, started when the first test asks for them."""
    servers = Servers()
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def settings(servers: Servers) -> Settings:
    """Settings with a database that only this module uses."""
    return servers.settings(servers.fresh_database())


@pytest.fixture
def conn(settings: Settings) -> Iterator[Database]:
    """A connection to the module's database."""
    with connect(settings, name="test") as connection:
        yield connection


@pytest.fixture
def project(conn: Database) -> UUID:
    """A project of the test's own."""
    return projects.ensure(conn, f"project {new_uuid()}")


@pytest.fixture
def key(conn: Database, project: UUID, settings: Settings) -> NewKey:
    """A key of the project with every scope."""
    return keys.create(conn, project, name="test", scopes=["read", "write", "admin"], settings=settings)


@pytest.fixture(scope="session")
def live_kantor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A whole embedded Kantor, as ``kantor up`` starts it: its url, api_key, and home."""
    from kantor.embedded import Embedded

    home = tmp_path_factory.mktemp("kantor")
    with Embedded(home) as server:
        yield {"url": server.url, "api_key": server.api_key, "home": str(home)}
