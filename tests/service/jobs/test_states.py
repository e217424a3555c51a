"""The table of states, in Python and in the database: the same for every pair."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api_schemas.ids import new_uuid
from api_schemas.jobs import FINAL_STATES
from service.rules.states import STATES, allowed
from service.store.connect import Database

_LEASE = {"lease_until": "2100-01-01", "worker_id": UUID(int=7)}
_NO_LEASE = {"lease_until": None, "worker_id": None}
_END = {"finished_at": "2026-01-02", "expires_at": "2100-01-01"}
_NO_END = {"finished_at": None, "expires_at": None}
_BEGUN = {"attempt": 1, "started_at": "2026-01-01"}

# What a row in this state looks like.
SHAPES: dict[str, dict[str, Any]] = {
    "queued": {**_NO_LEASE, **_NO_END, **_BEGUN, "error": None},
    "running": {**_LEASE, **_NO_END, **_BEGUN, "error": None},
    "succeeded": {**_NO_LEASE, **_END, **_BEGUN, "error": None},
    "failed": {**_NO_LEASE, **_END, **_BEGUN, "error": "{}"},
    "cancelled": {**_NO_LEASE, **_END, **_BEGUN, "error": None},
    "expired": {**_NO_LEASE, **_END, **_BEGUN, "error": None},
}


def place(conn: Database, project: UUID, state: str) -> UUID:
    """A row in any state, put there past the rules (the rest of the database still holds)."""
    job_id = new_uuid()
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        values = {
            "id": job_id,
            "project_id": project,
            "kind": "program",
            "task": "solve",
            "engine": "auto",
            "pool": "x",
        }
        values |= {"state": state, "created_at": "2026-01-01", "retention": "1 day", "last_seq": 3, **SHAPES[state]}
        names = ", ".join(values)
        marks = ", ".join(f"%({name})s" for name in values)
        conn.execute(f"INSERT INTO job ({names}) VALUES ({marks})", values)
    return job_id


def change(conn: Database, job_id: UUID, **values: Any) -> None:
    """A plain update."""
    assignments = ", ".join(f"{name} = %({name})s" for name in values)
    conn.execute(f"UPDATE job SET {assignments} WHERE id = %(id)s", {"id": job_id, **values})


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_the_database_allows_exactly_what_the_table_allows(
    conn: Database, project: UUID, before: str, after: str
) -> None:
    job_id = place(conn, project, before)
    values = {"state": after, **SHAPES[after]}
    if before == after and before in FINAL_STATES:
        values = {"state": after, "name": "renamed"}

    if allowed(before, after):
        change(conn, job_id, **values)
    else:
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            change(conn, job_id, **values)
        assert caught.value.diag.constraint_name == "job_transition"


@pytest.mark.parametrize("state", [state for state in STATES if state != "queued"])
def test_a_job_begins_queued(conn: Database, project: UUID, state: str) -> None:
    job_id = place(conn, project, state)

    with pytest.raises(psycopg.errors.CheckViolation):
        conn.execute(
            "INSERT INTO job SELECT (jsonb_populate_record(job, jsonb_build_object('id', %s::text))).*"
            " FROM job WHERE id = %s",
            (new_uuid(), job_id),
        )


@pytest.mark.parametrize(
    ("state", "values", "rule"),
    [
        ("running", {"lease_until": None}, "job_lease"),
        ("running", {"worker_id": None}, "job_worker"),
        ("queued", {"lease_until": "2100-01-01"}, "job_lease"),
        ("queued", {"worker_id": UUID(int=1)}, "job_worker"),
        ("queued", {"finished_at": "2026-01-01"}, "job_finished"),
        ("queued", {"cancel_requested_at": "2026-01-01"}, "job_cancel"),
        ("succeeded", {"finished_at": None}, "job_finished"),
        ("succeeded", {"expires_at": None}, "job_expires"),
        ("succeeded", {"error": "{}"}, "job_error"),
        ("failed", {"error": None}, "job_error"),
        ("running", {"started_at": None}, "job_started"),
        ("queued", {"attempt": 9}, "job_attempts"),
        ("queued", {"uncounted": 2}, "job_attempts"),
        ("queued", {"max_attempts": 0}, "job_attempts"),
        ("queued", {"priority": 101}, "job_values"),
        ("queued", {"labels": "[]"}, "job_values"),
        ("queued", {"name": "x" * 256}, "job_values"),
        ("queued", {"task": "guess"}, "job_values"),
        ("queued", {"retention": "0"}, "job_values"),
        ("queued", {"state": "paused"}, "job_state"),
        ("running", {"attempt": 0, "started_at": None}, "job_attempted"),
        ("running", {"last_seq": 2}, "job_transition"),
        ("succeeded", {"finished_at": "2026-03-03"}, "job_transition"),
        ("succeeded", {"last_seq": 9}, "job_transition"),
        ("succeeded", {"attempt": 2}, "job_transition"),
    ],
)
def test_a_row_that_contradicts_its_state_is_refused(
    conn: Database, project: UUID, state: str, values: dict[str, Any], rule: str
) -> None:
    job_id = place(conn, project, state)

    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        change(conn, job_id, **values)

    assert caught.value.diag.constraint_name == rule


def test_a_job_stays_in_its_project(conn: Database, project: UUID) -> None:
    from service import projects

    job_id = place(conn, project, "queued")
    other = projects.ensure(conn, "another")

    with pytest.raises(psycopg.errors.CheckViolation):
        change(conn, job_id, project_id=other)


def test_final_states_lead_nowhere() -> None:
    assert not any(allowed(before, after) for before in FINAL_STATES for after in STATES if before != after)
