"""Engines that behave badly on demand, for tests of what supervises them. They solve programs with bounds only."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import EngineFailure
from solvers.core.options import resolve
from solvers.programs.answer import ProgramAnswer
from solvers.programs.options import OPTIONS
from solvers.programs.problem import Program

_OWN = (
    Option("act", "string", "solve", "What to do; with several engines 'probe=solve,probe-b=wait'"),
    Option("seconds", "float", 30.0, "How long"),
    Option("megabytes", "integer", 4096, "How much"),
    Option("count", "integer", 100_000, "How often"),
    Option("path", "string", "", "A file that tells of earlier attempts"),
    Option("point", "boolean", False, "Hand over a feasible point first"),
)


class Probe:
    def __init__(self, name: str, group: str) -> None:
        self.spec = EngineSpec(
            id=name,
            family="program",
            version="1.0",
            title=name,
            summary="For tests",
            solves=frozenset({"linear", "integer"}),
            capabilities=frozenset({"incumbents-in", "incumbents-out"}),
            options=_OWN,
            process_group=group,
        )

    def solve(self, problem: Program, options: Mapping[str, Any], context: Context) -> ProgramAnswer:
        given = {name: value for name, value in options.items() if name != "start"}
        values = resolve((*OPTIONS, *_OWN), given, owner=self.spec.title)
        act = values["act"]
        if "=" in act:
            act = dict(part.split("=") for part in act.split(","))[self.spec.id]
        if values["point"]:
            x = _vertex(problem, best=False)
            context.report(objective=problem.objective_at(x), nodes=1)
            context.incumbent(problem.objective_at(x), x)
        answer: ProgramAnswer = getattr(self, f"_{act}")(problem, values, context)
        return answer

    def _solve(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        x = _vertex(problem, best=True)
        objective = problem.objective_at(x)
        context.report(objective=objective, bound=objective)
        return ProgramAnswer(
            status="optimal",
            objective=objective,
            bound=objective,
            x=x,
            row_duals=np.zeros(problem.m),
            reduced_costs=problem.c.copy(),
            statistics={"threads": os.environ["OMP_NUM_THREADS"], "pid": os.getpid(), "seconds": 0.001},
        )

    def _slow(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        time.sleep(values["seconds"])
        return self._solve(problem, values, context)

    def _lie(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        x = _vertex(problem, best=True) + 5.0
        return ProgramAnswer(status="optimal", objective=-1e9, bound=-1e9, x=x)

    def _wait(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """Until told to stop; takes what others found."""
        x, found = _vertex(problem, best=False), "own"
        end = time.monotonic() + values["seconds"]
        step = 0
        while (reason := context.should_stop()) is None and time.monotonic() < end:
            step += 1
            context.report(objective=problem.objective_at(x), bound=-1e6 + step, nodes=step)
            foreign = context.foreign_incumbent()
            if foreign is not None:
                x, found = foreign[1], "foreign"
                context.log(f"took {foreign[0]:g}\n")
            time.sleep(0.01)
        objective = problem.objective_at(x)
        statistics = {"found": found}
        return ProgramAnswer(
            status="feasible", limit=reason, objective=objective, bound=-1e6, x=x, statistics=statistics
        )

    def _hang(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """In C code that never looks up, holding the interpreter lock."""
        ctypes.PyDLL(None).sleep(ctypes.c_uint(int(values["seconds"])))
        return self._solve(problem, values, context)

    def _hang_in_check(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """Comes back at once with numbers that take their time when somebody looks at them."""
        answer = self._solve(problem, values, context)
        return replace(answer, x=np.asarray(answer.x).view(_Late))

    def _hang_at_99(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """In that scenario whose first coefficient is 99; others take a moment."""
        time.sleep(0.05)
        return (self._hang if problem.c[0] == 99 else self._solve)(problem, values, context)

    def _find(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """Hands over the best point, after a moment, and never comes back."""
        time.sleep(0.2)
        x = _vertex(problem, best=True)
        context.incumbent(problem.objective_at(x), x)
        return self._hang(problem, values, context)

    def _hog(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        kept = [np.ones(1 << 17) for _ in range(values["megabytes"])]
        return ProgramAnswer(status="no-solution", message=f"{len(kept)} MB")

    def _burst(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """As ``_hog``, past the cap on address space, as shared memory would."""
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return self._hog(problem, values, context)

    def _crash(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        time.sleep(0.05)
        ctypes.string_at(0)
        raise AssertionError

    def _crash_once(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        path = Path(values["path"])
        if not path.exists():
            path.touch()
            self._crash(problem, values, context)
        return self._solve(problem, values, context)

    def _hang_once(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        path = Path(values["path"])
        if path.exists():
            return self._solve(problem, values, context)
        path.touch()
        return self._hang(problem, values, context)

    def _abort(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
        os.abort()

    def _leave(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        os._exit(3)

    def _fail(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        raise EngineFailure("the engine says: no")

    def _raise(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        raise ZeroDivisionError("one over nothing")

    def _report(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """Reports as often as asked for; the time that this takes is in the statistics."""
        start = time.perf_counter()
        for step in range(values["count"]):
            context.report(nodes=step, bound=float(step))
        spent = time.perf_counter() - start
        answer = self._solve(problem, values, context)
        answer.statistics["microseconds"] = spent / values["count"] * 1e6
        return answer

    def _print(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        libc = ctypes.CDLL(None)
        for step in range(values["count"]):
            libc.printf(b"line %d of the library\n", ctypes.c_int(step))
        libc.fflush(None)
        context.log("and the engine's own line")
        Path("left behind").write_text("x")
        return self._solve(problem, values, context)

    def _flood(self, problem: Program, values: dict[str, Any], context: Context) -> ProgramAnswer:
        """Hands over points as fast as it can."""
        x = _vertex(problem, best=False)
        for _ in range(values["count"]):
            context.incumbent(problem.objective_at(x), x)
        return self._solve(problem, values, context)


class _Late(np.ndarray):
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **_: Any) -> Any:
        time.sleep(60.0)
        raise AssertionError("somebody waited")


def _vertex(problem: Program, *, best: bool) -> np.ndarray:
    sign = 1.0 if problem.sense == "min" else -1.0
    low = np.where(sign * problem.c >= 0, problem.lower, problem.upper)
    high = np.where(sign * problem.c >= 0, problem.upper, problem.lower)
    return np.array(low if best else high, dtype=float)


PROBE = Probe("probe", "probes")
PROBE_B = Probe("probe-b", "probes-b")
