"""A channel to the live server, and keys for it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from api_schemas.keys import NewKey
from service import keys, projects
from service.settings import Settings
from service.store.connect import Database
from tests.service.grpc.living import LiveGrpc


@pytest.fixture
def channel(live: LiveGrpc) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(live.target) as channel:
        yield channel


@pytest.fixture
def mine(key: NewKey) -> tuple[tuple[str, str], ...]:
    """Metadata with a key of the test's own project."""
    return (("authorization", f"Bearer {key.secret}"),)


@pytest.fixture
def theirs(conn: Database, settings: Settings) -> tuple[tuple[str, str], ...]:
    """Metadata with a key of another project."""
    made = keys.create(conn, projects.ensure(conn, "strangers by gRPC"), name="s", settings=settings)
    return (("x-api-key", made.secret),)
