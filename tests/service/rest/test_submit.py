"""POST /v1/jobs: what is stored, what comes back, and in which words a request is refused."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.ids import JOB, decode, encode
from api_schemas.jobs import Job, JobRequest
from service import jobs
from service.rest import submissions
from service.rest.examples import JOB_REQUESTS
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import ANSWER, ANSWER_BYTES, LiveApi, TinyWorker

#: And waits until they have ended.
END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name"
)


def test_a_submit_is_a_queued_job_with_its_address(client: httpx.Client) -> None:
    request = {"problem": PROGRAM, "name": "first", "labels": {"team": "a"}, "priority": 5, "deadline": 60}
    reply = client.post("/v1/jobs", json=request)
    assert reply.status_code == 202, reply.text
    job = Job.model_validate_json(reply.content)
    assert reply.headers["Location"] == f"/v1/jobs/{job.id}"
    assert (job.state, job.name, job.labels, job.priority) == ("queued", "first", {"team": "a"}, 5)
    assert (job.pool, job.last_seq, job.attempt) == ("cpu", 1, 0)
    assert job.deadline_at is not None
    assert (job.deadline_at - job.created_at).total_seconds() == 60
    assert client.get(reply.headers["Location"]).json() == reply.json()


def test_prefer_wait_answers_in_the_same_call(client: httpx.Client, worker: TinyWorker) -> None:
    reply = client.post("/v1/jobs", json={"problem": PROGRAM}, headers={"Prefer": "respond-async, wait=10"})
    assert reply.status_code == 200, reply.text
    job = Job.model_validate_json(reply.content)
    assert reply.headers["Preference-Applied"] == "wait=10"
    assert (job.state, job.answer) == ("succeeded", ANSWER)
    assert ANSWER_BYTES in reply.content, "the stored answer is passed on as it is"


def test_the_reply_put_together_by_hand_equals_the_models_own_json(
    client: httpx.Client, worker: TinyWorker, conn: Database, project: UUID
) -> None:
    reply = client.post("/v1/jobs", json={"problem": PROGRAM, "labels": {"ü": "✓"}}, headers={"Prefer": "wait=10"})
    row = jobs.get(conn, project, decode(JOB, reply.json()["id"]))
    fields = {name: getattr(row, name) for name in Job.model_fields if hasattr(row, name)}
    model = Job.model_validate({**fields, "id": encode(JOB, row.id), "answer": ANSWER})
    written, sent = json.loads(model.model_dump_json()), reply.json()
    assert written.pop("inspection") is None
    assert {**sent, "summary": None} == {**written, "summary": None}
    assert sent["summary"].items() <= written["summary"].items()


def test_prefer_wait_ends_with_the_queued_job_when_nobody_works(client: httpx.Client) -> None:
    reply = client.post("/v1/jobs", json={"problem": PROGRAM}, headers={"Prefer": "wait=0.2"})
    assert (reply.status_code, reply.json()["state"]) == (202, "queued")
    assert reply.headers["Preference-Applied"] == "wait=0.2"


def test_an_idempotency_key_gives_the_first_job_again_and_is_not_reused_for_another(client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "run-42"}
    first = client.post("/v1/jobs", json={"problem": PROGRAM, "name": "a"}, headers=headers)
    again = client.post(
        "/v1/jobs", content=b'{ "name" :"a", "problem":{"lower":[3,4.0],"objective":[1.0,2]}}', headers=headers
    )
    other = client.post("/v1/jobs", json={"problem": PROGRAM, "name": "b"}, headers=headers)
    assert "Idempotency-Replayed" not in first.headers
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


def test_a_file_uploaded_anew_is_the_same_request_and_another_file_is_not(client: httpx.Client) -> None:
    def submit(content: bytes) -> httpx.Response:
        artifact = client.post("/v1/artifacts?filename=a.lp", content=content).json()["id"]
        body = {"problem": {"kind": "program", "file": {"artifact": artifact}}}
        return client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "by content"})

    first, again, other = submit(b"max\n x\nend\n"), submit(b"max\n x\nend\n"), submit(b"min\n x\nend\n")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


def test_submits_of_many_clients_at_once_with_one_key_make_one_job(api: LiveApi, client: httpx.Client) -> None:
    found: list[str] = []

    def submit() -> None:
        reply = httpx.post(f"{api.url}/v1/jobs", json={"problem": PROGRAM}, headers=headers, timeout=30)
        found.append(reply.json()["id"])

    headers = {"Idempotency-Key": "all at once", "Authorization": client.headers["Authorization"]}
    threads = [threading.Thread(target=submit) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert len(set(found)) == 1


def test_submits_that_arrive_together_share_a_commit(
    api: LiveApi, client: httpx.Client, conn: Database, project: UUID
) -> None:
    headers = {"Authorization": client.headers["Authorization"]}

    def submit(_: int) -> int:
        return httpx.post(f"{api.url}/v1/jobs", json={"problem": PROGRAM}, headers=headers, timeout=30).status_code

    with ThreadPoolExecutor(24) as threads:
        with conn.transaction():
            conn.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
            replies = [threads.submit(submit, k) for k in range(24)]
            time.sleep(1.5)
        assert [reply.result() for reply in replies] == [202] * 24
    commits = conn.execute("SELECT count(DISTINCT xmin::text) FROM job WHERE project_id = %s", (project,)).fetchone()
    assert commits is not None
    assert 1 < commits[0] <= 6, "the first goes alone, the others gather behind it"


def test_the_stored_document_is_the_request_normalised_and_complete(
    submit: Callable[..., dict[str, Any]], client: httpx.Client, conn: Database, project: UUID
) -> None:
    # of an engine that another test's worker may have offered
    options = {"depth": 1, "quick": True, "mood": "calm", "scale": 0.5}
    problem = {"objective": [1, 0.1], "lower": ["-Infinity", 2], "integrality": [0, 1]}
    job = submit(problem=problem, options={"time_limit": 5, "engine_options": options})
    document = jobs.input_document(conn, project, decode(JOB, job["id"]))
    assert document == (
        b'{"problem":{"kind":"program","objective":[1.0,0.1],"lower":["-Infinity",2.0],"integrality":[0,1]},'
        b'"options":{"time_limit":5.0,"engine_options":{"depth":1,"quick":true,"mood":"calm","scale":0.5}}}'
    )
    assert client.get(f"/v1/jobs/{job['id']}/problem").content == document
    JobRequest.model_validate_json(document)


@pytest.mark.parametrize("example", JOB_REQUESTS.values(), ids=JOB_REQUESTS.keys())
def test_the_examples_of_the_documentation_are_accepted(client: httpx.Client, example: dict[str, Any]) -> None:
    assert client.post("/v1/jobs", json=example["value"]).status_code == 202


def test_a_lost_database_is_503_with_retry_after_and_the_next_submit_works(
    client: httpx.Client, conn: Database, submit: Callable[..., dict[str, Any]]
) -> None:
    submit()
    ended = conn.execute(f"{END} LIKE 'kantor-api%'").fetchall()
    assert len(ended) >= 2
    assert submit()["state"] == "queued"
    deadline = time.monotonic() + 20.0
    while (reply := client.get("/v1/jobs")).status_code == 503 and time.monotonic() < deadline:
        assert reply.headers["Retry-After"]
    assert reply.status_code == 200
    with conn.transaction():
        conn.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
        waiting: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: waiting.append(client.post("/v1/jobs", json={"problem": PROGRAM})))
        thread.start()
        while not conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            pass
        conn.execute(f"{END} = 'kantor-api-writer'")
        thread.join()
    assert (waiting[0].status_code, waiting[0].json()["code"]) == (503, "unavailable")
    assert waiting[0].headers["Retry-After"] == "2"
    assert submit()["state"] == "queued"


def test_of_a_large_problem_no_more_than_its_document_is_held_while_it_waits_to_be_stored() -> None:
    numbers = [k + 0.5 for k in range(300_000)]
    body = json.dumps({"problem": {"objective": numbers}, "name": "n", "options": {"time_limit": 3}}).encode()
    tracemalloc.start()
    try:
        drafted = submissions.draft(body)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert held < 1.5 * len(body)
    assert json.loads(drafted.document)["problem"]["objective"] == numbers
    assert (drafted.request.problem.kind, drafted.request.name) == ("program", "n")
    assert drafted.request.options.time_limit == 3
