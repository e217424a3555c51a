"""``exact``: a quadratic bilevel problem whose lower level is convex, as one program solved globally by SCIP.

The lower level is replaced by its KKT conditions, complementarity by special ordered sets (Fortuny-Amat and McCarl
1981; SOS1 as in Siddiqui and Gabriel 2013). With lower constraints affine in y this is equivalent to the optimistic
bilevel problem, so SCIP's bound is one on it.

Floor: a linear problem with k complementarity pairs is a tree of at most 2^k linear programs; 40 + 40 variables with 60
lower rows were measured at half a second of CPU, where big-M formulations took over 40.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.bilevel.answer import BilevelAnswer, Limit, Status
from solvers.bilevel.engines.big_m import with_binaries
from solvers.bilevel.engines.first_point import first_point
from solvers.bilevel.engines.kkt import Kkt, build
from solvers.bilevel.forms import Forms
from solvers.bilevel.problem import Bilevel
from solvers.bilevel.settings import Settings, settings_of
from solvers.core import registry
from solvers.core.engine import Context, Engine, EngineSpec, Option, StopReason
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Program
from solvers.programs.start import Start

SPEC = EngineSpec(
    id="exact",
    family="bilevel",
    version="1.0",
    title="Exact (KKT, SOS1)",
    summary="Linear and quadratic problems with a convex lower level, globally, with a bound; integer upper variables",
    solves=frozenset({"integer", "lower-bounds", "lower-constraints", "upper-constraints"}),
    capabilities=frozenset({"warm-start", "bound", "incumbents-out", "progress", "log", "deterministic"}),
    options=(
        Option(
            "complementarity",
            "string",
            "sos1",
            "How slack times multiplier = 0 is stated; big-m only for pairs with proven bounds",
            choices=("sos1", "big-m"),
        ),
        Option("node_limit", "integer", None, "Largest number of branch-and-bound nodes", minimum=0),
    ),
    process_group="torch",
    requires=("torch", "pyscipopt", "clarabel"),
    citation="https://doi.org/10.1057/jors.1981.156",
)

_STATUS: dict[str, Status] = {
    "optimal": "globally-optimal",
    "feasible": "feasible",
    "imprecise": "feasible",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "error": "error",
}
_LIMITS: dict[str, Limit] = {
    "time": "time",
    "nodes": "nodes",
    "memory": "memory",
    "cancelled": "cancelled",
    "beaten": "beaten",
    "iterations": "iterations",
}


class ExactEngine:
    """See ``solvers.core.engine.Engine``."""

    spec = SPEC

    def solve(self, problem: Bilevel, options: Mapping[str, Any], context: Context) -> BilevelAnswer:
        settings = settings_of(SPEC, problem, options)
        forms = problem.forms
        if forms is None or not forms.lower_convex:
            raise UnsupportedProblem(
                "the lower level is not convex, so its KKT conditions do not describe its solutions", pointer="/engine"
            )
        began = time.monotonic()
        # a solver's tolerances are absolute, and a small coefficient is a coefficient
        scaled = forms.scaled
        kkt = build(problem, scaled)
        program, bounded = kkt.program, 0
        if settings["complementarity"] == "big-m":
            program, bounded = with_binaries(kkt, context)
        solver: Engine[Program, ProgramAnswer] = registry.load("program", _solver(program))
        start = first_point(problem, scaled, kkt, context) if settings.start is None else np.concatenate(settings.start)
        found = solver.solve(program, _options(settings, program, start), _Pairs(context, problem, forms))
        return _answer(problem, forms, kkt, found, bounded, time.monotonic() - began)


ENGINE = ExactEngine()


class _Pairs:
    """A context to which SCIP's points are handed over as (x, y), in the user's units and sense."""

    offers = False

    def __init__(self, context: Context, problem: Bilevel, forms: Forms) -> None:
        self._context, self._problem, self._forms = context, problem, forms

    @property
    def deadline(self) -> float | None:
        return self._context.deadline

    def report(self, **metrics: float | int | str | None) -> None:
        for name in ("objective", "bound"):
            value = metrics.get(name)
            if isinstance(value, (int, float)):
                metrics[name] = self._problem.signed(self._forms.upper_value(float(value)))
        self._context.report(**metrics)

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        value = self._problem.signed(self._forms.upper_value(objective))
        self._context.incumbent(value, x[: self._problem.n + self._problem.m])

    def log(self, text: str) -> None:
        self._context.log(text)

    def should_stop(self) -> StopReason | None:
        return self._context.should_stop()

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        return None


def _solver(program: Program) -> str:
    """Without complementarity a convex quadratic program is left, for which an interior point is the better way."""
    return "clarabel" if program.features == {"linear", "quadratic-objective"} else "scip"


def _options(settings: Settings, program: Program, start: np.ndarray | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "relative_gap": settings["relative_gap"],
        "absolute_gap": 1e-9,
        # slack and multiplier are compared with zero: a loose tolerance would let both be a little positive
        "primal_tolerance": min(1e-7, settings["feasibility_tolerance"]),
        "seed": settings["seed"],
        "log": settings["log"],
    }
    if settings["time_limit"] is not None:
        chosen["time_limit"] = settings["time_limit"]
    if settings["node_limit"] is not None and program.discrete:
        chosen["node_limit"] = settings["node_limit"]
    if start is not None and program.discrete:
        known = np.full(program.n, np.nan)
        known[: start.size] = start
        chosen["start"] = Start(x=known)
    return chosen


def _answer(
    problem: Bilevel, forms: Forms, kkt: Kkt, found: ProgramAnswer, bounded: int, seconds: float
) -> BilevelAnswer:
    status = _STATUS.get(found.status, "no-solution")
    statistics = {
        **found.statistics,
        "seconds": seconds,
        "complementarity_pairs": len(kkt.pairs),
        "pairs_by_big_m": bounded,
        "program_rows": kkt.program.m,
        "program_variables": kkt.program.n,
    }
    message = found.message
    bound = found.bound
    if not forms.lower_affine:
        # a minimizer where no constraint qualification holds is no KKT point, and would be missed
        bound = None
        if status in ("globally-optimal", "infeasible"):
            status = "feasible" if status == "globally-optimal" else "no-solution"
            message = f"{message}\nThe lower constraints are curved: KKT conditions may miss solutions.".strip()
    x = y = None
    objective = lower_objective = None
    if found.x is not None:
        z = found.x[: problem.n + problem.m].copy()
        whole = np.flatnonzero(problem.upper.integrality)
        z[whole] = np.round(z[whole])
        x = np.clip(z[: problem.n], problem.upper.lower, problem.upper.upper)
        y = np.clip(z[problem.n :], problem.lower.lower, problem.lower.upper)
        z = np.concatenate([x, y])
        objective = problem.signed(forms.upper.value(z))
        lower_objective = problem.signed(forms.lower.value(z), "lower")
    return BilevelAnswer(
        status=status,
        limit=None if found.limit is None else _LIMITS.get(found.limit, "other"),
        x=x,
        y=y,
        objective=objective,
        lower_objective=lower_objective,
        bound=None if bound is None else problem.signed(forms.upper_value(bound)),
        statistics=statistics,
        message=message,
        engine=SPEC.id,
        engine_version=SPEC.version,
    )
