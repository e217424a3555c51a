"""The project's stream: what runs, changes and finishes, and every event of watched jobs, resumed without loss."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.activity import Activity
from api_schemas.ids import JOB, encode
from api_schemas.jobs import Job
from service import jobs
from service.jobs import Claim
from service.store.connect import Database
from tests.service.rest.test_events import STREAM, progress, read

Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def claim(submit: Submit, conn: Database) -> Iterator[Claim]:
    """Of a job that runs."""
    conn.execute("DELETE FROM job")
    submit(name="first")
    found = jobs.claim(conn, pools=["cpu"], engines=["program:some"], worker_id=UUID(int=1), lease_seconds=60)
    assert found is not None
    yield found
    jobs.finish(conn, found.job_id, found.attempt, state="cancelled")


def until(messages: Iterator[dict[str, str]], name: str) -> dict[str, str]:
    """The next message of a name."""
    return next(message for message in messages if message.get("event") == name)


def test_the_present_lists_running_jobs_first_and_the_queues(
    client: httpx.Client, claim: Claim, submit: Submit
) -> None:
    waiting = submit(name="second")
    now = Activity.model_validate_json(client.get("/v1/events").content)
    assert [(job.id, job.state) for job in now.active] == [
        (encode(JOB, claim.job_id), "running"),
        (waiting["id"], "queued"),
    ]
    assert [(queue.pool, queue.queued, queue.running) for queue in now.queues] == [("cpu", 1, 1)]
    assert now.complete


def test_the_stream_tells_of_new_changed_and_finished_jobs(
    client: httpx.Client, claim: Claim, conn: Database, submit: Submit
) -> None:
    with client.stream("GET", "/v1/events", headers=STREAM) as reply:
        messages = read(reply)
        first = Activity.model_validate_json(until(messages, "activity")["data"])
        assert [job.name for job in first.active] == ["first"]
        new = submit(name="second")
        assert Job.model_validate_json(until(messages, "job")["data"]).id == new["id"]
        assert json.loads(until(messages, "queues")["data"])[0]["queued"] == 1
        jobs.add_events(
            conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"gap": 0.5}}], progress={"gap": 0.5}
        )
        assert Job.model_validate_json(until(messages, "job")["data"]).progress == {"gap": 0.5}
        jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded")
        done = Job.model_validate_json(until(messages, "job")["data"])
        assert (done.id, done.state) == (encode(JOB, claim.job_id), "succeeded")


def test_a_job_that_comes_and_goes_between_two_looks_is_told(
    client: httpx.Client, claim: Claim, conn: Database, submit: Submit
) -> None:
    with client.stream("GET", "/v1/events", headers=STREAM) as reply:
        messages = read(reply)
        until(messages, "activity")
        client.post(f"/v1/jobs/{submit(name='brief')['id']}/cancel")
        job = Job.model_validate_json(until(messages, "job")["data"])
        while job.state != "cancelled":
            job = Job.model_validate_json(until(messages, "job")["data"])
        assert job.name == "brief"


def test_events_of_a_watched_job_are_replayed_followed_and_resumed_without_a_hole(
    client: httpx.Client, claim: Claim, conn: Database
) -> None:
    name = encode(JOB, claim.job_id)
    progress(conn, claim, 3)
    with client.stream("GET", "/v1/events", headers=STREAM, params={"job": f"{name}:2"}) as reply:
        messages = read(reply)
        seen = [until(messages, "event") for _ in range(2)]
    progress(conn, claim, 2, 3)
    with client.stream(
        "GET", "/v1/events", headers={**STREAM, "Last-Event-ID": seen[-1]["id"]}, params={"job": f"{name}:2"}
    ) as reply:
        messages = read(reply)
        seen += [until(messages, "event") for _ in range(3)]
    assert [json.loads(message["data"])["seq"] for message in seen] == [3, 4, 5, 6, 7]


def test_a_long_history_is_replayed_whole(client: httpx.Client, claim: Claim, conn: Database) -> None:
    progress(conn, claim, 1200)
    with client.stream("GET", "/v1/events", headers=STREAM, params={"job": encode(JOB, claim.job_id)}) as reply:
        messages = read(reply)
        numbers = [json.loads(until(messages, "event")["data"])["seq"] for _ in range(1202)]
    assert numbers == list(range(1, 1203))


def test_another_project_sees_and_watches_nothing(client: httpx.Client, stranger: httpx.Client, claim: Claim) -> None:
    now = Activity.model_validate_json(stranger.get("/v1/events").content)
    assert (now.active, now.queues) == ([], [])
    refused = stranger.get("/v1/events", params={"job": encode(JOB, claim.job_id)})
    assert (refused.status_code, refused.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("job", ["nonsense", "job_1:x", "job_00000000000000000000000000:-1"])
def test_what_cannot_be_watched_is_refused_with_a_hint(client: httpx.Client, job: str) -> None:
    refused = client.get("/v1/events", params={"job": job})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "job"
    assert refused.json()["errors"][0]["hint"]


def test_more_jobs_than_one_look_returns_are_said_to_be_incomplete(
    client: httpx.Client, claim: Claim, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.activity.MOST", 1)
    for k in range(3):
        submit(name=f"waits {k}")
    now = Activity.model_validate_json(client.get("/v1/events").content)
    assert not now.complete
    assert [job.name for job in now.active] == ["first", "waits 2"]
