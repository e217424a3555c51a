"""Quotas hold for the jobs that studies and schedules make, whoever asks; what was told is never lost to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from service import keys
from service.rest import schedule_examples
from service.settings import Settings
from service.store.connect import Database
from service.studies import analysis
from tests.servers import Servers
from tests.service.rest.living import LiveApi
from tests.service.studies.desk import StudyDesk

STUDY: dict[str, Any] = {
    "name": "s",
    "space": {"x": {"type": "float", "low": 0, "high": 1}},
    "objectives": {"loss": "min"},
}


@pytest.fixture(scope="module")
def settings(servers: Servers) -> Settings:
    return servers.settings(servers.fresh_database(), key_cache_seconds=0.0)


def _jobs(conn: Database, project: UUID) -> list[UUID | None]:
    """Who submitted them."""
    return [row[0] for row in conn.execute("SELECT submitted_by FROM job WHERE project_id = %s", (project,)).fetchall()]


def _told(client: httpx.Client, study: str, count: int = 6) -> None:
    for k in range(count):
        told = client.post(f"{study}/trials", json={"params": {"x": k / 10}, "values": {"loss": k}})
        assert told.status_code == 201, told.text


@pytest.mark.parametrize("quota", ["max_queued", "max_solver_seconds"])
def test_a_used_up_quota_stops_the_jobs_of_studies_and_schedules_but_not_their_data(
    client: httpx.Client, conn: Database, project: UUID, suggester: None, quota: str
) -> None:
    conn.execute(f"UPDATE project SET {quota} = 0 WHERE id = %s", (project,))
    made = client.post("/v1/studies", json=STUDY)
    assert made.status_code == 201, made.text
    study = made.headers["location"]
    _told(client, study)
    asked = client.post(f"{study}/ask", json={"wait": 20}).json()
    schedule = client.post("/v1/schedules", json=schedule_examples.SCHEDULE_REQUESTS["refined"]["value"])
    refined = client.post(f"{schedule.headers['location']}/refine", json={})
    predicted = client.post(f"{study}/predict", json={"points": [{"x": 0.5}]})

    assert [trial["origin"] for trial in asked["trials"]] == ["quasi-random"]
    assert ("queue is full" if quota == "max_queued" else "of this month") in asked["trials"][0]["why"]
    for refused in (refined, predicted, client.get(f"{study}/importance")):
        assert (refused.status_code, refused.json()["code"]) == (429, "quota-exceeded"), refused.text
        assert int(refused.headers["Retry-After"]) > 0
    assert _jobs(conn, project) == []


def test_the_job_that_follows_another_keeps_to_the_quotas_and_the_answer_is_stored(
    conn: Database, project: UUID, settings: Settings
) -> None:
    desk = StudyDesk(conn, project, settings)
    claim = desk.claim()
    document = desk.load(claim)
    desk.tell(desk.one())
    conn.execute("UPDATE project SET max_queued = 0 WHERE id = %s", (project,))

    assert desk.finish(claim, document, [{"lr": 0.01, "layers": 2, "optimizer": "adam"}]) is None

    assert desk.counts["prepared"] == 1
    assert len(_jobs(conn, project)) == 1


def test_a_key_that_may_only_read_begins_few_analyses_at_once_and_is_named_as_who_did(
    api: LiveApi, client: httpx.Client, conn: Database, project: UUID, settings: Settings, suggester: None
) -> None:
    study = client.post("/v1/studies", json=STUDY).headers["location"]
    _told(client, study)
    before = len(_jobs(conn, project))
    reader = keys.create(conn, project, name="r", scopes=["read"], settings=settings)
    with httpx.Client(base_url=api.url, headers={"X-API-Key": reader.secret}, timeout=30) as looking:
        replies = [looking.post(f"{study}/predict", json={"points": [{"x": k / 100}]}) for k in range(40)]
        same = looking.post(f"{study}/predict", json={"points": [{"x": 0.0}]})

    most = analysis.MOST_AT_ONCE
    assert [reply.status_code for reply in replies] == [202] * most + [429] * (40 - most)
    assert replies[-1].json()["code"] == "quota-exceeded"
    assert same.status_code == 202, "who asks what is being made waits for it"
    by = _jobs(conn, project)
    assert len(by) == before + most
    assert None not in by
    assert len(set(by)) == 2
