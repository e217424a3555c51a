"""Lists: filters, pages, tokens."""

from __future__ import annotations

import base64
import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from api_schemas.errors import KantorError
from service import jobs, projects
from service.jobs import JobFilters
from tests.service.work import Desk


def ids(desk: Desk, size: int = 50, **filters: Any) -> list[UUID]:
    """All ids that the filters let through, page by page."""
    found: list[UUID] = []
    token = ""
    while True:
        rows, token = jobs.list_page(
            desk.conn, desk.project, JobFilters(**filters), size, token, settings=desk.settings
        )
        assert len(rows) <= size
        found += [row.id for row in rows]
        if not token:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
def test_pages_hold_every_job_once_newest_first(desk: Desk, size: int) -> None:
    submitted = [desk.submit().job_id for _ in range(7)]

    assert ids(desk, size) == sorted(submitted, reverse=True)


def test_jobs_that_come_while_paging_do_not_shift_the_pages(desk: Desk) -> None:
    old = [desk.submit().job_id for _ in range(4)]
    first, token = jobs.list_page(desk.conn, desk.project, JobFilters(), 2, settings=desk.settings)
    desk.submit()

    second, _ = jobs.list_page(desk.conn, desk.project, JobFilters(), 2, token, settings=desk.settings)

    assert [row.id for row in (*first, *second)] == sorted(old, reverse=True)


def test_each_filter_lets_through_what_it_names(desk: Desk) -> None:
    plain = desk.submit().job_id
    named = desk.submit(name="night run").job_id
    scip = desk.submit(engine="scip").job_id
    labelled = desk.submit(labels={"team": "ops", "run": "7"}).job_id
    cancelled = desk.submit().job_id
    jobs.cancel(desk.conn, desk.project, cancelled)

    assert ids(desk, name="night run") == [named]
    assert ids(desk, engine="scip") == [scip]
    assert ids(desk, labels={"team": "ops"}) == ids(desk, labels={"team": "ops", "run": "7"}) == [labelled]
    assert ids(desk, labels={"team": "ops", "run": "8"}) == []
    assert ids(desk, states=("cancelled",)) == [cancelled]
    # two of the same millisecond come in any order
    assert ids(desk, states=("queued", "running")) == sorted([labelled, scip, named, plain], reverse=True)
    assert ids(desk, kind="program", engine="auto", states=("queued",), name="night run") == [named]
    assert ids(desk, kind="transport") == []


def test_names_are_found_by_their_beginning_and_signs_of_patterns_are_letters(desk: Desk) -> None:
    made = {name: desk.submit(name=name).job_id for name in ("night run", "nightly", "Night", "100%_x", "100 x")}

    assert set(ids(desk, beginning="night")) == {made["night run"], made["nightly"]}
    assert ids(desk, beginning="100%") == [made["100%_x"]]
    assert ids(desk, beginning="ight") == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_kinds_can_be_left_out_alone_and_with_other_filters(desk: Desk, size: int) -> None:
    kinds = ["program", "study", "study", "transport", "schedule", "program"]
    made = []
    for kind in kinds:
        made.append(desk.submit(name="mine").job_id)
        desk.conn.execute("UPDATE job SET kind = %s WHERE id = %s", (kind, made[-1]))
    wanted = sorted([made[0], made[3], made[5]], reverse=True)

    assert ids(desk, size, without_kinds=("study", "schedule")) == wanted
    assert ids(desk, size, without_kinds=("study", "schedule"), name="mine") == wanted
    assert ids(desk, size, without_kinds=("program", "study", "transport", "schedule")) == []


def test_filters_by_time_count_milliseconds(desk: Desk) -> None:
    rows = [desk.submit().job for _ in range(3)]
    for before, after in itertools.pairwise(rows):
        if before.created_at == after.created_at:
            pytest.skip("two jobs in one millisecond")
    middle = rows[1].created_at

    assert ids(desk, created_after=middle) == [rows[2].id, rows[1].id]
    assert ids(desk, created_before=middle) == [rows[0].id]
    assert ids(desk, created_after=middle, created_before=middle + timedelta(milliseconds=1)) == [rows[1].id]


def test_a_token_of_another_query_is_refused(desk: Desk) -> None:
    for _ in range(3):
        desk.submit(labels={"a": "b"})
    _, token = jobs.list_page(desk.conn, desk.project, JobFilters(labels={"a": "b"}), 1, settings=desk.settings)
    other = projects.ensure(desk.conn, f"other of {desk.project}")

    for project, filters in ((desk.project, JobFilters()), (other, JobFilters(labels={"a": "b"}))):
        with pytest.raises(KantorError) as caught:
            jobs.list_page(desk.conn, project, filters, 1, token, settings=desk.settings)
        assert caught.value.code == "invalid-page-token"


@pytest.mark.parametrize(
    "token", ["x", "!!!", "AAAA", "é", "\0", "A" * 43, base64.urlsafe_b64encode(bytes(32)).decode()]
)
def test_a_token_that_was_not_given_is_refused(desk: Desk, token: str) -> None:
    with pytest.raises(KantorError) as caught:
        jobs.list_page(desk.conn, desk.project, JobFilters(), 1, token, settings=desk.settings)
    assert caught.value.code == "invalid-page-token"


def test_a_token_that_was_changed_by_one_bit_is_refused(desk: Desk) -> None:
    for _ in range(3):
        desk.submit()
    _, token = jobs.list_page(desk.conn, desk.project, JobFilters(), 1, settings=desk.settings)
    raw = bytearray(base64.urlsafe_b64decode(token + "=="))
    for k in range(0, 8 * len(raw), 17):
        forged = bytearray(raw)
        forged[k // 8] ^= 1 << (k % 8)
        with pytest.raises(KantorError):
            jobs.list_page(
                desk.conn,
                desk.project,
                JobFilters(),
                1,
                base64.urlsafe_b64encode(forged).decode(),
                settings=desk.settings,
            )


def test_a_page_has_at_most_a_thousand_jobs(desk: Desk) -> None:
    jobs.submit_many(desk.conn, [desk.submission() for _ in range(1001)], settings=desk.settings)

    rows, token = jobs.list_page(desk.conn, desk.project, JobFilters(), 10**9, settings=desk.settings)

    assert len(rows) == 1000
    assert token
