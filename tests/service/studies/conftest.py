"""A study, ready to use."""

from __future__ import annotations

from uuid import UUID

import pytest

from service.settings import Settings
from service.store.connect import Database
from tests.service.studies.desk import StudyDesk


@pytest.fixture
def desk(conn: Database, project: UUID, settings: Settings) -> StudyDesk:
    """A study of the test's own project."""
    return StudyDesk(conn, project, settings)
