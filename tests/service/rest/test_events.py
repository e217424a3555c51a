"""Events: pages, thinning, streams that replay and follow, the log."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.events import Event, EventPage
from api_schemas.ids import JOB, decode
from service import jobs
from service.jobs import Claim
from service.rest import event_stream
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.living import LiveApi, TinyWorker

Submit = Callable[..., dict[str, Any]]
STREAM = {"Accept": "text/event-stream"}


def read(reply: httpx.Response) -> Iterator[dict[str, str]]:
    """The messages of a stream; comments as {"": text}."""
    message: dict[str, str] = {}
    for line in reply.iter_lines():
        if not line:
            if message:
                yield message
            message = {}
        else:
            name, _, value = line.partition(":")
            message[name] = value.removeprefix(" ")


def claim_of(conn: Database, job_id: str, settings: Settings) -> Claim:
    claim = jobs.claim(conn, pools=["cpu"], engines=["program:some"], worker_id=UUID(int=1), lease_seconds=60)
    assert claim is not None
    assert claim.job_id == decode(JOB, job_id)
    return claim


def progress(conn: Database, claim: Claim, count: int, start: int = 0) -> None:
    jobs.add_events(
        conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"t": start + k}} for k in range(count)]
    )


@pytest.fixture
def running(submit: Submit, conn: Database, settings: Settings, client: httpx.Client) -> Iterator[tuple[str, Claim]]:
    """Address of the events of a running job, and its claim. Ended afterwards, so that nobody claims it again."""
    conn.execute("DELETE FROM job")
    job = submit()
    claim = claim_of(conn, job["id"], settings)
    yield f"/v1/jobs/{job['id']}/events", claim
    jobs.finish(conn, claim.job_id, claim.attempt, state="cancelled")


def test_a_page_holds_the_events_after_a_number(
    client: httpx.Client, conn: Database, running: tuple[str, Claim]
) -> None:
    url, claim = running
    progress(conn, claim, 5)
    page = EventPage.model_validate_json(client.get(url).content)
    assert [(e.seq, e.type) for e in page.events] == [
        (1, "queued"),
        (2, "started"),
        *((k, "progress") for k in range(3, 8)),
    ]
    assert (page.next_after, page.finished) == (7, False)
    part = client.get(url, params={"after": 3, "limit": 2}).json()
    assert ([e["seq"] for e in part["events"]], part["next_after"]) == ([4, 5], 5)
    assert client.get(url, params={"after": 7}).json() == {"events": [], "next_after": 7, "finished": False}
    jobs.finish(conn, claim.job_id, claim.attempt, state="cancelled")
    assert client.get(url, params={"after": 6}).json()["finished"] is True
    assert client.get(url, params={"after": 8}).json() == {"events": [], "next_after": 8, "finished": True}


def test_a_history_of_100_000_events_is_thinned_to_what_can_be_drawn(
    client: httpx.Client, conn: Database, running: tuple[str, Claim]
) -> None:
    url, claim = running
    for k in range(10):
        progress(conn, claim, 10_000, 10_000 * k)
    jobs.add_events(conn, claim.job_id, claim.attempt, [{"type": "log", "data": {"text": "a line"}}])
    begin = time.monotonic()
    page = client.get(url, params={"max": 500}).json()
    took = time.monotonic() - begin
    assert took < 3
    times = [e["data"]["t"] for e in page["events"] if e["type"] == "progress"]
    assert (times[0], times[-1]) == (0, 99_999)
    assert len(times) in {500, 501}
    steps = [b - a for a, b in pairwise(times)]
    assert max(steps) - min(steps) <= 1
    assert [e["type"] for e in page["events"]][:2] == ["queued", "started"]
    assert "log" not in {e["type"] for e in page["events"]}
    assert (page["next_after"], page["finished"]) == (100_003, False)
    few = client.get(url, params={"max": 500, "after": 99_990}).json()["events"]
    assert len(few) == 12


def test_a_stream_replays_then_follows_and_ends_with_the_job(
    client: httpx.Client, conn: Database, running: tuple[str, Claim], settings: Settings
) -> None:
    url, claim = running
    progress(conn, claim, 3)
    with client.stream("GET", url, headers={**STREAM, "Last-Event-ID": "2"}) as reply:
        assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["X-Accel-Buffering"] == "no"
        assert reply.headers["Cache-Control"] == "no-store"
        messages = read(reply)
        assert next(messages) == {"retry": "1000"}
        replayed = [next(messages) for _ in range(3)]
        assert [(m["id"], m["event"]) for m in replayed] == [("3", "progress"), ("4", "progress"), ("5", "progress")]
        progress(conn, claim, 1, 9)
        live = next(messages)
        assert Event.model_validate_json(live["data"]).data == {"t": 9}
        seq = jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded")
        TinyWorker(settings).tell(claim, seq or 0)
        begin = time.monotonic()
        rest = list(messages)
        assert time.monotonic() - begin < 1, "the stream did not end by itself"
        assert [m["event"] for m in rest] == ["finished"]
    over = client.get(url, headers={**STREAM, "Last-Event-ID": rest[0]["id"]})
    assert (over.status_code, over.content) == (204, b"")
    assert [m["id"] for m in read(client.get(url, headers=STREAM, params={"after": 5})) if "id" in m] == ["6", "7"]


def test_a_hint_brings_an_event_to_the_stream_at_once(
    client: httpx.Client, conn: Database, running: tuple[str, Claim], settings: Settings
) -> None:
    url, claim = running
    worker = TinyWorker(settings)
    with client.stream("GET", url, headers=STREAM, params={"after": 2}) as reply:
        messages = read(reply)
        next(messages)
        delays = []
        for k in range(10):
            time.sleep(0.02)
            begin = time.monotonic()
            worker.tell(
                claim, jobs.add_events(conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"t": k}}]) or 0
            )
            assert json.loads(next(messages)["data"])["data"] == {"t": k}
            delays.append(time.monotonic() - begin)
    assert sorted(delays)[5] < 0.25


def test_a_silent_stream_is_kept_alive_and_ends_after_its_lifetime(
    client: httpx.Client, running: tuple[str, Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(event_stream, "LIFETIME_SECONDS", 1.0)
    with client.stream("GET", running[0], headers=STREAM, params={"after": 2}) as reply:
        comments = [message[""] for message in read(reply) if "" in message]
    assert comments.count("still here") >= 3
    assert comments[-1] == "reconnect"


def test_a_reader_that_takes_nothing_is_dropped_and_costs_one_page(
    api: LiveApi, client: httpx.Client, conn: Database, running: tuple[str, Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS", 0.5)
    url, claim = running
    text = "x" * 1000
    for _ in range(4):
        jobs.add_events(conn, claim.job_id, claim.attempt, [{"type": "log", "data": {"text": text}}] * 5000)
    reads: list[int] = []
    before = jobs.events

    def counted(*args: Any) -> Any:
        reads.append(args[3])
        return before(*args)

    monkeypatch.setattr(jobs, "events", counted)
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(
            f"GET {url} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            f"Authorization: {client.headers['Authorization']}\r\n\r\n".encode()
        )
        time.sleep(2.5)
        assert 1 <= len(reads) < 20, "the server read on although nobody listened"
        stopped = len(reads)
        time.sleep(1)
        assert len(reads) == stopped
        assert api.under_way() == 0, "the reply is still held although nobody takes it"
    assert client.get("/health/live").status_code == 200


def test_many_readers_of_one_job_all_get_every_event(
    client: httpx.Client, conn: Database, running: tuple[str, Claim], settings: Settings
) -> None:
    url, claim = running
    seen: list[list[str]] = []

    def follow() -> None:
        with client.stream("GET", url, headers=STREAM, timeout=20) as reply:
            seen.append([m["id"] for m in read(reply) if "id" in m])

    threads = [threading.Thread(target=follow) for _ in range(20)]
    for thread in threads:
        thread.start()
    worker = TinyWorker(settings)
    for k in range(20):
        worker.tell(
            claim, jobs.add_events(conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"t": k}}]) or 0
        )
    worker.tell(claim, jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded") or 0)
    for thread in threads:
        thread.join()
    assert seen == [[str(k) for k in range(1, 24)]] * 20


@pytest.mark.parametrize(
    ("headers", "status", "pointer"),
    [
        ({"Accept": "text/html"}, 406, None),
        ({**STREAM, "Last-Event-ID": "abc"}, 422, "Last-Event-ID"),
        ({**STREAM, "Last-Event-ID": "99999999999999"}, 422, "Last-Event-ID"),
        ({**STREAM, "Last-Event-ID": "٣"}, 422, "Last-Event-ID"),
    ],
)
def test_bad_headers_of_a_stream_are_problems(
    client: httpx.Client, submit: Submit, headers: dict[str, str], status: int, pointer: str | None
) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    reply = client.get(f"/v1/jobs/{submit()['id']}/events", headers=sent)  # type: ignore[arg-type]
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    if pointer:
        assert reply.json()["errors"][0]["pointer"] == pointer


def test_thinning_is_refused_for_streams(client: httpx.Client, submit: Submit) -> None:
    reply = client.get(f"/v1/jobs/{submit()['id']}/events?max=10", headers=STREAM)
    assert reply.json()["errors"][0]["pointer"] == "max"


def test_the_log_is_plain_text_in_order(client: httpx.Client, conn: Database, running: tuple[str, Claim]) -> None:
    url, claim = running
    lines = [{"type": "log", "data": {"text": f"line {k}" + ("\n" if k % 2 else "")}} for k in range(2500)]
    jobs.add_events(conn, claim.job_id, claim.attempt, [*lines, {"type": "progress", "data": {}}])
    reply = client.get(url.replace("/events", "/log"))
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.text.splitlines() == [f"line {k}" for k in range(2500)]
