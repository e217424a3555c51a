"""What is no number, told to studies and schedules: refused with its place, or kept as a failure with the reason."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

QUESTIONS = ["importance", "marginals", "calibration", "stopping"]


@pytest.fixture
def study(client: httpx.Client) -> str:
    """The address of a study with one trial under way."""
    body = {"name": "odd", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "min"}}
    address: str = client.post("/v1/studies", json=body).headers["location"]
    client.post(f"{address}/ask", json={"wait": 0})
    return address


@pytest.fixture
def run(client: httpx.Client) -> str:
    """The address of a run."""
    made = client.post("/v1/schedules", json={"name": "odd", "horizon": 100})
    address: str = client.post(f"{made.headers['location']}/runs", json={}).headers["location"]
    return address


def seen(client: httpx.Client, run: str, *items: dict[str, Any]) -> httpx.Response:
    return client.post(f"{run}/observations", json={"observations": list(items)})


@pytest.mark.parametrize(("value", "words"), [("1", 'but is "1"'), (True, "but is true"), (None, "but is null")])
def test_what_only_looks_like_a_number_is_not_told(client: httpx.Client, study: str, value: Any, words: str) -> None:
    refused = client.post(f"{study}/trials/1/tell", json={"values": {"loss": value}})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/values/loss"
    assert words in refused.json()["detail"]
    assert client.get(f"{study}/trials/1").json()["state"] == "running"


def test_a_loss_that_is_not_a_number_makes_a_failed_trial_with_the_reason(client: httpx.Client, study: str) -> None:
    told = client.post(f"{study}/trials/1/tell", json={"values": {"loss": "NaN"}}).json()

    assert (told["state"], told["reason"]) == ("failed", "loss is not a number")


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_analysis_asked_too_early_is_refused_and_leaves_no_failed_job(
    client: httpx.Client, study: str, question: str
) -> None:
    early = client.get(f"{study}/{question}")

    assert (early.status_code, early.json()["code"]) == (409, "not-finished")
    assert "Ask again after 5 more" in early.json()["detail"]
    assert client.get("/v1/jobs", params={"kind": "study", "state": "failed"}).json()["jobs"] == []


def test_a_run_that_has_ended_takes_nothing_new_but_hears_the_same_again(client: httpx.Client, run: str) -> None:
    assert seen(client, run, {"step": 1, "loss": 2.0}).json()["stored"] == 1
    assert client.post(f"{run}/finish", json={"final": {"loss": 1.0}}).json()["state"] == "finished"

    again = seen(client, run, {"step": 1, "loss": 2.0})
    late = seen(client, run, {"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5})

    assert (again.status_code, again.json()["stored"]) == (200, 0)
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert "step 2" in late.json()["detail"]
    assert [item["step"] for item in client.get(f"{run}/observations").json()["observations"]] == [1]


def test_a_loss_that_is_no_number_is_kept_and_named_and_may_pass(client: httpx.Client, run: str) -> None:
    assert seen(client, run, {"step": 1, "loss": "NaN"}, {"step": 2, "loss": 3.0}).status_code == 200

    assert client.get(run).json()["reason"] == "loss is not a number at step 1"
    assert client.get(f"{run}/observations").json()["observations"][0]["loss"] == "NaN"
    assert client.post(f"{run}/finish", json={}).json()["state"] == "finished", "it recovered"


@pytest.mark.parametrize(
    ("last", "end", "reason"),
    [
        ("Infinity", {}, "the last loss, at step 7, is infinite"),
        (1.0, {"final": {"loss": "NaN"}}, "loss is not a number"),
        (1.0, {"state": "failed", "reason": "out of memory"}, "out of memory"),
    ],
)
def test_a_run_that_diverged_has_failed_and_says_why(
    client: httpx.Client, run: str, last: Any, end: dict[str, Any], reason: str
) -> None:
    seen(client, run, {"step": 7, "loss": last})

    ended = client.post(f"{run}/finish", json=end).json()

    assert (ended["state"], ended["reason"]) == ("failed", reason)
    assert client.post(f"{run}/finish", json=end).status_code == 200, "ending it twice is the same as once"


@pytest.mark.parametrize("item", [{"step": 1, "norm": "NaN"}, {"step": 1, "norm": -1.0}, {"step": -1}])
def test_an_observation_that_can_mean_nothing_is_refused(client: httpx.Client, run: str, item: dict[str, Any]) -> None:
    refused = seen(client, run, item)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/observations/0/")
