"""Many workers, deaths, stalls and doubled rings: every job has exactly one answer."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from uuid import UUID

from service import jobs
from service.dispatch import reaper
from service.settings import Settings
from service.store.connect import connect
from tests.service.work import Desk, together

JOBS = 150
LEASE = 0.25


def test_every_job_ends_once_whatever_workers_do(desk: Desk, settings: Settings) -> None:
    jobs.submit_many(desk.conn, [desk.submission(max_attempts=10) for _ in range(JOBS)], settings=settings)
    over = threading.Event()
    committed: list[UUID] = []
    seen: Counter[str] = Counter()
    lock = threading.Lock()
    running: dict[UUID, int] = {}

    def reap() -> None:
        with connect(settings) as conn:
            while not over.is_set():
                reaper.reap(conn)
                time.sleep(0.05)

    def work(k: int) -> None:
        dice = random.Random(k)
        with connect(settings) as conn:
            own = Desk(conn, desk.project, settings)
            own.pool = desk.pool
            while not over.is_set():
                claim = own.claim(lease=LEASE)
                if claim is None:
                    time.sleep(0.01)
                    continue
                with lock:
                    assert running.get(claim.job_id, 0) < claim.attempt
                    running[claim.job_id] = claim.attempt
                chance = dice.random()
                if chance < 0.2:
                    seen["died"] += 1
                    continue
                if chance < 0.3:
                    seen["stalled"] += 1
                    time.sleep(LEASE * 1.6)
                elif chance < 0.4:
                    seen["handed back"] += jobs.hand_back(conn, claim.job_id, claim.attempt, "drain") is not None
                    continue
                else:
                    jobs.add_events(conn, claim.job_id, claim.attempt, [{"type": "progress", "data": {"t": 0.0}}])
                    jobs.extend(conn, [(claim.job_id, claim.attempt)], LEASE)
                if own.finish(claim, answer=f"{claim.attempt}".encode()) is None:
                    seen["fenced off"] += 1
                else:
                    with lock:
                        committed.append(claim.job_id)

    def watch(_: int) -> None:
        deadline = time.monotonic() + 45
        with connect(settings) as conn:
            while time.monotonic() < deadline:
                left = conn.execute("SELECT count(*) FROM job WHERE pool = %s AND finished_at IS NULL", (desk.pool,))
                if left.fetchone() == (0,):
                    break
                time.sleep(0.05)
        over.set()

    actors = [*([work] * 8), lambda _: reap(), watch]
    assert together(len(actors), lambda k: actors[k](k)) == [None] * len(actors)

    rows = desk.conn.execute(
        "SELECT job.id, state, attempt, convert_from(document, 'UTF8'), last_seq"
        " FROM job JOIN job_answer ON job_id = id WHERE pool = %s",
        (desk.pool,),
    ).fetchall()
    assert len(rows) == len(committed) == len(set(committed)) == JOBS
    assert {row[1] for row in rows} == {"succeeded"}
    assert all(row[3] == str(row[2]) for row in rows), "the answer is of the attempt that the row names"
    for row in rows:
        assert desk.seqs(row[0]) == list(range(1, row[4] + 1))
    assert seen["died"] > 10
    assert seen["stalled"] > 3
    assert seen["fenced off"] > 0
