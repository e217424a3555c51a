"""Both sides of one instance in one process of its own: the solver as its users call it, and Kantor's engine.

The process survives from instance to instance; where it crashes or hangs, that costs the instance alone.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from solvers.programs.answer import ProgramAnswer

T = TypeVar("T")

#: Seconds beyond all limits before a process counts as hung.
GRACE = 30.0
#: Of a solve that takes longer it is asked what the engine adds.
LONG = 1.0


@dataclass(frozen=True)
class Task:
    """One instance for one engine."""

    engine: str
    path: str
    time_limit: float
    repeats: int


@dataclass
class Pairs:
    """What came out of it; the lists have one entry for each pair.

    Attributes:
        error: what broke, in words; then the rest may be empty.
        load: seconds of the solver's own reader, once. ``parse`` of Kantor's.
        direct, ours: seconds from the model in memory to the solution in memory. ``_cpu``: of CPU, of all threads,
            which others on the machine hardly change.
        certify: seconds of Kantor's check of the first answer.
        same: as ``direct``, on the model that our engine builds; only where ``direct`` took another path for long.
        direct_work, our_work, same_work: iterations: equal if both took the same path.
    """

    error: str = ""
    load: float = 0.0
    parse: float = 0.0
    direct: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    direct_cpu: list[float] = field(default_factory=list)
    ours_cpu: list[float] = field(default_factory=list)
    certify: float = 0.0
    direct_status: str = ""
    our_status: str = ""
    our_limit: str | None = None
    direct_objective: float | None = None
    our_objective: float | None = None
    same: list[float] = field(default_factory=list)
    same_cpu: list[float] = field(default_factory=list)
    same_work: int | None = None
    direct_work: int | None = None
    our_work: int | None = None
    verified: bool = False
    proved: bool = False
    failures: list[str] = field(default_factory=list)


class Laboratory:
    """The process that solves. ``measure`` may be called again after anything."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Connection | None = None

    def measure(self, task: Task) -> Pairs:
        """Both sides, ``repeats`` times each where they are quick (then twice, then once), in changing order."""
        if self._process is None:
            self._start()
        assert self._pipe is not None
        self._pipe.send(task)
        patience = 2 * task.repeats * (task.time_limit + 2.0) + GRACE
        try:
            if self._pipe.poll(patience):
                answer = self._pipe.recv()
                assert isinstance(answer, Pairs)
                return answer
            words = f"no answer within {patience:.0f} s"
        except EOFError:
            self._process.join()
            words = f"the process died (exit code {self._process.exitcode})"
        self.close()
        return Pairs(error=words)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _start(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


@contextmanager
def laboratory() -> Iterator[Laboratory]:
    """A process that solves, ended with the block."""
    lab = Laboratory()
    try:
        yield lab
    finally:
        lab.close()


def _serve(pipe: Connection) -> None:
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(measure(task))
        except Exception:
            pipe.send(Pairs(error=traceback.format_exc(limit=-3)))


def measure(task: Task) -> Pairs:
    """In this process."""
    from benchmarks.direct import direct
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.programs.certificates import certify
    from solvers.programs.formats import read

    found = Pairs()
    solver = direct(task.engine)
    engine = registry.load("program", task.engine)
    begin = time.perf_counter()
    solve = solver.load(task.path, task.time_limit)
    found.load = time.perf_counter() - begin
    begin = time.perf_counter()
    problem = read(Path(task.path).read_bytes(), filename=Path(task.path).name)
    found.parse = time.perf_counter() - begin
    options = {"time_limit": task.time_limit, "threads": 1}

    def ours() -> ProgramAnswer:
        answer: ProgramAnswer = engine.solve(problem, options, LocalContext(time_limit=task.time_limit))
        return answer

    planned, k = task.repeats, 0
    while k < planned:
        for side in (0, 1) if k % 2 == 0 else (1, 0):
            if side == 0:
                outcome = _timed(solve, found.direct, found.direct_cpu)
            else:
                answer = _timed(ours, found.ours, found.ours_cpu)
        found.direct[-1] = outcome.seconds  # without what a reader took
        slowest = max(found.direct[-1], found.ours[-1])
        planned = min(planned, 1 if slowest > 4 else 2 if slowest > 1 else planned)
        k += 1
    found.direct_status, found.direct_objective = outcome.status, outcome.objective
    found.our_status, found.our_limit, found.our_objective = answer.status, answer.limit, answer.objective
    counts = answer.statistics
    found.direct_work, found.our_work = outcome.work, counts.get("iterations")
    if found.direct_work != found.our_work and found.ours[-1] > LONG and hasattr(solver, "same_model"):
        outcome = _timed(solver.same_model(problem, task.time_limit), found.same, found.same_cpu)
        found.same[-1], found.same_work = outcome.seconds, outcome.work
    begin = time.perf_counter()
    certificate = certify(problem, answer, options)
    found.certify = time.perf_counter() - begin
    found.verified, found.proved = certificate.verified, certificate.proved
    found.failures = [check.name for check in certificate.failures]
    return found


def _timed(call: Callable[[], T], wall: list[float], cpu: list[float]) -> T:
    used, begin = time.process_time(), time.perf_counter()
    result = call()
    wall.append(time.perf_counter() - begin)
    cpu.append(time.process_time() - used)
    return result
