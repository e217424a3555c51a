"""A worker in the test's own process, with engines that misbehave on demand; its zygotes and runners are processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from api_schemas.jobs import JobRequest
from service import jobs
from service.jobs import EventRow, JobRow
from service.settings import Settings
from service.store.connect import Database
from workers.settings import WorkerSettings
from workers.worker import Worker

ENGINES = Path(__file__).parent / "engines"

#: Three variables in a box; best is (0, 5, 0) with objective -10; the worst, which probes hand over first, has 22.
BOX: dict[str, Any] = {"kind": "program", "objective": [1, -2, 3], "lower": [0, 0, 0], "upper": [4, 5, 6]}


@pytest.fixture(scope="module")
def probes() -> Iterator[None]:
    """Processes started from here find the engines of ``engines/``."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", os.pathsep.join([str(ENGINES), *filter(None, [os.environ.get("PYTHONPATH")])]))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def worker(settings: Settings, probes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker without Celery: tests claim for it."""
    own = WorkerSettings(
        engines="program:probe,program:probe-b,program:highs",
        memory_mb=512,
        threads_most=16,
        grace_seconds=1.0,
        look_seconds=0.05,
        writable=str(tmp_path_factory.getbasetemp()),
    )
    worker = Worker(settings, own, pools=["cpu"], concurrency=2)
    worker.start()
    yield worker
    worker.close()


class Desk:
    """Submits jobs for a project and looks at them."""

    def __init__(self, conn: Database, project: UUID, settings: Settings) -> None:
        self.conn = conn
        self.project = project
        self.settings = settings

    def submit(
        self, problem: dict[str, Any] = BOX, engine: str = "probe", *, act: str = "", task: str = "solve", **fields: Any
    ) -> UUID:
        """``act`` and options named ``probe_...`` go to the probe; other fields are of the request."""
        options = dict(fields.pop("options", {}))
        own = {name[6:]: fields.pop(name) for name in list(fields) if name.startswith("probe_")}
        if act:
            options["engine_options"] = {"act": act, **own}
        request = JobRequest.model_validate(
            {"problem": problem, "engine": engine, "task": task, "options": options, **fields}
        )
        document = orjson.dumps({"problem": problem, "options": options})
        return jobs.submit(self.conn, self.project, request, document, pool="cpu", settings=self.settings).job_id

    def row(self, job_id: UUID) -> JobRow:
        return jobs.get(self.conn, self.project, job_id)

    def answer(self, job_id: UUID) -> dict[str, Any]:
        document = jobs.answer(self.conn, self.project, job_id)
        assert document is not None
        return dict(orjson.loads(document))

    def events(self, job_id: UUID, type_: str | None = None) -> list[EventRow]:
        found = jobs.events(self.conn, self.project, job_id, 0, 10_000)
        return [event for event in found if type_ is None or event.type == type_]

    def log(self, job_id: UUID) -> str:
        return "".join(event.data["text"] for event in self.events(job_id, "log"))

    def until(self, job_id: UUID, condition: Callable[[JobRow], bool], timeout: float = 30.0) -> JobRow:
        end = time.monotonic() + timeout
        while True:
            row = self.row(job_id)
            if condition(row):
                return row
            assert time.monotonic() < end, f"not within {timeout:g} s: {row}"
            time.sleep(0.01)

    def finished(self, job_id: UUID, timeout: float = 30.0) -> JobRow:
        return self.until(job_id, lambda row: row.final, timeout)


@pytest.fixture
def desk(conn: Database, project: UUID, settings: Settings) -> Desk:
    return Desk(conn, project, settings)


class Slots:
    """Lets the worker answer the bell in threads, as Celery would."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._threads: list[threading.Thread] = []

    def ring(self) -> None:
        thread = threading.Thread(target=self._worker.answer, args=("job",))
        thread.start()
        self._threads.append(thread)

    def join(self, timeout: float = 30.0) -> None:
        for thread in self._threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a slot does not come back"


@pytest.fixture
def slots(worker: Worker) -> Iterator[Slots]:
    slots = Slots(worker)
    yield slots
    slots.join()
