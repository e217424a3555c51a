"""The floor: every hop of a job's way by itself, with nothing of Kantor around it but the statements it must run."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import redis

from api_schemas.ids import new_uuid
from api_schemas.jobs import JobRequest
from benchmarks.harness.small_lp import document, small_lp, solve_directly
from benchmarks.harness.statistics import Latency
from benchmarks.harness.targets import JSON
from benchmarks.peers.celery_noop import Noop, application
from service import jobs, projects
from service.settings import Settings
from service.store.connect import Database, connect

Call = Callable[[], object]
#: What a certified answer of the small program weighs, about.
ANSWER = b"x" * 4000
ENGINES = ("program:highs",)


@dataclass(frozen=True)
class Hop:
    """One part of the way.

    Attributes:
        name: what it is.
        latency: of the part alone.
        cpu: milliseconds of CPU of the calling thread.
    """

    name: str
    latency: Latency
    cpu: float


def hops(settings: Settings, endpoint: str, noop: Noop, rounds: int) -> list[Hop]:
    """Each hop, in the order of the way.

    Args:
        settings: with an empty, durable database.
        endpoint: validates the contract and answers a constant.
    """
    with ExitStack() as stack:
        calls: dict[str, Call] = {"HTTP by httpx, validation": _http(stack, endpoint)}
        rules = _statements(stack.enter_context(connect(settings, name="floor")), settings)
        calls["submit (one statement, durable)"] = rules["submit"]
        calls["ring to a thread of a Celery worker, raw reply"] = _ring(stack, noop)
        calls["claim (one statement, durable)"] = rules["claim"]
        calls["document to a process and answer back"] = stack.enter_context(_pipe())
        calls["solve (highspy)"] = lambda: solve_directly(small_lp(0))
        calls["certify"] = _certify()
        calls["finish (one statement, durable)"] = rules["finish"]
        calls["hint (publish to subscriber)"] = _hint(stack, noop)
        calls["read job and answer"] = rules["read"]
        return _timed(calls, rounds)


def _timed(calls: dict[str, Call], rounds: int) -> list[Hop]:
    wall: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, float] = dict.fromkeys(calls, 0.0)
    for k in range(rounds + 10):
        for name, call in calls.items():
            used, begin = time.thread_time(), time.perf_counter()
            call()
            if k >= 10:
                wall[name].append(time.perf_counter() - begin)
                cpu[name] += time.thread_time() - used
    return [Hop(name, Latency.of(wall[name]), cpu[name] / rounds * 1e3) for name in calls]


def _http(stack: ExitStack, endpoint: str) -> Call:
    client = stack.enter_context(httpx.Client())
    content = document(small_lp(0))
    return lambda: client.post(endpoint, content=json.dumps(content), headers=JSON).raise_for_status().json()


def _statements(conn: Database, settings: Settings) -> dict[str, Call]:
    project, worker = projects.ensure(conn, "floor"), new_uuid()
    content = document(small_lp(0))
    request, body = JobRequest.model_validate(content), json.dumps(content).encode()
    held: list[jobs.Claim] = []
    done: list[jobs.Claim] = []

    def claim() -> None:
        job = jobs.claim(conn, pools=("cpu",), engines=ENGINES, worker_id=worker, lease_seconds=30)
        assert job is not None
        held.append(job)

    def finish() -> None:
        job = held.pop()
        done[:] = [job]
        jobs.finish(conn, job.job_id, job.attempt, state="succeeded", answer=ANSWER, summary={"status": "optimal"})

    return {
        "submit": lambda: jobs.submit(conn, project, request, body, pool="cpu", settings=settings),
        "claim": claim,
        "finish": finish,
        "read": lambda: jobs.get_with_answer(conn, project, done[-1].job_id),
    }


def _ring(stack: ExitStack, noop: Noop) -> Call:
    app = stack.enter_context(application(noop.broker))
    producer = stack.enter_context(app.amqp.producer_pool.acquire())
    connection = stack.enter_context(_redis(noop))

    def call() -> None:
        app.send_task("reply", ("floor",), producer=producer, ignore_result=True)
        if connection.blpop(["floor"], timeout=30) is None:
            raise RuntimeError("the Celery no-op did not answer")

    return call


def _redis(noop: Noop) -> redis.Redis:
    return redis.Redis(unix_socket_path=noop.broker.removeprefix("redis+socket://"))


@contextmanager
def _pipe() -> Iterator[Call]:
    """A forked process that reads the document and sends as much back as an answer weighs."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_echo, args=(theirs, ours.fileno()), daemon=True)
    process.start()
    body = json.dumps(document(small_lp(0))).encode()

    def call() -> None:
        ours.send_bytes(body)
        ours.recv_bytes()

    try:
        yield call
    finally:
        process.kill()
        process.join()


def _echo(pipe: multiprocessing.connection.Connection, other: int) -> None:
    os.close(other)
    while True:
        json.loads(pipe.recv_bytes())
        pipe.send_bytes(ANSWER)


def _certify() -> Call:
    import scipy.sparse as sp

    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.programs.certificates import certify
    from solvers.programs.problem import Program

    lp = small_lp(0)
    program = Program.build(c=lp.c, A=sp.csr_array(lp.A), row_upper=lp.b, sense="max")
    answer = registry.load("program", "highs").solve(program, {}, LocalContext())
    return lambda: certify(program, answer, {})


def _hint(stack: ExitStack, noop: Noop) -> Call:
    publisher, listener = stack.enter_context(_redis(noop)), stack.enter_context(_redis(noop))
    channel = stack.enter_context(listener.pubsub(ignore_subscribe_messages=True))
    channel.subscribe("floor-hints")
    channel.get_message(timeout=1.0)

    def call() -> None:
        publisher.publish("floor-hints", "job 1")
        while channel.get_message(timeout=5.0) is None:
            continue

    return call
