"""SCIP's events, connected to a watch, which looks at the search a few times a second."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from solvers.programs.engines.points import point_at
from solvers.programs.engines.scip_model import ScipModel
from solvers.programs.engines.watch import REPORT_EVERY, Watch
from solvers.programs.problem import Program

if TYPE_CHECKING:
    from pyscipopt import Model

#: Reading a point out of SCIP takes time with many variables; this share of the solve at most goes into it.
_SHARE = 0.01


class Events:
    """What a solve of SCIP reports.

    Attributes:
        iteration_limit: of LP iterations in the whole search, which SCIP itself does not limit.
        iterations_spent: that limit was reached.
    """

    def __init__(self, built: ScipModel, problem: Program) -> None:
        self._built = built
        self._problem = problem
        self._watch: Watch | None = None
        self._looked_at = 0.0
        self._pending = False
        self._read_until = 0.0
        self.iteration_limit: int | None = None
        self.iterations_spent = False

    def connect(self, watch: Watch, *, offers: bool) -> None:
        """From now on tell the watch; with ``offers``, also try points of other engines."""
        self._watch = watch
        self._built.model.includeEventhdlr(_handler(self), "watch", "tells the watch what happens")
        if offers:
            import pyscipopt

            names: Any = pyscipopt
            before = names.SCIP_HEURTIMING.BEFORENODE
            self._built.model.includeHeur(
                _heuristic(self), "foreign", "tries points of other engines", "F", freq=1, timingmask=before
            )

    def disconnect(self) -> None:
        """The model is about to be freed."""
        del self._built
        self._watch = None

    def interrupt(self) -> None:
        """Ask SCIP to stop; ignored before its search begins, when the ticker asks again."""
        with contextlib.suppress(Exception):
            self._built.model.interruptSolve()

    def happened(self, kind: int, best: int) -> None:
        """One event of SCIP's."""
        watch = self._watch
        if watch is None:
            return
        try:
            now = time.monotonic()
            if kind == best:
                self._pending = True
            if self._pending and now >= self._read_until:
                self._pending = False
                self._hand_over(watch, now)
            if now - self._looked_at >= REPORT_EVERY:
                self._looked_at = now
                self._note(watch)
            if watch.stopped or self.iterations_spent:
                self.interrupt()
        except BaseException as error:  # must not cross SCIP
            watch.fail(error)

    def _hand_over(self, watch: Watch, now: float) -> None:
        model = self._built.model
        solution: Any = model.getBestSol()
        x = np.array([solution[variable] for variable in self._built.variables])
        point = point_at(self._problem, x, integrality_tolerance=1e-6)
        watch.incumbent(point.objective, point.x)
        self._read_until = now + (time.monotonic() - now) / _SHARE

    def _note(self, watch: Watch) -> None:
        model = self._built.model
        infinity = model.infinity()
        best, bound = model.getPrimalbound(), model.getDualbound()
        spent = model.getNLPIterations()
        watch.note(
            objective=best if abs(best) < infinity else None,
            bound=bound if abs(bound) < infinity else None,
            gap=abs(best - bound) / max(1.0, abs(best)) if max(abs(best), abs(bound)) < infinity else None,
            nodes=model.getNTotalNodes(),
            iterations=spent,
        )
        self.iterations_spent = self.iteration_limit is not None and spent >= self.iteration_limit

    def try_foreign(self) -> bool:
        """Offer SCIP the newest point of another engine; True if it took it."""
        watch = self._watch
        if watch is None:
            return False
        try:
            foreign = watch.foreign_incumbent()
            if foreign is None:
                return False
            return give_point(self._built, foreign[1], running=True)
        except BaseException as error:
            watch.fail(error)
            return False


def give_point(built: ScipModel, x: np.ndarray, *, running: bool) -> bool:
    """Hand SCIP a point; entries that are NaN, and auxiliary variables, are left for it to complete."""
    model = built.model
    known = np.flatnonzero(~np.isnan(x)).tolist()
    partial = built.auxiliary or len(known) < x.size
    if partial and running:
        return False  # SCIP completes points before the search only
    solution = model.createPartialSol() if partial else model.createOrigSol()
    values = x.tolist()
    for j in known:
        model.setSolVal(solution, built.variables[j], values[j])
    return bool(model.trySol(solution, printreason=False) if running else model.addSol(solution))


def _handler(events: Events) -> Any:
    import pyscipopt

    names: Any = pyscipopt
    caught = names.SCIP_EVENTTYPE
    kinds = (caught.BESTSOLFOUND, caught.NODESOLVED, caught.LPSOLVED, caught.PRESOLVEROUND)

    class Handler(pyscipopt.Eventhdlr):
        def eventinit(self) -> None:
            for kind in kinds:
                self.model.catchEvent(kind, self)

        def eventexec(self, event: Any) -> None:
            events.happened(event.getType(), caught.BESTSOLFOUND)

    return Handler()


def _heuristic(events: Events) -> Any:
    import pyscipopt

    names: Any = pyscipopt
    result = names.SCIP_RESULT

    class Foreign(pyscipopt.Heur):
        def heurexec(self, heurtiming: Any, nodeinfeasible: bool) -> dict[str, Any]:  # noqa: ARG002  # SCIP's names
            return {"result": result.FOUNDSOL if events.try_foreign() else result.DIDNOTFIND}

    return Foreign()


class LogFile:
    """SCIP's log, which it writes into a file (its Python interface can otherwise only print it). A context manager."""

    def __init__(self, model: Model, watch: Watch) -> None:
        self._model = model
        self._watch = watch

    def __enter__(self) -> LogFile:
        handle, self._path = tempfile.mkstemp(prefix="scip-", suffix=".log")
        self._file = os.fdopen(handle, "r", errors="replace")
        self._model.setLogfile(self._path)
        return self

    def read(self) -> None:
        """Pass on what SCIP wrote since the last time."""
        if self._file.closed:  # a last look of the ticker
            return
        text = self._file.read()
        if text:
            self._watch.log(text)

    def __exit__(self, *_: object) -> None:
        self._model.setLogfile(None)
        self.read()
        self._file.close()
        os.unlink(self._path)
