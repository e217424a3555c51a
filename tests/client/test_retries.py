"""What the clients do when the network or the server fails: the same for the blocking and the asyncio one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import kantor
import pytest
from kantor.wire import drivers
from kantor.wire.retry import retry_after

from tests.client.fakes import JOB_ID, Both, Script, Stream, answer, event, job, problem

PROGRAM = kantor.Program(objective=[1.0])


@pytest.fixture(params=["blocking", "asyncio"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that were made, in seconds; they take no time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    with monkeypatch.context() as patch:
        patch.setattr(drivers.time, "sleep", made.append)
        patch.setattr(drivers.asyncio, "sleep", sleep)
        yield made


def test_a_submit_that_is_sent_again_carries_the_same_idempotency_key_and_body(both: Both, pauses: list[float]) -> None:
    script = Script(httpx.ReadError("reset"), problem("unavailable"), httpx.Response(202, json=job()))
    both.client(script).submit(PROGRAM, name="again")
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert len(script.requests) == 3
    assert len(keys) == 1
    assert len({request.content for request in script.requests}) == 1
    assert len(pauses) == 2


def test_two_submits_have_different_keys_unless_the_caller_chooses_one(both: Both) -> None:
    script = Script(*[httpx.Response(202, json=job()) for _ in range(3)])
    client = both.client(script)
    client.submit(PROGRAM)
    client.submit(PROGRAM)
    client.submit(PROGRAM, idempotency_key="run-42")
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "run-42"


def test_pauses_grow_and_have_jitter(both: Both, pauses: list[float]) -> None:
    script = Script(*[httpx.ConnectError("refused") for _ in range(8)])
    with pytest.raises(kantor.ConnectionFailed):
        both.client(script, max_retries=7).status()
    assert len(pauses) == 7
    for k, pause in enumerate(pauses):
        longest = min(8.0, 0.25 * 2**k)
        assert longest / 2 <= pause <= longest
    assert len(set(pauses)) == 7


def test_retry_after_is_obeyed(both: Both, pauses: list[float]) -> None:
    script = Script(problem("rate-limited", **{"Retry-After": "7"}), httpx.Response(200, json={"engines": []}))
    assert both.client(script).engines() == []
    assert pauses == [7.0]


def test_a_wait_of_hours_is_not_obeyed_but_reported(both: Both, pauses: list[float]) -> None:
    script = Script(problem("rate-limited", **{"Retry-After": "7200"}))
    with pytest.raises(kantor.RateLimited) as caught:
        both.client(script).engines()
    assert caught.value.retry_after == 7200
    assert pauses == []


def test_retry_after_may_be_a_date() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


def test_refusals_are_not_sent_again(both: Both, pauses: list[float]) -> None:
    script = Script(problem("invalid-problem", "row_lower 2 is above row_upper 1"))
    with pytest.raises(kantor.InvalidProblem, match="row_lower 2 is above row_upper 1") as caught:
        both.client(script).submit(PROGRAM)
    assert (caught.value.status, caught.value.request_id, caught.value.code) == (422, "req_1", "invalid-problem")
    assert pauses == []


def test_a_key_is_not_made_twice_when_the_reply_was_lost(both: Both, pauses: list[float]) -> None:
    script = Script(httpx.ReadError("reset"))
    with pytest.raises(kantor.ConnectionFailed):
        both.client(script).keys.create("mine") if both.kind == "blocking" else _create(both, script)
    assert len(script.requests) == 1
    assert pauses == []


def _create(both: Both, script: Script) -> None:
    import asyncio

    asyncio.run(both.client(script).keys.create("mine"))


def test_a_proxy_without_problem_details_is_understood(both: Both, pauses: list[float]) -> None:
    script = Script(*[httpx.Response(502, text="<h1>Bad gateway</h1>") for _ in range(3)])
    with pytest.raises(kantor.APIError, match="status 502"):
        both.client(script).status()
    assert len(pauses) == 2


def test_something_that_is_not_kantor_is_named(both: Both) -> None:
    script = Script(httpx.Response(200, text="<html>hello</html>"))
    with pytest.raises(kantor.KantorError, match="is this a Kantor server"):
        both.client(script).status()


def test_waiting_for_a_job_bears_a_server_that_restarts(both: Both, pauses: list[float]) -> None:
    outage = [httpx.ConnectError("refused") for _ in range(6)]
    script = Script(
        httpx.Response(202, json=job()),
        httpx.Response(200, json=job("running")),
        httpx.RemoteProtocolError("closed"),
        *outage,
        httpx.Response(200, json=job("succeeded", answer=answer())),
    )
    assert both.client(script).solve(PROGRAM).objective == 1.0
    assert script.replies == []


def test_a_submit_whose_held_reply_broke_bears_the_restart_too(both: Both, pauses: list[float]) -> None:
    outage = [httpx.ConnectError("refused") for _ in range(6)]
    script = Script(httpx.ReadError("reset"), *outage, httpx.Response(200, json=job("succeeded", answer=answer())))
    assert both.client(script).solve(PROGRAM).objective == 1.0
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1


def test_a_server_that_never_was_there_is_given_up_soon(both: Both, pauses: list[float]) -> None:
    script = Script(*[httpx.ConnectError("refused") for _ in range(9)])
    with pytest.raises(kantor.ConnectionFailed, match=r"http://kantor\.test"):
        both.client(script).solve(PROGRAM)
    assert len(script.requests) == 3


def test_quick_answers_come_with_the_submit(both: Both) -> None:
    script = Script(httpx.Response(200, json=job("succeeded", answer=answer())))
    assert both.client(script).solve(PROGRAM)["x0"] == 1.0
    assert script.requests[0].headers["prefer"] == "wait=20.000"
    assert json.loads(script.requests[0].content)["problem"]["objective"] == [1.0]


def test_waiting_ends_when_the_caller_says_and_the_job_is_not_lost(both: Both) -> None:
    script = Script(*[httpx.Response(202, json=job("running")) for _ in range(50)])
    begin = time.monotonic()
    with pytest.raises(kantor.Timeout, match="still running after") as caught:
        both.client(script).solve(PROGRAM, wait=0.4)
    assert 0.3 < time.monotonic() - begin < 3.0
    assert caught.value.job.id == JOB_ID


def test_events_go_on_after_the_last_one_when_the_stream_breaks(both: Both, pauses: list[float]) -> None:
    script = Script(
        httpx.Response(202, json=job()),
        httpx.Response(200, stream=Stream(event(1, "queued"), event(2)[:30], breaks=True)),
        httpx.ConnectError("refused"),
        httpx.Response(200, stream=Stream(b": keep-alive\n\n", event(1, "queued"), event(2), event(3))),
        problem("unavailable"),
        httpx.Response(200, stream=Stream(event(4, "finished", state="succeeded"))),
    )
    seen = [item.seq for item in both.client(script).submit(PROGRAM).events()]
    assert seen == [1, 2, 3, 4]
    assert [request.headers.get("last-event-id") for request in script.requests[1:]] == [None, "1", "1", "3", "3"]


def test_events_may_begin_anywhere(both: Both) -> None:
    script = Script(httpx.Response(202, json=job()), httpx.Response(200, stream=Stream(event(8), event(9, "finished"))))
    assert [item.seq for item in both.client(script).submit(PROGRAM).events(after=7)] == [8, 9]
    assert script.requests[1].headers["last-event-id"] == "7"


def test_events_of_a_job_that_is_over_end_at_once(both: Both, pauses: list[float]) -> None:
    script = Script(httpx.Response(202, json=job()), httpx.Response(204))
    assert list(both.client(script).submit(PROGRAM).events(after=9)) == []
    assert pauses == []


def test_lists_of_jobs_fetch_pages_as_they_are_needed(both: Both) -> None:
    pages = [
        httpx.Response(200, json={"jobs": [job(), job()], "next_page_token": "t1"}),
        httpx.Response(200, json={"jobs": [job()], "next_page_token": ""}),
    ]
    script = Script(*pages)
    assert len(list(both.client(script).jobs(state=["queued", "running"], labels={"team": "a"}, page_size=2))) == 3
    first, second = (request.url.params for request in script.requests)
    assert first.get_list("state") == ["queued", "running"]
    assert (first["label"], first["page_size"]) == ("team:a", "2")
    assert "page_token" not in first
    assert second["page_token"] == "t1"


def test_lists_of_jobs_stop_at_their_limit(both: Both) -> None:
    script = Script(httpx.Response(200, json={"jobs": [job(), job()], "next_page_token": "more"}))
    assert len(list(both.client(script).jobs(limit=2))) == 2


def test_failed_jobs_raise_the_class_of_their_code(both: Both) -> None:
    error = {
        "type": "urn:kantor:problem:out-of-memory",
        "title": "",
        "status": 500,
        "detail": "over 64 MB",
        "code": "out-of-memory",
    }
    script = Script(httpx.Response(200, json=job("failed", error=error)))
    with pytest.raises(kantor.OutOfMemory, match="over 64 MB") as caught:
        both.client(script).solve(PROGRAM)
    assert isinstance(caught.value, kantor.JobFailed)
    assert caught.value.job.id == JOB_ID
    assert caught.value.problem is not None


def test_a_job_cancelled_before_it_had_an_answer_says_so(both: Both) -> None:
    script = Script(httpx.Response(200, json=job("cancelled")))
    with pytest.raises(kantor.JobCancelled, match="cancelled before it had an answer"):
        both.client(script).solve(PROGRAM)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, kantor.NotFound), (401, kantor.Unauthenticated), (413, kantor.TooLarge), (500, kantor.Internal)],
)
def test_what_a_proxy_refuses_has_the_nearest_class(both: Both, status: int, kind: type[kantor.APIError]) -> None:
    with pytest.raises(kind, match=f"status {status}") as caught:
        both.client(Script(httpx.Response(status, text="no"))).status()
    assert type(caught.value) is kind


def test_waits_are_written_so_that_servers_can_read_them(both: Both) -> None:
    script = Script(*[httpx.Response(202, json=job("running")) for _ in range(9)])
    with pytest.raises(kantor.Timeout):
        both.client(script).solve(PROGRAM, wait=0.00001)
    assert script.requests[0].headers.get("prefer", "wait=0.000") == "wait=0.000"
