"""Quotas: what is refused, with which words and headers, and what usage says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx
import pytest

from api_schemas.keys import NewKey
from service import jobs, keys
from service.dispatch import reaper
from service.settings import Settings
from service.store.connect import Database
from service.tenants import quotas, usage
from service.tenants.limits import Limits
from tests.service.rest.living import LiveApi
from tests.service.work import Desk

PROBLEM = {"problem": {"kind": "program", "objective": [1, 2], "lower": [3, 4]}}


@pytest.fixture(scope="module")
def settings(servers) -> Settings:
    return servers.settings(servers.fresh_database(), key_cache_seconds=0.0)


def _set(conn: Database, project: UUID, **columns: object) -> None:
    for name, value in columns.items():
        conn.execute(f"UPDATE project SET {name} = %s WHERE id = %s", (value, project))


def test_a_full_queue_refuses_jobs_until_one_leaves(client: httpx.Client, conn: Database, project: UUID) -> None:
    _set(conn, project, max_queued=2)
    sent = [client.post("/v1/jobs", json=PROBLEM, headers={"Idempotency-Key": f"k{k}"}) for k in range(3)]

    assert [reply.status_code for reply in sent] == [202, 202, 429]
    assert sent[2].json()["code"] == "quota-exceeded"
    assert "2 jobs waiting" in sent[2].json()["detail"]
    assert sent[2].headers["Retry-After"] == "5"
    again = client.post("/v1/jobs", json=PROBLEM, headers={"Idempotency-Key": "k0"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    client.post(f"/v1/jobs/{sent[0].json()['id']}/cancel")
    assert client.post("/v1/jobs", json=PROBLEM).status_code == 202


def test_a_group_commit_does_not_go_over_the_queue(desk: Desk) -> None:
    limits = Limits(max_queued=3)
    items = [
        jobs.Submission(desk.project, desk.submission().request, b"{}", desk.pool, limits=limits) for _ in range(5)
    ]

    outcomes = jobs.submit_many(desk.conn, items, settings=desk.settings)

    assert [getattr(outcome, "code", "stored") for outcome in outcomes] == ["stored"] * 3 + ["quota-exceeded"] * 2


def test_solver_seconds_are_counted_and_end_with_the_month(desk: Desk) -> None:
    for _ in range(3):
        claim = desk.running()
        desk.conn.execute("UPDATE job SET claimed_at = now() - interval '10 s' WHERE id = %s", (claim.job_id,))
        desk.finish(claim)
    before = usage.of_project(desk.conn, desk.project)
    while usage.sum_up(desk.conn, 1):
        pass
    after = usage.of_project(desk.conn, desk.project)

    assert before.solver_seconds == pytest.approx(30, abs=2)
    assert after == before
    refused = quotas.refusals(desk.conn, [(desk.project, Limits(max_solver_seconds=29.0)), (desk.project, Limits())])
    assert list(refused) == [0]
    assert "of this month" in refused[0].detail
    assert 0 < int(refused[0].headers["Retry-After"]) <= 31 * 86400 + 1
    assert not quotas.refusals(desk.conn, [(desk.project, Limits(max_solver_seconds=100.0))])


@pytest.mark.parametrize("end", ["hand back", "reap", "take over"])
def test_seconds_of_an_attempt_that_did_not_finish_count(desk: Desk, end: str) -> None:
    claim = desk.running(max_attempts=3)
    times = "claimed_at = now() - interval '50 s', lease_until = now() - interval '10 s'"
    desk.conn.execute(f"UPDATE job SET {times} WHERE id = %s", (claim.job_id,))
    if end == "hand back":
        jobs.hand_back(desk.conn, claim.job_id, claim.attempt, "for a test")
    elif end == "reap":
        reaper.reap(desk.conn)
    else:
        taken = desk.claim()
        assert taken is not None
        assert taken.takeover
        desk.finish(taken)

    spent = usage.of_project(desk.conn, desk.project).solver_seconds
    assert spent == pytest.approx(50 if end == "hand back" else 40, abs=2)


def test_bytes_stored_are_bounded(client: httpx.Client, conn: Database, project: UUID) -> None:
    _set(conn, project, max_bytes=1000)

    first = client.post("/v1/artifacts", content=b"x" * 600)
    declared = client.post("/v1/artifacts", content=b"x" * 600)
    streamed = client.post("/v1/artifacts", content=iter([b"x" * 300, b"x" * 300]))

    assert [r.status_code for r in (first, declared, streamed)] == [201, 429, 429]
    assert client.get("/v1/usage").json()["bytes"] == 600
    assert client.delete(f"/v1/artifacts/{first.json()['id']}").status_code == 204
    assert client.post("/v1/artifacts", content=b"x" * 600).status_code == 201


def test_uploads_at_once_do_not_go_over_the_bytes_together(client: httpx.Client, conn: Database, project: UUID) -> None:
    _set(conn, project, max_bytes=1000)
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: client.post("/v1/artifacts", content=iter([b"x" * 300])), range(8)))

    assert sorted(reply.status_code for reply in replies) == [201] * 3 + [429] * 5
    assert client.get("/v1/usage").json()["bytes"] == 900


def test_who_has_no_room_for_answers_submits_nothing(
    client: httpx.Client, conn: Database, project: UUID, desk: Desk
) -> None:
    _set(conn, project, max_bytes=1000)
    before = client.post("/v1/jobs", json=PROBLEM, headers={"Idempotency-Key": "before"})
    stored = client.post("/v1/artifacts", content=b"x" * 1000).json()

    refused = client.post("/v1/jobs", json=PROBLEM)
    again = client.post("/v1/jobs", json=PROBLEM, headers={"Idempotency-Key": "before"})

    assert before.status_code == 202
    assert (refused.status_code, refused.json()["code"]) == (429, "quota-exceeded")
    assert "delete artifacts or jobs" in refused.json()["detail"]
    assert (again.status_code, again.json()["id"]) == (202, before.json()["id"])
    assert desk.submit().job_id, "what studies do stores nothing"
    client.delete(f"/v1/artifacts/{stored['id']}")
    assert client.post("/v1/jobs", json=PROBLEM).status_code == 202


def test_requests_are_counted_and_the_headers_say_so(client: httpx.Client, conn: Database, project: UUID) -> None:
    assert "RateLimit" not in client.get("/v1/status").headers
    _set(conn, project, max_requests=10)

    replies = [client.get("/v1/status") for _ in range(12)]

    assert [reply.status_code for reply in replies] == [200] * 10 + [429] * 2
    assert replies[0].headers["RateLimit-Policy"] == '"requests";q=10;w=60'
    assert replies[0].headers["RateLimit"].startswith('"requests";r=9;t=')
    assert replies[-1].json()["code"] == "rate-limited"
    assert replies[-1].headers["RateLimit"].startswith('"requests";r=0;t=')
    assert int(replies[-1].headers["Retry-After"]) >= 1


def test_without_valkey_each_process_counts_for_itself(servers, key: NewKey, conn: Database, project: UUID) -> None:
    row = conn.execute("SELECT current_database()").fetchone()
    assert row is not None
    lonely = servers.settings(
        servers.postgres.url(row[0]), redis_url="unix:///nowhere/valkey.sock", key_cache_seconds=0.0
    )
    _set(conn, project, max_requests=3)
    with LiveApi(lonely) as api, httpx.Client(base_url=api.url, headers={"X-API-Key": key.secret}) as client:
        assert [client.get("/v1/status").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_quotas_of_one_project_do_not_touch_another(
    client: httpx.Client, api: LiveApi, conn: Database, project: UUID, settings: Settings
) -> None:
    from service import projects

    _set(conn, project, max_requests=1, max_queued=0)
    other = keys.create(conn, projects.ensure(conn, "unlimited"), name="o", settings=settings)
    client.get("/v1/status")

    assert client.get("/v1/status").status_code == 429
    reply = httpx.post(f"{api.url}/v1/jobs", json=PROBLEM, headers={"X-API-Key": other.secret})
    assert reply.status_code == 202
