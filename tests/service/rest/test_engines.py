"""What a submit is refused for because of what live workers announced; dry runs; what is shown of workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service import jobs
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import ENGINES, INSPECTION, LiveApi, TinyWorker


def post(client: httpx.Client, *, dry: bool = False, **fields: Any) -> httpx.Response:
    return client.post("/v1/jobs", params={"validate_only": "true"} if dry else {}, json={"problem": PROGRAM, **fields})


@pytest.fixture(scope="module", autouse=True)
def announced(api: LiveApi, settings: Settings) -> Iterator[None]:
    """A worker that only announces: it takes no job."""
    with TinyWorker(settings, idle=True):
        time.sleep(1.1)  # the catalogue is a second old at most
        yield


@pytest.mark.parametrize("engine", ["auto", "race", "tiny"])
def test_engines_that_are_there_are_accepted(client: httpx.Client, engine: str) -> None:
    assert post(client, engine=engine).json()["pool"] == "cpu"


def test_the_pool_comes_from_the_engine(client: httpx.Client) -> None:
    assert post(client, engine="giant").json()["pool"] == "gpu"


def test_an_unknown_engine_is_refused_with_the_near_one(client: httpx.Client) -> None:
    reply = post(client, engine="tinny")
    assert (reply.status_code, reply.json()["code"]) == (422, "unknown-engine")
    assert reply.json()["errors"] == [
        {"pointer": "/engine", "detail": "there is no engine 'tinny'", "hint": "did you mean 'tiny'?"}
    ]
    far = post(client, engine="gurobi").json()
    assert far["errors"][0]["hint"] == "there are: auto, race, giant, tiny"


def test_the_engines_of_a_race_are_checked_too(client: httpx.Client) -> None:
    reply = post(client, engine="race", options={"race": ["tiny", "gaint"]}).json()
    assert [(e["pointer"], e["hint"]) for e in reply["errors"]] == [("/options/race/1", "did you mean 'giant'?")]


@pytest.mark.parametrize(
    ("option", "detail"),
    [
        ({"deph": 3}, "engine 'tiny' has no such option"),
        ({"depth": 0}, "must be at least 1"),
        ({"depth": 10}, "must be at most 9"),
        ({"depth": 2.5}, "must be a whole number"),
        ({"depth": True}, "must be a whole number"),
        ({"mood": "angry"}, "must be one of calm, bold"),
        ({"mood": 1}, "must be a string"),
        ({"scale": "x"}, "must be a number"),
        ({"quick": 1}, "must be true or false"),
    ],
)
def test_options_of_the_engine_are_checked(client: httpx.Client, option: dict[str, Any], detail: str) -> None:
    reply = post(client, engine="tiny", options={"engine_options": option})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid-option")
    error = reply.json()["errors"][0]
    assert (error["pointer"], error["detail"]) == (f"/options/engine_options/{next(iter(option))}", detail)
    if "deph" in option:
        assert error["hint"] == "did you mean 'depth'?"


def test_fitting_options_are_accepted_and_for_auto_those_of_any_engine(client: httpx.Client) -> None:
    good = {"depth": 9, "mood": "bold", "scale": 2, "quick": False}
    assert post(client, engine="tiny", options={"engine_options": good}).status_code == 202
    assert post(client, options={"engine_options": good}).status_code == 202
    assert (
        post(client, options={"engine_options": {"nobody": 1}}).json()["errors"][0]["detail"]
        == "no engine has this option"
    )


def test_engines_workers_and_status_are_shown(client: httpx.Client, project: Any) -> None:
    post(client)
    engines = client.get("/v1/engines").json()["engines"]
    assert {engine["id"]: engine["workers"] for engine in engines} == {"tiny": 1, "giant": 1}
    assert engines[1]["options"] == [option.model_dump(mode="json") for option in ENGINES[0].options]
    worker = client.get("/v1/workers").json()["workers"][0]
    assert (worker["host"], worker["engines"]) == ("here", ["program:tiny", "program:giant"])
    status = client.get("/v1/status").json()
    assert status["workers"] == 1
    assert status["project"].startswith("project ")
    assert [queue["pool"] for queue in status["queues"]] == ["cpu"]


def test_a_dry_run_tells_what_a_submit_would_be_refused_with(client: httpx.Client) -> None:
    for fields in ({"engine": "tinny"}, {"problem": {"objective": [1], "lower": [2, 3]}}, {"options": {"x": 1}}):
        dry, wet = post(client, dry=True, **fields).json(), post(client, **fields).json()
        assert {**dry, "request_id": ""} == {**wet, "request_id": ""}


@pytest.fixture
def reading(settings: Settings) -> Iterator[list[Claim]]:
    """A worker that reads problems: refuses those named "bad", dies of those named "deadly"."""
    claims: list[Claim] = []

    def read(conn: Database, claim: Claim) -> None:
        claims.append(claim)
        error: dict[str, Any] | None = None
        if b'"bad"' in claim.document:
            fault = {"pointer": "line 3", "detail": "no such section", "hint": "ROWS"}
            error = {"code": "malformed-file", "detail": "line 3: no such section", "errors": [fault]}
        elif b'"deadly"' in claim.document:
            error = {"code": "runner-died", "detail": "the process died"}
        answer = None if error else INSPECTION.model_dump_json().encode()
        seq = jobs.finish(
            conn, claim.job_id, claim.attempt, state="failed" if error else "succeeded", answer=answer, error=error
        )
        assert seq is not None
        worker.tell(claim, seq)

    worker = TinyWorker(settings, work=read)
    with worker:
        yield claims


def test_a_dry_run_reads_the_problem_and_leaves_no_job(client: httpx.Client, reading: list[Claim]) -> None:
    reply = post(client, dry=True, problem={**PROGRAM, "name": "good"}, engine="giant", options={"time_limit": 3})
    assert reply.status_code == 200, reply.text
    assert reply.json() == {
        "valid": True,
        "kind": "program",
        "engine": "giant",
        "pool": "gpu",
        "inspection": INSPECTION.model_dump(mode="json"),
        "warnings": [],
    }
    assert [claim.task for claim in reading if b"good" in claim.document] == ["inspect"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_dry_run_of_a_file_that_cannot_be_read_is_the_jobs_own_error(
    client: httpx.Client, reading: list[Claim]
) -> None:
    reply = post(client, dry=True, problem={**PROGRAM, "name": "bad"})
    assert (reply.status_code, reply.json()["code"]) == (422, "malformed-file")
    assert reply.json()["errors"] == [{"pointer": "line 3", "detail": "no such section", "hint": "ROWS"}]


def test_a_dry_run_that_kills_its_reader_is_no_server_error(client: httpx.Client, reading: list[Claim]) -> None:
    reply = post(client, dry=True, problem={**PROGRAM, "name": "deadly"})
    assert reply.status_code == 200
    assert reply.json()["warnings"] == ["Reading the problem failed (runner-died): the process died"]
