"""Studies and schedules over HTTP: the examples of the OpenAPI, replies that fit the contract, errors with pointers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api_schemas.schedules import Received, Run, Schedule, ScheduleVersion
from api_schemas.studies import AskReply, Front, Lease, Study, StudyPage, Trial, TrialHistory, TrialPage
from api_schemas.study_comparisons import Comparison, ComparisonPage
from service.rest import schedule_examples, study_examples

STUDY: dict[str, Any] = study_examples.STUDY_REQUESTS["training"]["value"]


@pytest.fixture
def study(client: httpx.Client) -> str:
    """The address of the example's study."""
    made = client.post("/v1/studies", json=STUDY)
    assert made.status_code == 201, made.text
    Study.model_validate_json(made.content)
    return made.headers["location"]


def sent(reply: httpx.Response, model: Any, status: int = 200) -> Any:
    assert reply.status_code == status, reply.text
    return model.model_validate_json(reply.content)


def test_the_examples_are_a_conversation(client: httpx.Client, study: str) -> None:
    examples = study_examples
    asked = sent(client.post(f"{study}/ask", json=examples.ASK_REQUESTS["four"]["value"]), AskReply)
    assert [trial.origin for trial in asked.trials] == ["user", *["quasi-random"] * 3], "the guess, then no worker"
    assert "no worker" in asked.trials[1].why
    fixed = sent(client.post(f"{study}/ask", json=examples.ASK_REQUESTS["fixed"]["value"]), AskReply)
    assert fixed.trials[0].params["optimizer"] == "adam"
    one = f"{study}/trials/1"
    sent(client.post(f"{one}/heartbeat", json=examples.LEASE_REQUESTS["alive"]["value"]), Lease)
    sent(client.post(f"{one}/reports", json=examples.REPORT_REQUESTS["epoch"]["value"]), Lease)
    told = sent(client.post(f"{one}/tell", json=examples.TELL_REQUESTS["completed"]["value"]), Trial)
    assert told.feasible is True
    sent(client.post(f"{study}/trials/2/tell", json=examples.TELL_REQUESTS["failed"]["value"]), Trial)
    sent(client.post(f"{study}/trials/3/release", json=examples.LEASE_REQUESTS["alive"]["value"]), Trial)
    edited = sent(client.patch(one, json=examples.EDIT_REQUESTS["corrected"]["value"]), Trial)
    assert edited.values == {"loss": 0.27, "latency": 11, "memory": 8}
    history = sent(client.get(f"{one}/history"), TrialHistory)
    assert [change.type for change in history.changes] == ["added", "asked", "completed", "edited"]
    assert history.changes[-1].by.startswith("key ")
    for name in ("known", "next"):
        sent(client.post(f"{study}/trials", json=examples.TRIAL_REQUESTS[name]["value"]), Trial, 201)
    assert sent(client.get(f"{study}/best"), Trial).number == 1
    sent(client.get(f"{study}/pareto"), Front)
    page = sent(client.get(f"{study}/trials", params={"limit": 2}), TrialPage)
    assert [trial.number for trial in page.trials] == [1, 2]
    assert page.next_after == 2
    assert sent(client.get("/v1/studies"), StudyPage).studies[0].trials.completed == 2
    early = client.post(f"{study}/predict", params={"wait": 0}, json=examples.PREDICT_REQUESTS["one"]["value"])
    assert early.status_code == 409
    assert early.json()["code"] == "not-finished"
    for _ in range(3):
        sent(client.post(f"{study}/trials", json=examples.TRIAL_REQUESTS["known"]["value"]), Trial, 201)
    waiting = client.post(f"{study}/predict", params={"wait": 0}, json=examples.PREDICT_REQUESTS["one"]["value"])
    assert waiting.status_code == 202
    assert waiting.headers["location"].startswith("/v1/jobs/job_")


def test_the_same_request_loads_the_study_and_another_one_is_a_conflict(client: httpx.Client, study: str) -> None:
    assert client.post("/v1/studies", json=STUDY).status_code == 200

    refused = client.post("/v1/studies", json={**STUDY, "objectives": {"loss": "max"}})

    assert refused.status_code == 409
    assert {error["pointer"] for error in refused.json()["errors"]} >= {"/objectives/loss"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"space": {"a": {"type": "float", "low": 2, "high": 1}}}, "/space/a"),
        ({"space": {"a": {"type": "float", "low": 0, "high": 1, "log": True}}}, "/space/a"),
        ({"space": {"a": {"type": "flaot", "low": 0, "high": 1}}}, "/space/a"),
        ({"space": {"a": {"type": "int", "low": 0, "high": 1, "when": {"b": 1}}}}, "/space/a/when/b"),
        ({"input_constraints": ["lr <= nothing"]}, "/input_constraints/0"),
        ({"input_constraints": ["lr <= 1", "2*lr == layers"]}, "/input_constraints/1"),
        ({"input_constraints": ["__import__('os') <= 1"]}, "/input_constraints/0"),
        ({"guesses": [{"lr": 7}]}, "/guesses/0/lr"),
        ({"constraints": {"memory": "= 3"}}, "/constraints/memory"),
        ({"objectives": {}}, "/objectives"),
    ],
)
def test_what_is_wrong_with_a_study_is_named(client: httpx.Client, change: dict[str, Any], pointer: str) -> None:
    refused = client.post("/v1/studies", json={**STUDY, "input_constraints": [], "guesses": [], **change})

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer


def test_a_parameter_that_is_never_active_is_taken_and_said_aloud(client: httpx.Client) -> None:
    space = {
        "optimizer": {"type": "categorical", "choices": ["adam", "lion"]},
        "momentum": {"type": "float", "low": 0, "high": 1, "when": {"optimizer": "sgd"}},
    }
    made = client.post("/v1/studies", json={"name": "lr-search", "space": space, "objectives": {"loss": "min"}})

    (warning,) = sent(made, Study, 201).warnings
    assert warning == "'momentum' is never active: of 'optimizer', 'sgd' is not one of 'adam', 'lion'"
    asked = sent(client.post(f"{made.headers['location']}/ask", json={"wait": 0}), AskReply)
    assert set(asked.trials[0].params) == {"optimizer"}


def test_a_stale_lease_and_a_finished_trial_have_codes_of_their_own(client: httpx.Client, study: str) -> None:
    client.post(f"{study}/ask", json={"wait": 0})
    client.post(f"{study}/trials/1/release", json={"attempt": 1})

    stale = client.post(f"{study}/trials/1/heartbeat", json={"attempt": 1})
    missing = client.post(f"{study}/trials/1/tell", json={"values": {"loss": 1}})
    none = client.post(f"{study}/trials/99/tell", json={"values": {"loss": 1}})

    assert (stale.status_code, stale.json()["code"]) == (409, "stale-lease")
    assert [error["pointer"] for error in missing.json()["errors"]] == ["/values/latency", "/values/memory"]
    assert none.status_code == 404


def test_strangers_see_nothing(stranger: httpx.Client, study: str, client: httpx.Client) -> None:
    schedule = client.post("/v1/schedules", json=schedule_examples.SCHEDULE_REQUESTS["refined"]["value"])
    for address in (study, f"{study}/best", f"{study}/trials", schedule.headers["location"]):
        assert stranger.get(address).status_code == 404
    assert stranger.post(f"{study}/ask", json={}).status_code == 404
    assert stranger.post(f"{schedule.headers['location']}/runs", json={}).status_code == 404


def test_a_schedule_its_runs_and_their_tags(client: httpx.Client) -> None:
    examples = schedule_examples
    made = client.post("/v1/schedules", json=examples.SCHEDULE_REQUESTS["refined"]["value"])
    sent(made, Schedule, 201)
    address = made.headers["location"]
    run = client.post(f"{address}/runs", json=examples.RUN_REQUESTS["run"]["value"])
    sent(run, Run, 201)
    where = run.headers["location"]
    batch = examples.OBSERVATIONS["norms"]["value"]
    assert sent(client.post(f"{where}/observations", json=batch), Received).stored == 2
    assert sent(client.post(f"{where}/observations", json=batch), Received).stored == 0
    tag = client.get(where).headers["etag"]
    assert client.get(where, headers={"If-None-Match": tag}).status_code == 304
    sent(client.post(f"{where}/finish", json=examples.FINISH_REQUESTS["done"]["value"]), Run)
    assert client.get(where, headers={"If-None-Match": tag}).status_code == 200
    version = client.get(f"{address}/versions/1")
    sent(version, ScheduleVersion)
    same = client.get(f"{address}/versions/1", headers={"If-None-Match": version.headers["etag"]})
    assert same.status_code == 304
    sent(client.post(f"{address}/promote", json=examples.PROMOTE_REQUESTS["back"]["value"]), Schedule)
    waits = client.post(f"{address}/refine", params={"wait": 0}, json=examples.REFINE_REQUESTS["all"]["value"])
    assert waits.status_code == 202
    sent(client.post("/v1/schedules", json=examples.SCHEDULE_REQUESTS["bandit"]["value"]), Schedule, 201)


def test_a_study_by_preference_is_told_comparisons(client: httpx.Client) -> None:
    taste = {"name": "taste", "space": {"sugar": {"type": "float", "low": 0, "high": 1}}, "preference": True}
    address = client.post("/v1/studies", json=taste).headers["location"]
    client.post(f"{address}/ask", json={"count": 5, "wait": 0})
    for name, status in (("pair", 201), ("pair", 200), ("ranking", 201)):
        told = client.post(f"{address}/comparisons", json=study_examples.COMPARISON_REQUESTS[name]["value"])
        sent(told, Comparison, status)
    assert sent(client.get(f"{address}/best"), Trial).number == 4
    page = sent(client.get(f"{address}/comparisons", params={"limit": 1}), ComparisonPage)
    assert page.next_after == page.comparisons[0].number
    gone = sent(client.delete(f"{address}/comparisons/{page.comparisons[0].number}"), Comparison)
    assert gone.retracted is not None
    refused = client.post(f"{address}/comparisons", json={"best": [1, 1]})
    assert refused.status_code == 422, refused.text
    assert "named twice" in refused.text
    assert sent(client.get(f"{address}/pareto"), Front).trials == []


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("contour?x=lr&y=nothing", "o parameter is called 'nothing'"),
        ("contour?x=lr&y=lr", "must be different"),
        ("marginals?parameter=lr&objective=taste", "o objective is called 'taste'"),
        ("utilities", "by preference"),
    ],
)
def test_an_analysis_of_what_is_not_there_troubles_no_worker(
    client: httpx.Client, study: str, question: str, words: str
) -> None:
    refused = client.get(f"{study}/{question}")
    assert refused.json()["code"] == "invalid-request", refused.text
    assert words in refused.json()["detail"]


@pytest.mark.parametrize("question", ["importance", "marginals", "contour?x=lr&y=layers", "calibration", "progress"])
def test_an_analysis_is_a_job_that_is_waited_for(client: httpx.Client, study: str, question: str) -> None:
    for _ in range(5):
        client.post(f"{study}/trials", json=study_examples.TRIAL_REQUESTS["known"]["value"])
    waiting = client.get(f"{study}/{question}")
    assert waiting.status_code == 202, waiting.text
    again = client.get(f"{study}/{question}")
    assert again.headers["location"] == waiting.headers["location"], "one job for all who ask the same"
