"""One suite over both faces: the client gives the same answers and the same errors by REST and by gRPC."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kantor
import pytest

from api_schemas.keys import NewKey
from service import jobs
from service.settings import Settings
from service.store.connect import Database
from tests.service.grpc.living import LiveGrpc
from tests.service.rest.living import LiveApi, TinyWorker

PROGRAM = kantor.Program(objective=[1, 2], lower=[3, 4])


@pytest.fixture(params=["http", "grpc"])
def client(
    request: pytest.FixtureRequest, api: LiveApi, live: LiveGrpc, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> Iterator[kantor.Client]:
    monkeypatch.setenv("KANTOR_GRPC_TARGET", live.target)
    with kantor.Client(api.url, key.secret, transport=request.param) as client:
        yield client


@pytest.fixture
def slow(settings: Settings) -> Iterator[threading.Event]:
    """A worker that tells of progress and then waits for the event, or until the job is cancelled."""
    release = threading.Event()

    def work(conn: Database, claim: jobs.Claim) -> None:
        jobs.add_events(
            conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"objective": k}} for k in range(3)]
        )
        while not release.wait(0.05):
            if jobs.extend(conn, [(claim.job_id, claim.attempt)], 30)[claim.job_id] == "cancel":
                jobs.finish(conn, claim.job_id, claim.attempt, state="cancelled")
                return
        worker.answer(conn, claim)

    with TinyWorker(settings, work=work) as worker:
        yield release
        release.set()


def test_a_program_is_solved(client: kantor.Client, worker: TinyWorker) -> None:
    answer = client.solve(PROGRAM, name="both", labels={"team": "ops"}, time_limit=10)

    assert (answer.status, answer.objective, answer.bound) == ("optimal", 11.5, float("-inf"))
    assert list(answer.primal) == [3.0, float("inf")]
    assert answer.certificate.verified
    job = next(client.jobs(name="both", labels={"team": "ops"}, state=["succeeded"]))
    assert job.summary.objective == 11.5
    assert job.problem()["problem"]["objective"] == [1.0, 2.0]
    assert job.info.created_at <= job.info.finished_at


def test_a_job_is_submitted_followed_and_deleted(client: kantor.Client, slow: threading.Event) -> None:
    job = client.submit(PROGRAM, engine="tiny", priority=-3, deadline=500, retention=3600, idempotency_key="once")
    again = client.submit(PROGRAM, engine="tiny", priority=-3, deadline=500, retention=3600, idempotency_key="once")
    assert job.id == again.id
    with pytest.raises(kantor.Timeout):
        job.wait(0.4)
    heard: list[tuple[int, str]] = []
    for event in job.events():
        heard.append((event.seq, event.type))
        if event.seq == 5:
            break
    with pytest.raises(kantor.Conflict):
        job.delete()
    slow.set()
    rest = [(event.seq, event.type) for event in job.events(after=5)]

    assert [seq for seq, _ in heard + rest] == list(range(1, 7))
    assert [kind for _, kind in heard + rest] == ["queued", "started", *["progress"] * 3, "finished"]
    assert job.wait(10).state == "succeeded"
    assert (job.info.priority, job.info.deadline_at is not None) == (-3, True)
    assert list(job.events(after=6)) == []
    job.delete()
    with pytest.raises(kantor.NotFound):
        client.job(job.id)


def test_a_running_job_is_cancelled(client: kantor.Client, slow: threading.Event) -> None:
    job = client.submit(PROGRAM)
    while client.job(job.id).state == "queued":
        time.sleep(0.02)

    assert job.cancel().info.cancel_requested_at is not None
    with pytest.raises(kantor.JobCancelled):
        job.result(10)


def test_pages_and_filters(client: kantor.Client) -> None:
    made = [client.submit(PROGRAM, name=f"n{k}", labels={"k": str(k)}).id for k in range(5)]

    assert [job.id for job in client.jobs(page_size=2)] == made[::-1]
    assert [job.id for job in client.jobs(limit=3)] == made[:1:-1]
    assert [job.id for job in client.jobs(labels={"k": "3"})] == [made[3]]
    assert [job.id for job in client.jobs(name_begins="n", without_kind="study", labels={"k": "3"})] == [made[3]]
    assert list(client.jobs(name_begins="m")) == list(client.jobs(without_kind=["study", "program"])) == []
    after = client.job(made[2]).info.created_at
    assert {job.id for job in client.jobs(created_after=after)} >= set(made[3:])


REFUSALS: list[tuple[type[Exception], Callable[[kantor.Client], Any]]] = [
    (kantor.NotFound, lambda client: client.job("job_" + "0" * 26)),
    (kantor.UnknownEngine, lambda client: client.submit(PROGRAM, engine="tinny")),
    (kantor.InvalidOption, lambda client: client.submit(PROGRAM, engine="tiny", engine_options={"depth": 99})),
    (kantor.IdempotencyMismatch, lambda client: [client.submit(PROGRAM, name=n, idempotency_key="k") for n in "ab"]),
    (kantor.NotFound, lambda client: client.artifacts.get("art_" + "0" * 26)),
]


@pytest.mark.parametrize(("kind", "act"), REFUSALS)
def test_refusals_are_the_same_exceptions(
    client: kantor.Client, worker: TinyWorker, kind: type[Exception], act: Callable[[kantor.Client], Any]
) -> None:
    with pytest.raises(kind) as caught:
        act(client)

    error: Any = caught.value
    assert error.status in (404, 422)
    assert error.request_id
    if kind is kantor.UnknownEngine:
        assert error.errors[0].pointer == "/engine"
        assert "'tiny'" in error.errors[0].hint


def test_quotas_are_told_with_the_time_to_wait(client: kantor.Client, conn: Database, project: Any) -> None:
    conn.execute("UPDATE project SET max_queued = 0 WHERE id = %s", (project,))
    from service import keys

    keys.forget()
    patient = client
    patient._policy = type(client._policy)(max_retries=0)
    with pytest.raises(kantor.QuotaExceeded) as caught:
        patient.submit(PROGRAM)

    assert (caught.value.status, caught.value.retry_after) == (429, 5.0)


def test_artifacts_go_up_and_down(client: kantor.Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 12_345
    source = tmp_path / "a.bin"
    source.write_bytes(content)

    made = client.artifacts.upload(source)

    assert (made.filename, made.size) == ("a.bin", len(content))
    assert client.artifacts.read(made.id) == content
    assert client.artifacts.download(made.id, tmp_path / "b.bin").read_bytes() == content
    client.artifacts.delete(made.id)
    with pytest.raises(kantor.NotFound):
        client.artifacts.read(made.id)


def test_validation_inspection_engines_status(client: kantor.Client, worker: TinyWorker) -> None:
    assert client.validate(PROGRAM, engine="tiny").pool == "cpu"
    assert client.inspect(PROGRAM).summary == "Two variables."
    assert {engine.id for engine in client.engines()} == {"tiny", "giant"}
    assert client.workers()[0].host == "here"
    assert client.status().workers == 1


def test_limits_that_no_worker_grants_are_said_at_submit(
    client: kantor.Client, worker: TinyWorker, conn: Database
) -> None:
    most = '{"job_memory_most_mb": 4096, "job_threads_most": 8}'
    conn.execute("UPDATE worker SET resources = %s::jsonb", (most,))
    time.sleep(1.1)  # the catalogue is a second old at most

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        job = client.submit(PROGRAM, memory_limit=4096, threads=8, time_limit=5, deadline=60)
        job.wait(20)
    with pytest.warns(UserWarning, match="/options") as said:
        client.submit(PROGRAM, memory_limit=8000, threads=9, time_limit=90, deadline=60)
    assert [str(warning.message).partition(":")[0] for warning in said] == [
        "/options/memory_limit",
        "/options/threads",
        "/options/time_limit",
    ]
    assert "gives a job 8000 MB; it gets 4096 MB." in str(said[0].message)
    checked = client.validate(PROGRAM, memory_limit=8000)
    assert [text.partition(":")[0] for text in checked.warnings] == ["/options/memory_limit"]


def test_a_wrong_key_is_refused(client: kantor.Client, api: LiveApi) -> None:
    from api_schemas.keys import new_secret

    transport: Any = "grpc" if "Grpc" in type(client._player()).__name__ else "http"
    with kantor.Client(api.url, new_secret(), transport=transport) as stranger, pytest.raises(kantor.Unauthenticated):
        stranger.status()


def test_without_a_server_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANTOR_GRPC_TARGET", "localhost:1")
    client = kantor.Client("http://localhost:1", transport="grpc", max_retries=0)

    with client, pytest.raises(kantor.ConnectionFailed, match="no server answers"):
        client.status()


def test_what_only_rest_offers_says_so(live: LiveGrpc, key: NewKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KANTOR_GRPC_TARGET", live.target)
    with kantor.Client(None, key.secret, transport="grpc") as client, pytest.raises(kantor.KantorError, match="http"):
        client.keys.list()


def test_the_asyncio_client_says_which_transport_it_has() -> None:
    with pytest.raises(kantor.KantorError, match=r"to_thread"):
        kantor.AsyncClient("http://localhost:1", transport="grpc")  # type: ignore[arg-type]
