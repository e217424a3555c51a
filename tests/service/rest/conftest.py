"""Clients of the live API, and jobs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import keys
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.living import LiveApi

PROGRAM: dict[str, Any] = {"objective": [1, 2], "lower": [3, 4]}


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes keep their bytecode, so that only the first one compiles."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def stranger(api: LiveApi, conn: Database, settings: Settings) -> Iterator[httpx.Client]:
    """A client of another project."""
    from service import projects

    secret = keys.create(conn, projects.ensure(conn, "strangers"), name="s", settings=settings).secret
    with httpx.Client(base_url=api.url, headers={"X-API-Key": secret}, timeout=30) as client:
        yield client


@pytest.fixture
def submit(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    """Submits a small program; the job."""

    def submit(**fields: Any) -> dict[str, Any]:
        reply = client.post("/v1/jobs", json={"problem": PROGRAM, **fields})
        assert reply.status_code == 202, reply.text
        job: dict[str, Any] = reply.json()
        return job

    return submit
