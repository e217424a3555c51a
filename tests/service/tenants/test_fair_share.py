"""Turns between projects: one that floods the queue does not starve another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from service import jobs, projects
from service.dispatch import reaper
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database, connect
from tests.service.work import Desk, together


@pytest.fixture
def tenant(conn: Database, desk: Desk, settings: Settings) -> Callable[..., Desk]:
    """Makes desks of projects of their own that share the pool of ``desk``."""

    def make(name: str, **columns: object) -> Desk:
        project = projects.ensure(conn, f"{name} {desk.pool}")
        for column, value in columns.items():
            conn.execute(f"UPDATE project SET {column} = %s WHERE id = %s", (value, project))
        own = Desk(conn, project, settings)
        own.pool = desk.pool
        return own

    return make


def _flood(desk: Desk, count: int, **changes: object) -> None:
    jobs.submit_many(desk.conn, [desk.submission(**changes) for _ in range(count)], settings=desk.settings)


def _next(desk: Desk) -> Claim:
    claim = desk.claim()
    assert claim is not None
    return claim


def test_on_one_slot_a_flood_delays_another_project_by_one_job(tenant: Callable[..., Desk]) -> None:
    flood, small = tenant("flood"), tenant("small")
    _flood(flood, 300)
    for _ in range(20):
        flood.finish(_next(flood))
    _flood(small, 10)

    served: list[UUID] = []
    while served.count(small.project) < 10:
        claim = _next(flood)
        served.append(claim.project_id)
        flood.finish(claim)

    # In the order of arrival the ten would have waited for 280 others; now every second slot is theirs.
    assert len(served) <= 21
    assert small.project in served[:2]


def test_who_holds_all_slots_gets_none_while_another_waits(tenant: Callable[..., Desk]) -> None:
    flood, small = tenant("flood"), tenant("small")
    _flood(flood, 50)
    held = [_next(flood) for _ in range(8)]
    _flood(small, 20)

    running: Counter[UUID] = Counter({flood.project: 8})
    for claim in held:  # the flood's jobs end one by one; what takes their slots goes on for long
        flood.finish(claim)
        running[flood.project] -= 1
        running[_next(flood).project_id] += 1

    assert running == {flood.project: 4, small.project: 4}


def test_shares_follow_weights(tenant: Callable[..., Desk]) -> None:
    heavy, light = tenant("heavy", weight=3), tenant("light")
    _flood(heavy, 100)
    _flood(light, 100)

    one_by_one: Counter[UUID] = Counter()
    for _ in range(40):
        claim = _next(heavy)
        one_by_one[claim.project_id] += 1
        heavy.finish(claim)
    at_once = Counter(_next(heavy).project_id for _ in range(40))

    assert one_by_one[heavy.project] == pytest.approx(30, abs=1)
    assert at_once[heavy.project] == pytest.approx(30, abs=1)


def test_a_pause_earns_no_credit(tenant: Callable[..., Desk]) -> None:
    busy, returning = tenant("busy"), tenant("returning")
    _flood(returning, 1)
    returning.finish(_next(returning))
    _flood(busy, 100)
    for _ in range(50):
        busy.finish(_next(busy))
    _flood(returning, 20)

    served: Counter[UUID] = Counter()
    for _ in range(20):
        claim = _next(busy)
        served[claim.project_id] += 1
        busy.finish(claim)

    assert served[returning.project] == pytest.approx(10, abs=1)


def test_priorities_act_within_a_project_only(tenant: Callable[..., Desk]) -> None:
    loud, quiet = tenant("loud"), tenant("quiet")
    _flood(loud, 10, priority=100)
    last = quiet.submit(priority=-5)
    first = quiet.submit(priority=7)

    claimed = [_next(quiet) for _ in range(4)]

    assert [claim.job_id for claim in claimed if claim.project_id == quiet.project] == [first.job_id, last.job_id]


@pytest.mark.parametrize("threads", [1, 8])
def test_a_quota_of_running_jobs_is_exact_however_many_claim(
    tenant: Callable[..., Desk], settings: Settings, threads: int
) -> None:
    bounded = tenant("bounded", max_running=5)
    _flood(bounded, 60)

    def act(_: int) -> int:
        with connect(settings) as conn:
            own = Desk(conn, bounded.project, settings)
            own.pool = bounded.pool
            return sum(own.claim() is not None for _ in range(6))

    assert sum(together(threads, act)) == 5
    row = bounded.conn.execute(
        "SELECT count(*), count(DISTINCT slot) FROM job WHERE project_id = %s AND state = 'running'", (bounded.project,)
    ).fetchone()
    assert row == (5, 5)


def test_a_job_that_ends_or_is_handed_back_makes_room(tenant: Callable[..., Desk]) -> None:
    bounded, other = tenant("bounded", max_running=2), tenant("other")
    _flood(bounded, 4)
    first, second = _next(bounded), _next(bounded)
    assert bounded.claim() is None
    _flood(other, 1)
    assert _next(bounded).project_id == other.project

    bounded.finish(first)
    assert _next(bounded).project_id == bounded.project
    assert bounded.claim() is None
    assert jobs.hand_back(bounded.conn, second.job_id, second.attempt, "drain") is not None
    assert _next(bounded).job_id == second.job_id
    assert bounded.claim() is None


def test_a_lapsed_job_of_a_project_at_its_quota_is_taken_over_in_its_own_slot(tenant: Callable[..., Desk]) -> None:
    bounded = tenant("bounded", max_running=1)
    _flood(bounded, 2)
    first = _next(bounded)
    bounded.lapse(first.job_id)

    second = _next(bounded)

    assert (second.job_id, second.takeover) == (first.job_id, True)
    assert bounded.claim() is None


def test_turns_that_were_lost_in_a_crash_begin_anew(tenant: Callable[..., Desk]) -> None:
    one, two = tenant("one"), tenant("two")
    _flood(one, 10)
    _flood(two, 10)
    for _ in range(6):
        one.finish(_next(one))
    one.conn.execute("TRUNCATE turn")

    served = Counter()
    for _ in range(10):
        claim = _next(one)
        served[claim.project_id] += 1
        one.finish(claim)

    assert served == {one.project: 5, two.project: 5}


def test_who_waits_is_known_after_every_way_into_the_queue(tenant: Callable[..., Desk]) -> None:
    one = tenant("one")

    def waiting() -> int:
        row = one.conn.execute("SELECT count(*) FROM waiting WHERE pool = %s", (one.pool,)).fetchone()
        assert row is not None
        return int(row[0])

    def forget() -> None:
        one.conn.execute("UPDATE waiting SET since = now() - interval '1 hour' WHERE pool = %s", (one.pool,))
        jobs.tidy(one.conn)

    _flood(one, 2)
    forget()
    assert waiting() == 1, "its queue is not empty"
    one.conn.execute("UPDATE waiting SET since = now() WHERE pool = %s", (one.pool,))
    first, second = _next(one), _next(one)
    jobs.tidy(one.conn)
    assert waiting() == 1, "it has only just become empty"
    forget()
    assert waiting() == 0
    assert jobs.hand_back(one.conn, first.job_id, first.attempt, "drain") is not None
    assert waiting() == 1
    one.finish(_next(one))
    forget()
    one.lapse(second.job_id)
    reaper.reap(one.conn, leases=True)
    assert _next(one).job_id == second.job_id
    forget()
    one.submit()
    assert waiting() == 1


def test_a_project_is_not_forgotten_while_a_job_of_its_own_is_on_its_way_in(
    tenant: Callable[..., Desk], settings: Settings
) -> None:
    one = tenant("one")
    one.finish(one.running())
    one.conn.execute("UPDATE waiting SET since = now() - interval '1 hour'")
    with connect(settings) as other, other.transaction():
        late = Desk(other, one.project, settings)
        late.pool = one.pool
        late.submit()
        jobs.tidy(one.conn)  # the job is not seen yet, but it is under way

    assert _next(one).project_id == one.project


@pytest.mark.slow
@pytest.mark.parametrize("tenants", [100, 1000])
def test_a_claim_takes_milliseconds_however_many_projects_wait(conn: Database, desk: Desk, tenants: int) -> None:
    conn.execute("INSERT INTO organisation (id, name) VALUES (gen_random_uuid(), %s)", (desk.pool,))
    conn.execute(
        "INSERT INTO project (id, name, organisation_id) SELECT gen_random_uuid(), %(pool)s || n, organisation.id"
        " FROM generate_series(1, %(count)s) AS n, organisation WHERE organisation.name = %(pool)s",
        {"pool": desk.pool, "count": tenants},
    )
    conn.execute(
        "INSERT INTO job (id, project_id, kind, task, engine, pool, created_at, retention, last_seq)"
        " SELECT gen_random_uuid(), project.id, 'program', 'solve', 'auto', %(pool)s, now(), interval '1 day', 1"
        " FROM project, generate_series(1, %(each)s) WHERE starts_with(project.name, %(pool)s)",
        {"pool": desk.pool, "each": 20_000 // tenants},
    )
    conn.execute("INSERT INTO job_input SELECT id, %b FROM job WHERE pool = %s", (b"{}", desk.pool))
    conn.execute("ANALYZE job, waiting, project, job_input")

    # Of processor time: this machine may have other work.
    schedule = Path(f"/proc/{conn.info.backend_pid}/schedstat")
    begin = int(schedule.read_text().split()[0])
    served = Counter(_next(desk).project_id for _ in range(200))
    milliseconds = (int(schedule.read_text().split()[0]) - begin) / 200 / 1e6

    assert max(served.values()) - 200 // tenants <= 1, "each has had its turn"
    assert milliseconds < 10  # docs/benchmarks.md: 2 and 4
