"""Studies by preference: comparisons are kept once, end trials, and are what engines see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from api_schemas.errors import KantorError
from api_schemas.studies import StudyRequest
from api_schemas.study_comparisons import ComparisonRequest
from service import studies
from service.settings import Settings
from service.store.connect import Database
from service.studies import ComparisonRow
from service.studies.comparisons import favourite
from tests.service.studies.desk import SPACE, StudyDesk


@pytest.fixture
def taste(conn: Database, project: UUID, settings: Settings) -> StudyDesk:
    return StudyDesk(conn, project, settings, objectives={}, preference=True)


def compare(desk: StudyDesk, best: list[int], others: list[int], key: str = "") -> tuple[ComparisonRow, bool]:
    request = ComparisonRequest(best=best, others=others, key=key)
    return studies.compare(desk.conn, desk.project, desk.study.id, request, by="me")


def loaded(desk: StudyDesk) -> dict[str, Any]:
    observations: dict[str, Any] = orjson.loads(desk.load(desk.claim()))["problem"]["step"]["observations"]
    return observations


def test_a_comparison_ends_its_trials_and_is_seen_by_engines(taste: StudyDesk) -> None:
    trials = taste.ask(3)

    row, again = compare(taste, [2], [1])

    assert not again
    assert (row.best, row.others, row.by) == ([2], [1], "me")
    assert [taste.trial(t.number).state for t in trials] == ["completed", "completed", "running"]
    assert row.number == taste.row.watermark, "the trials' own changes come before it"
    seen = loaded(taste)
    assert seen["comparisons"] == [{"best": [2], "others": [1]}]
    assert [trial["state"] for trial in seen["trials"]] == ["complete", "complete", "pending"]
    best = studies.best(taste.conn, taste.project, taste.study.id)
    assert best is not None
    assert best.number == 2


def test_the_same_key_is_the_same_comparison_and_another_one_under_it_a_conflict(taste: StudyDesk) -> None:
    taste.ask(3)
    first, _ = compare(taste, [2], [1], "k")

    second, again = compare(taste, [2], [1], "k")

    assert again
    assert second == first
    with pytest.raises(KantorError) as caught:
        compare(taste, [1], [2], "k")
    assert caught.value.code == "conflict"
    compare(taste, [3], [2], "other")
    assert len(loaded(taste)["comparisons"]) == 2


def test_a_retracted_comparison_counts_no_more_but_is_kept(taste: StudyDesk) -> None:
    taste.ask(3)
    wrong, _ = compare(taste, [1], [2])
    compare(taste, [3], [1])

    gone = studies.retract(taste.conn, taste.project, taste.study.id, wrong.number)

    assert gone.retracted == taste.row.watermark
    assert studies.retract(taste.conn, taste.project, taste.study.id, wrong.number) == gone
    assert loaded(taste)["comparisons"] == [{"best": [3], "others": [1]}]
    kept = studies.list_comparisons(taste.conn, taste.project, taste.study.id)
    assert [row.retracted for row in kept] == [gone.retracted, None]


@pytest.mark.parametrize(
    ("best", "others", "words"), [([1], [9], "no trial 9"), ([2], [1], "failed"), ([1, 9], [], "no trial 9")]
)
def test_what_cannot_be_compared_is_refused_with_its_place(
    taste: StudyDesk, best: list[int], others: list[int], words: str
) -> None:
    one, two = taste.ask(2)
    taste.tell(two, None, state="failed", reason="burnt")

    with pytest.raises(KantorError, match=words) as caught:
        compare(taste, best, others)

    assert caught.value.errors[0].pointer.startswith(("/best/", "/others/"))
    assert taste.trial(one.number).state == "running", "nothing was changed"


def test_a_study_with_objectives_takes_no_comparisons(desk: StudyDesk) -> None:
    desk.ask(2)
    with pytest.raises(KantorError, match="has objectives"):
        compare(desk, [1], [2])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"objectives": {}}, "preference: true"),
        ({"objectives": {"loss": "min"}, "preference": True}, "neither objectives"),
        ({"preference": True, "early_stopping": {"rule": "median"}}, "intermediate"),
    ],
)
def test_a_study_has_objectives_or_is_by_preference(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        StudyRequest.model_validate({"name": "n", "space": SPACE, **fields})


def test_the_favourite_wins_most_and_an_unbeaten_newcomer_is_not_far_ahead() -> None:
    chain = [{"best": [3, 1, 2], "others": []}, {"best": [3], "others": [1]}, {"best": [1], "others": [2]}]
    assert favourite(chain) == 3
    assert favourite([*chain, {"best": [4], "others": [2]}]) == 3
    assert favourite([]) is None
