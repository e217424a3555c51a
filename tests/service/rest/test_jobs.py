"""Reading, listing, cancelling and deleting jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api_schemas.jobs import Inspection, Job
from api_schemas.programs import ProgramAnswer
from service import jobs
from service.jobs import Claim
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import ANSWER, ANSWER_BYTES, INSPECTION, TinyWorker

Submit = Callable[..., dict[str, Any]]


def code(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["Content-Type"] == "application/problem+json", reply.text
    return reply.status_code, reply.json()["code"]


def test_a_long_poll_returns_as_soon_as_the_job_is_finished(
    client: httpx.Client, submit: Submit, settings: Settings
) -> None:
    job = submit()
    begin = time.monotonic()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(client.get, f"/v1/jobs/{job['id']}?wait=20&include=answer")
        time.sleep(0.3)
        with TinyWorker(settings):
            found = waiting.result()
    assert time.monotonic() - begin < 5
    assert Job.model_validate_json(found.content).answer == ANSWER


def test_a_long_poll_returns_the_running_state_when_its_time_is_over(client: httpx.Client, submit: Submit) -> None:
    job = submit()
    begin = time.monotonic()
    assert client.get(f"/v1/jobs/{job['id']}", params={"wait": 0.3}).json()["state"] == "queued"
    assert 0.3 <= time.monotonic() - begin < 3


def test_a_finished_job_has_an_etag_and_is_not_sent_twice(
    client: httpx.Client, submit: Submit, worker: TinyWorker
) -> None:
    job = submit()
    url = f"/v1/jobs/{job['id']}"
    whole = client.get(url, params={"wait": 10, "include": "answer"})
    bare = client.get(url)
    assert whole.headers["ETag"] != bare.headers["ETag"]
    assert "answer" not in bare.json()
    again = client.get(
        url, params={"include": "answer"}, headers={"If-None-Match": f'"other", W/{whole.headers["ETag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 200
    answer = client.get(f"{url}/answer")
    assert answer.content == ANSWER_BYTES
    assert ProgramAnswer.model_validate_json(answer.content) == ANSWER
    assert client.get(f"{url}/answer", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_a_queued_job_has_no_etag(client: httpx.Client, submit: Submit) -> None:
    reply = client.get(f"/v1/jobs/{submit()['id']}", headers={"If-None-Match": "*"})
    assert reply.status_code == 200
    assert "ETag" not in reply.headers


def test_the_answer_of_an_unfinished_job_is_409(client: httpx.Client, submit: Submit) -> None:
    reply = client.get(f"/v1/jobs/{submit()['id']}/answer")
    assert code(reply) == (409, "not-finished")
    assert reply.headers["Retry-After"]


def test_the_answer_of_a_failed_job_says_why_there_is_none(
    client: httpx.Client, submit: Submit, settings: Settings
) -> None:
    def fail(conn: Database, claim: Claim) -> None:
        error = {"code": "out-of-memory", "detail": "64 MB were not enough", "title": "", "status": 500, "type": ""}
        jobs.finish(conn, claim.job_id, claim.attempt, state="failed", error=error)

    job = submit()
    with TinyWorker(settings, work=fail):
        found = client.get(f"/v1/jobs/{job['id']}", params={"wait": 10}).json()
    assert (found["state"], found["error"]["code"]) == ("failed", "out-of-memory")
    reply = client.get(f"/v1/jobs/{job['id']}/answer")
    assert code(reply) == (409, "conflict")
    assert "64 MB were not enough" in reply.json()["detail"]


def test_an_inspection_is_the_answer_of_an_inspect_job(
    client: httpx.Client, submit: Submit, worker: TinyWorker
) -> None:
    job = submit(task="inspect")
    found = client.get(f"/v1/jobs/{job['id']}", params={"wait": 10, "include": "answer"})
    assert Job.model_validate_json(found.content).inspection == INSPECTION
    assert Inspection.model_validate_json(client.get(f"/v1/jobs/{job['id']}/answer").content) == INSPECTION


def test_cancelling_ends_a_queued_job_at_once_and_wakes_who_waits(client: httpx.Client, submit: Submit) -> None:
    job = submit()
    seen: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: seen.append(client.get(f"/v1/jobs/{job['id']}?wait=20").json()))
    waiting.start()
    time.sleep(0.2)
    begin = time.monotonic()
    reply = client.post(f"/v1/jobs/{job['id']}/cancel")
    waiting.join()
    assert time.monotonic() - begin < 0.9, "the hint of this very process was not heard"
    assert (reply.status_code, reply.json()["state"], seen[0]["state"]) == (202, "cancelled", "cancelled")
    assert client.post(f"/v1/jobs/{job['id']}/cancel").json() == reply.json()


def test_only_finished_jobs_can_be_deleted(client: httpx.Client, submit: Submit) -> None:
    url = f"/v1/jobs/{submit()['id']}"
    assert code(client.delete(url)) == (409, "conflict")
    client.post(f"{url}/cancel")
    assert client.delete(url).status_code == 204
    assert code(client.get(url)) == (404, "not-found")
    assert code(client.delete(url)) == (404, "not-found")


@pytest.mark.parametrize("rest", ["", "/answer", "/problem", "/events", "/log"])
@pytest.mark.parametrize(
    "job",
    [
        "job_00000000000000000000000000",
        "job_short",
        "art_00000000000000000000000000",
        "job_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "%00",
    ],
)
def test_unknown_ids_are_404(client: httpx.Client, job: str, rest: str) -> None:
    assert code(client.get(f"/v1/jobs/{job}{rest}")) == (404, "not-found")


def test_a_list_is_filtered_by_everything_at_once(client: httpx.Client, submit: Submit) -> None:
    wanted = submit(name="this", labels={"team": "a", "run": "x:1"}, engine="auto")
    submit(name="this", labels={"team": "b"})
    client.post(f"/v1/jobs/{submit(name='that', labels={'team': 'a', 'run': 'x:1'})['id']}/cancel")

    def ids(**params: Any) -> list[str]:
        return [job["id"] for job in client.get("/v1/jobs", params=params).json()["jobs"]]

    assert ids(
        name="this", label=["team:a", "run:x:1"], state=["queued", "running"], kind="program", engine="auto"
    ) == [wanted["id"]]
    assert len(ids(label="team:a")) == 2
    assert len(ids(state="cancelled")) == 1
    assert len(ids()) == 3
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert len(ids(created_after=(now - hour).isoformat(), created_before=(now + hour).isoformat())) == 3
    assert ids(created_after=(now + hour).isoformat()) == []


def test_pages_follow_each_other_and_large_sizes_are_cut(client: httpx.Client, submit: Submit) -> None:
    made = [submit()["id"] for _ in range(5)]
    found, token = [], ""
    while True:
        page = client.get("/v1/jobs", params={"page_size": 2, "page_token": token}).json()
        found += [job["id"] for job in page["jobs"]]
        token = page["next_page_token"]
        if not token:
            break
    assert found == made[::-1]
    assert len(client.get("/v1/jobs", params={"page_size": 10**9}).json()["jobs"]) == 5
    assert code(client.get("/v1/jobs", params={"page_token": "abc"})) == (400, "invalid-page-token")


@pytest.mark.parametrize(
    ("query", "pointer", "hint"),
    [
        ("stat=queued", "stat", "did you mean 'state'?"),
        ("state=done", "state", "there are: queued, running, succeeded, failed, cancelled, expired"),
        ("page_size=0", "page_size", ""),
        ("page_size=many", "page_size", ""),
        ("label=team", "label", "label=team:planning"),
        ("created_after=yesterday", "created_after", ""),
        ("created_after=2026-01-01T00:00:00", "created_after", ""),
        ("name=a%00b", "name", ""),
    ],
)
def test_bad_query_parameters_are_named(client: httpx.Client, query: str, pointer: str, hint: str) -> None:
    reply = client.get(f"/v1/jobs?{query}")
    assert code(reply) == (422, "invalid-request")
    error = reply.json()["errors"][0]
    assert (error["pointer"], error.get("hint", "")) == (pointer, hint)


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"Prefer": "wait=soon"}, "Prefer"),
        ({"Prefer": "wait=-1"}, "Prefer"),
        ({"Idempotency-Key": ""}, "Idempotency-Key"),
        ({"Idempotency-Key": "x" * 256}, "Idempotency-Key"),
        ({"Idempotency-Key": "ü"}, "Idempotency-Key"),
    ],
)
def test_bad_headers_are_named(client: httpx.Client, headers: dict[str, str], pointer: str) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = client.post("/v1/jobs", json={"problem": PROGRAM}, headers=sent)  # type: ignore[arg-type]
    assert code(reply) == (422, "invalid-request")
    assert reply.json()["errors"][0]["pointer"] == pointer
