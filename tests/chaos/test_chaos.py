"""Kill -9 of every kind of process, at any moment, loses no job and stores no answer twice."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import kantor
import psycopg
import pytest

from service.embedded.postgres import Postgres
from tests.chaos.processes import descendants, kill_one

INSTANCES = Path(__file__).resolve().parents[2] / "examples" / "instances"
JOBS = 120
KILLS = 3
VICTIMS = ("runner", "worker", "api", "dispatcher", "valkey", "zygote")
QUICK = ("afiro", "adlittle", "stair", "gt2", "egout")
LONG = ("bell5", "dcmulti", "gesa2")


@dataclass
class Running:
    """An embedded Kantor of the test's own."""

    url: str
    api_key: str
    pid: int
    database_url: str
    kills: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    home = tmp_path / "home"
    environment = {
        **os.environ,
        "KANTOR_LEASE_SECONDS": "3",
        "KANTOR_HEARTBEAT_SECONDS": "1",
        "KANTOR_RING_AGAIN_SECONDS": "0.5",
    }
    launcher = subprocess.Popen(
        [sys.executable, "-m", "service.embedded", "up", "--port", "0", "--home", str(home), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert launcher.stdout is not None
        ready = json.loads(launcher.stdout.readline())
        yield Running(ready["url"], ready["api_key"], launcher.pid, Postgres(home).url())
    finally:
        everyone = descendants(launcher.pid)
        launcher.terminate()
        launcher.wait(timeout=40)
    left = [pid for pid in everyone if Path(f"/proc/{pid}").exists() and not is_zombie(pid)]
    assert left == [], "processes outlived their launcher"


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.timeout(420)
def test_killing_anything_at_any_moment_loses_no_job_and_stores_no_answer_twice(running: Running) -> None:
    optimum = {item["name"]: item["optimum"] for item in json.loads((INSTANCES / "manifest.json").read_text())["items"]}
    names = [LONG[k % len(LONG)] if k % 3 == 0 else QUICK[k % len(QUICK)] for k in range(JOBS)]
    over = threading.Event()
    killer = threading.Thread(target=kill_about, args=(running, over), daemon=True)
    killer.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            finished = list(pool.map(lambda k: solve(running, k, names[k]), range(JOBS)))
    finally:
        over.set()
        killer.join()

    wrong = [
        (name, answer.status, answer.objective)
        for name, answer in zip(names, finished, strict=True)
        if answer.status != "optimal" or abs(answer.objective - optimum[name]) > 1e-4 * max(1.0, abs(optimum[name]))
    ]
    assert wrong == []
    assert all(running.kills[kind] == KILLS for kind in VICTIMS), running.kills
    with psycopg.connect(running.database_url) as conn:
        states = dict(conn.execute("SELECT state, count(*) FROM job GROUP BY state").fetchall())
        answers = conn.execute("SELECT count(*) FROM job_answer").fetchone()
        finishes = conn.execute(
            "SELECT count(*) FROM (SELECT job_id FROM job_event WHERE type = 'finished' "
            "GROUP BY job_id HAVING count(*) > 1) AS twice"
        ).fetchone()
        holes = conn.execute(
            "SELECT count(*) FROM (SELECT job_id FROM job_event GROUP BY job_id HAVING max(seq) <> count(*)) AS holed"
        ).fetchone()
        outbox = conn.execute("SELECT count(*) FROM outbox WHERE topic = 'run'").fetchone()
        attempts = dict(conn.execute("SELECT attempt, count(*) FROM job GROUP BY attempt ORDER BY attempt").fetchall())
    print(f"kills {dict(running.kills)}; jobs by attempts {attempts}")
    assert states == {"succeeded": JOBS}
    assert answers == (JOBS,)
    assert finishes == (0,)
    assert holes == (0,)
    assert outbox == (0,)


def solve(running: Running, k: int, name: str) -> kantor.Answer:
    """Submit with an idempotency key and wait, through whatever is being killed: as a patient user's program would."""
    content = gzip.decompress((INSTANCES / f"{name}.mps.gz").read_bytes())
    give_up = time.monotonic() + 240
    while True:
        try:
            client = kantor.Client(running.url, running.api_key)
            job = client.submit(
                kantor.Program.from_file(content, filename=f"{name}.mps"),
                idempotency_key=f"chaos-{k}",
                max_attempts=10,
                time_limit=60,
            )
            return job.result()
        except (kantor.ConnectionFailed, kantor.Unavailable):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.2)


def kill_about(running: Running, over: threading.Event) -> None:
    """Every kind in random order, at random moments, ``KILLS`` times each; then the rest may end in peace."""
    choice = random.Random(20)
    for _ in range(KILLS):
        for kind in choice.sample(VICTIMS, len(VICTIMS)):
            while not kill_one(running.pid, kind, choice):  # it may be starting, or (a runner) have nothing to do
                if over.wait(0.2):
                    return
            running.kills[kind] += 1
            over.wait(choice.uniform(0.2, 3.0))
