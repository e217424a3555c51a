"""A Celery application with one task that does nothing: what any use of Celery costs at least."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import redis
from celery import Celery

from benchmarks.harness.processes import running
from service.embedded.valkey import Valkey

BROKER = "KANTOR_BENCHMARK_BROKER"


def application(broker: str) -> Celery:
    """Client and worker side. Results go through the same broker, as in most of Celery's users' setups."""
    app = Celery("noop", broker=broker, backend=broker)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        result_expires=60,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=True,
    )
    app.task(name="noop")(noop)
    app.task(name="reply", ignore_result=True)(reply)
    return app


def noop(text: str) -> str:
    """Gives back what it gets: a job id is all that Kantor's own messages hold."""
    return text


def reply(text: str) -> None:
    """Pushes onto a list of that name, without Celery's result backend: hears the bell, as Kantor's worker does."""
    _redis().lpush(text, "1")


@cache
def _redis() -> redis.Redis:
    return redis.Redis(unix_socket_path=os.environ[BROKER].removeprefix("redis+socket://"))


if BROKER in os.environ:
    app = application(os.environ[BROKER])


@dataclass(frozen=True)
class Noop:
    """A running worker.

    Attributes:
        broker: URL for ``application``.
        worker, server: process ids of the worker and of its Valkey.
    """

    broker: str
    worker: int
    server: int


@contextmanager
def celery_noop(folder: Path, *, concurrency: int) -> Iterator[Noop]:
    """A Valkey and a Celery worker on it (pool of threads, as Kantor's own)."""
    valkey = Valkey(folder)
    valkey.start()
    assert valkey.process is not None
    url = f"redis+socket://{valkey.socket}"
    worker = [sys.executable, "-m", "celery", "-A", "benchmarks.peers.celery_noop:app", "worker", "--pool", "threads"]
    worker += [
        "--concurrency",
        str(concurrency),
        "--loglevel",
        "warning",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    try:
        with running(
            worker, log=folder / "noop.log", ready=lambda: _answers(url), environment={BROKER: url}
        ) as process:
            yield Noop(url, process.pid, valkey.process.pid)
    finally:
        valkey.stop()


def _answers(url: str) -> bool:
    app = application(url)
    try:
        return bool(app.control.ping(timeout=0.3))
    finally:
        app.close()
