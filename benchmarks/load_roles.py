"""Roles by themselves: the job rules on PostgreSQL, the dispatcher's duties, the API's event streams."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import orjson
import psycopg

from api_schemas.ids import JOB, decode, new_uuid
from api_schemas.jobs import JobRequest
from benchmarks.harness.small_lp import document, small_lp
from benchmarks.harness.system import System
from service import hints, jobs, projects
from service.bell import Bell
from service.broker import Line
from service.dispatch import reaper, relay
from service.embedded.postgres import Postgres
from service.embedded.valkey import Valkey
from service.settings import Settings
from service.store.connect import Database, connect

ENGINES = ("program:highs",)
ANSWER = b"x" * 4000
SUMMARY = {"status": "optimal", "objective": 1.0}


@dataclass(frozen=True)
class JobRules:
    """The three statements of a job's way, by a connection of its own."""

    database_url: str

    def connect(self, client: int) -> Callable[[], object]:
        settings = Settings.load({}, database_url=self.database_url, api_key_pepper="pepper of a benchmark")
        conn = connect(settings, name="load")
        project = projects.ensure(conn, "load")
        body = document(small_lp(client))
        request = JobRequest.model_validate(body)
        text = orjson.dumps({"problem": body["problem"], "options": {}})
        worker = new_uuid()

        def once() -> None:
            jobs.submit(conn, project, request, text, pool="cpu", settings=settings)
            claim = jobs.claim(conn, pools=["cpu"], engines=ENGINES, worker_id=worker, lease_seconds=30)
            if claim is not None:  # another took mine, and I take the next one's
                jobs.finish(conn, claim.job_id, claim.attempt, state="succeeded", answer=ANSWER, summary=SUMMARY)

        return once


def clear(system: System, but: int = 0) -> int:
    """Throw away the jobs that wait in the queue, but so many; how many are left."""
    with psycopg.connect(Postgres(system.home).url(), autocommit=True) as conn:
        kept = "SELECT id FROM job WHERE state = 'queued' ORDER BY id LIMIT %s"
        conn.execute(f"DELETE FROM job WHERE state = 'queued' AND id NOT IN ({kept})", (but,))
        row = conn.execute("SELECT count(*) FROM job WHERE state = 'queued'").fetchone()
    return int(row[0]) if row is not None else 0


def dispatcher(settings: Settings, folder: Path, count: int = 5000) -> dict[str, float]:
    """Jobs a second that one process rings for, and puts back after their worker was lost."""
    valkey = Valkey(folder)
    valkey.start()
    try:
        settings = settings.model_copy(update={"redis_url": valkey.url})
        with connect(settings, name="load") as conn:
            _submit(conn, settings, count)
            conn.execute("UPDATE outbox SET available_at = now()")
            bell = Bell(settings)
            ring = _rate(count, lambda: relay.relay(conn, bell, settings))
            worker = new_uuid()
            for _ in range(count // 5):
                jobs.claim(conn, pools=["cpu"], engines=ENGINES, worker_id=worker, lease_seconds=30)
            conn.execute("UPDATE job SET lease_until = now() - interval '1 second' WHERE state = 'running'")
            back = _rate(count // 5, lambda: len(reaper.reap(conn) or ()))
        return {"ring again": ring, "take back lost jobs": back}
    finally:
        valkey.stop()


def fan_out(system: System, most: int = 800, each: int = 50, pause: float = 0.1) -> tuple[int, float, float, int]:
    """Readers that follow one running job whose worker tells ten events a second; doubled until the events are late.

    Returns:
        readers, events a second that reached them, 95th percentile of the delay in seconds, events delivered in all
        rounds.
    """
    best = (0, 0.0, 0.0)
    delivered = 0
    readers = 12
    settings = Settings.load(
        {}, database_url=Postgres(system.home).url(), redis_url=Valkey(system.home).url, api_key_pepper="x" * 16
    )
    while readers <= most:
        delays, seconds = _follow(system, settings, readers, each, pause)
        delivered += len(delays)
        late = float(np.percentile(delays, 95))
        if late > 1.0:
            break
        best = (readers, len(delays) / seconds, late)
        readers *= 2
    return (*best, delivered)


def _follow(system: System, settings: Settings, readers: int, count: int, pause: float) -> tuple[list[float], float]:
    """Delays of all events at all readers, and how long it took."""
    with connect(settings, name="load") as conn, system.frozen("worker", "runner"):
        job = system.client().submit(_program(), engine="highs")
        job_id = decode(JOB, job.id)
        claim = jobs.claim(conn, pools=["cpu"], engines=ENGINES, worker_id=new_uuid(), lease_seconds=300)
        assert claim is not None
        assert claim.job_id == job_id
        told: dict[int, float] = {}
        delays: list[float] = []
        ready = threading.Barrier(readers + 1)
        threads = [
            threading.Thread(target=_read, args=(system, job.id, told, delays, ready), daemon=True)
            for _ in range(readers)
        ]
        for thread in threads:
            thread.start()
        ready.wait(60)
        begin = time.monotonic()
        line = Line(settings)
        for k in range(count):
            due = begin + (k + 1) * pause
            time.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            told[k + 3] = now  # after "queued" and "started"
            seq = jobs.add_events(conn, job_id, claim.attempt, [{"type": "progress", "data": {"objective": k}}])
            assert seq == k + 3
            hints.publish(line, job_id, seq)
        seq = jobs.finish(conn, job_id, claim.attempt, state="succeeded", answer=ANSWER, summary=SUMMARY)
        assert seq is not None
        hints.publish(line, job_id, seq)
        for thread in threads:
            thread.join(60)
        line.close()
    return delays, time.monotonic() - begin


def _read(system: System, job: str, told: dict[int, float], delays: list[float], ready: threading.Barrier) -> None:
    """A stream read by hand: a client that costs next to nothing."""
    parts = urlsplit(system.url)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60) as connection:
        (name, value), *_ = system.headers
        head = (f"GET /v1/jobs/{job}/events HTTP/1.1", "Host: x", "Accept: text/event-stream", f"{name}: {value}")
        connection.sendall("".join(f"{text}\r\n" for text in (*head, "")).encode())
        stream = connection.makefile("rb")
        waiting = True
        for line in stream:
            if waiting and line.startswith(b"id:"):
                waiting = False
                ready.wait(60)
            if line.startswith(b"id:"):
                at = told.get(int(line[3:]))
                if at is not None:
                    delays.append(time.monotonic() - at)
            if line.startswith(b"event: finished"):
                return


def _submit(conn: Database, settings: Settings, count: int) -> None:
    project = projects.ensure(conn, "load")
    body = document(small_lp(0))
    request = JobRequest.model_validate(body)
    text = orjson.dumps({"problem": body["problem"], "options": {}})
    for start in range(0, count, 200):
        items = [jobs.Submission(project, request, text, "cpu") for _ in range(min(200, count - start))]
        jobs.submit_many(conn, items, settings=settings)


def _rate(count: int, step: Callable[[], int]) -> float:
    begin, done = time.monotonic(), 0
    while done < count:
        found = step()
        if found == 0:
            break
        done += found
    return done / (time.monotonic() - begin)


def _program() -> object:
    import kantor

    lp = small_lp(1)
    return kantor.Program(sense="max", objective=lp.c, A=lp.A, row_upper=lp.b)
