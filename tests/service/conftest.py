"""The job rules, ready to use."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.settings import Settings
from service.store.connect import Database
from tests.service.work import Desk


@pytest.fixture
def desk(conn: Database, project: UUID, settings: Settings) -> Desk:
    """A desk of the test's own project."""
    return Desk(conn, project, settings)
