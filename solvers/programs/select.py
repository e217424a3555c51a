"""Which engine for which program: ``auto``, and who takes part in a race. By structure, with the reason in words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from solvers.core import registry
from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.programs.engines.settings import feature_words
from solvers.programs.problem import INTEGER, SEMI_INTEGER, Program

#: Linear programs with more non-zeros than this are too much for factorizations on most machines.
HUGE = 20_000_000

#: What only some engines can give; asking for it decides between engines that solve the program.
_WISHES = {"ranging": "ranging", "iis": "iis", "relax": "relaxation"}


def choose(problem: Program, options: Mapping[str, Any], offered: Sequence[EngineSpec]) -> tuple[str, str]:
    """The id of the engine for this program, and why, in a sentence for people.

    Args:
        options: of the solve; ``method``, ``ranging``, ``iis``, ``relax`` and ``start`` matter.
        offered: specifications of the engines that can be had, in the order in which ties are broken.

    Raises:
        UnsupportedProblem: no offered engine takes the program; the hint says what it has that none can take.
    """
    fits = [spec for spec in offered if takes(spec, problem)]
    if not fits:
        words = " and ".join(feature_words(problem)) or "linear constraints"
        raise UnsupportedProblem(
            f"no offered engine solves this program with {words}",
            pointer="/engine",
            hint=f"offered: {', '.join(spec.id for spec in offered) or 'none'}",
        )
    able = [spec for spec in fits if _wishes(options) <= spec.capabilities] or fits
    by_id = {spec.id: spec for spec in able}
    for name, reason in _preferences(problem, options):
        if name in by_id:
            return name, f"{describe(problem)}: {reason}"
    first = able[0]
    return first.id, f"{describe(problem)}: {first.title}, the first engine that takes it"


def race_candidates(problem: Program, offered: Sequence[EngineSpec]) -> tuple[str, ...]:
    """Ids of the engines worth racing on this program, the most promising first; engines unknown here come last."""
    fits = {spec.id: spec for spec in offered if takes(spec, problem)}
    order = [name for name, _ in _preferences(problem, {}) if name in fits]
    known = {"highs", "scip", "cp-sat", "pdlp", "clarabel"}
    return tuple(dict.fromkeys([*order, *(name for name in fits if name not in known)])) or tuple(fits)


def takes(spec: EngineSpec, problem: Program) -> bool:
    """True if the engine takes the program: by its specification, and by its own ``check`` where it has one."""
    if not spec.accepts(problem.features):
        return False
    with contextlib.suppress(ImportError, LookupError):
        check: Callable[[Program], None] | None = getattr(_engine(spec), "check", None)
        if check is not None:
            try:
                check(problem)
            except UnsupportedProblem:
                return False
    return True


def _engine(spec: EngineSpec) -> object:
    if spec.id not in registry.names(spec.family):
        raise LookupError(spec.id)
    return registry.load(spec.family, spec.id)


def _wishes(options: Mapping[str, Any]) -> set[str]:
    wishes = {capability for option, capability in _WISHES.items() if options.get(option)}
    start = options.get("start")
    if start is not None and getattr(start, "basis", None) is not None:
        wishes.add("basis")
    return wishes


def _preferences(problem: Program, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Engines with the reason for each, best first."""
    features = problem.features
    scip = ("scip", "SCIP, which searches for the global optimum of what is not convex")
    if features & {"nonlinear", "nonconvex-quadratic"}:
        return [scip]
    if problem.discrete:
        return _discrete(problem)
    if "second-order-cone" in features:
        return [("clarabel", "Clarabel, an interior-point method for cones"), scip]
    if "quadratic-objective" in features:
        return [
            ("clarabel", "Clarabel, whose interior-point method solves what active-set methods do not"),
            ("pdlp", "PDLP, since the quadratic objective is diagonal"),
            ("highs", "HiGHS' active-set method"),
        ]
    return _linear(problem, options)


def _discrete(problem: Program) -> list[tuple[str, str]]:
    features = problem.features
    highs = ("highs", "HiGHS' branch and cut")
    scip = ("scip", "SCIP's branch and cut")
    sat = ("cp-sat", "CP-SAT, since all variables are bounded integers with integer data")
    if features & {"sos", "indicator", "second-order-cone", "quadratic-objective"}:
        words = " and ".join(feature_words(problem, but=("integer",)))
        return [("scip", f"SCIP, which takes {words} as they are"), sat]
    if not problem.c.any() and _all_integer(problem):
        return [("cp-sat", "CP-SAT: bounded integers, and any feasible point will do"), highs, scip]
    return [highs, scip, sat]


def _linear(problem: Program, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    simplex = ("highs", "HiGHS' dual simplex, with duals, basis and sensitivity")
    inner = ("clarabel", "Clarabel's interior-point method")
    first_order = ("pdlp", "PDLP, a first-order method that needs no factorization")
    method = options.get("method")
    if method == "pdlp" or problem.A.nnz > HUGE:
        return [first_order, ("highs", "HiGHS"), inner]
    if method == "ipm":
        return [("highs", "HiGHS' interior-point method, with crossover to a basis"), inner, first_order]
    return [simplex, inner, first_order]


def _all_integer(problem: Program) -> bool:
    return bool(((problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)).all())


def describe(problem: Program) -> str:
    """The program in words: kind and size."""
    whole = int(((problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)).sum())
    features = problem.features
    if features & {"nonlinear"}:
        kind = "nonlinear program"
    elif features & {"nonconvex-quadratic"}:
        kind = "nonconvex quadratic program"
    elif "second-order-cone" in features:
        kind = "second-order cone program"
    elif "quadratic-objective" in features:
        kind = "convex quadratic program"
    else:
        kind = "linear program"
    if problem.discrete:
        kind = f"{'pure' if whole == problem.n else 'mixed'} integer {kind}" if whole else f"{kind} with discrete parts"
    sizes = f"{_count(problem.m, 'row')} and {_count(problem.n, 'variable')}"
    extra = f", {whole:,} of them integer" if 0 < whole < problem.n else ""
    return f"{kind} with {sizes}{extra}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


__all__ = ["HUGE", "choose", "describe", "race_candidates", "takes"]
