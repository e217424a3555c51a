"""Which engine suits a program: by structure, with reasons in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from solvers.core.errors import UnsupportedProblem
from solvers.core.registry import load
from solvers.programs.problem import INTEGER, SEMI_INTEGER, Program

#: Above this many non-zeros a linear program is given to a first-order method: factorizations no longer pay.
FIRST_ORDER_NONZEROS = 30_000_000

#: What only some engines can do, by option; such a wish decides before structure does.
_WISHES = {"iis": "iis", "relax": "relaxation", "ranging": "ranging"}

_LINEAR: tuple[str, ...] = ("highs", "pdlp", "clarabel", "scip")
_INTEGER: tuple[str, ...] = ("highs", "scip", "cp-sat")
_CONVEX: tuple[str, ...] = ("clarabel", "highs", "pdlp", "scip")
_GENERAL: tuple[str, ...] = ("scip", "clarabel", "highs", "cp-sat", "pdlp")


def choose(problem: Program, offered: Sequence[str], options: Mapping[str, Any] | None = None) -> tuple[str, str]:
    """The engine for ``engine: "auto"``.

    Args:
        offered: ids of the engines at hand.
        options: of the solve; ``method``, ``iis``, ``relax`` and ``ranging`` have a say.

    Returns:
        (engine id, why).

    Raises:
        UnsupportedProblem: no engine at hand takes this kind of problem; the hint says what is missing.
    """
    options = options or {}
    fitting = _fitting(problem, offered)
    if options.get("method") == "pdlp" and "pdlp" in fitting:
        return "pdlp", "PDLP was asked for by the option method"
    for option, capability in _WISHES.items():
        if options.get(option):
            able = [name for name in fitting if capability in load("program", name).spec.capabilities]
            if able:
                return able[0], f"{_title(able[0])} because the option {option} was asked for; {_structure(problem)}"
    name, reason = _by_structure(problem, fitting)
    return name, f"{_structure(problem)}: {reason}"


def racers(problem: Program, offered: Sequence[str], options: Mapping[str, Any] | None = None) -> tuple[list[str], str]:
    """The engines for ``engine: "race"``, the likely winner first; at most three, one if no other fits.

    Raises:
        UnsupportedProblem: as ``choose``.
    """
    first, _ = choose(problem, offered, options)
    fitting = _fitting(problem, offered)
    if "cp-sat" in fitting and not _bounded_integers(problem):
        fitting.remove("cp-sat")
    if problem.discrete and "pdlp" in fitting:
        fitting.remove("pdlp")
    engines = list(dict.fromkeys([first, *fitting]))[:3]
    others = (
        f" against {' and '.join(_title(name) for name in engines[1:])}"
        if len(engines) > 1
        else ", alone: no other fits"
    )
    return engines, f"{_structure(problem)}: {_title(first)}{others}"


def _by_structure(problem: Program, fitting: list[str]) -> tuple[str, str]:
    features = problem.features
    name = fitting[0]
    if features == {"linear"}:
        if problem.A.nnz > FIRST_ORDER_NONZEROS and "pdlp" in fitting:
            return "pdlp", "PDLP, a first-order method, since factorizations of this size rarely pay"
        return name, f"{_title(name)}, whose simplex ends in a basis and exact duals"
    if features <= {"linear", "integer", "semi-continuous"}:
        return name, f"{_title(name)} by branch and cut"
    if features <= {"linear", "quadratic-objective", "second-order-cone"}:
        return name, f"{_title(name)}, an interior-point method for cones and quadratic objectives"
    special = ", ".join(sorted(features - {"linear", "integer"}))
    return name, f"{_title(name)} takes {special}"


def _fitting(problem: Program, offered: Sequence[str]) -> list[str]:
    """Engines that take the problem, best first."""
    features = problem.features
    if features == {"linear"}:
        order = _LINEAR
    elif features <= {"linear", "integer", "semi-continuous"}:
        order = _INTEGER
    elif not problem.discrete and features <= {"linear", "quadratic-objective", "second-order-cone"}:
        order = _CONVEX
    else:
        order = _GENERAL
    ranked = [name for name in order if name in offered] + [name for name in offered if name not in order]
    fitting = [name for name in ranked if load("program", name).spec.accepts(features)]
    if not fitting:
        able = [name for name in offered if features & load("program", name).spec.solves - {"linear"}]
        raise UnsupportedProblem(
            "no engine at hand takes a program with " + ", ".join(sorted(features)),
            pointer="/engine",
            hint=f"partly: {', '.join(able)}" if able else f"offered: {', '.join(offered) or 'none'}",
        )
    return fitting


def _bounded_integers(problem: Program) -> bool:
    """True if CP-SAT can state it exactly: every variable a bounded integer, every coefficient integral."""
    return bool(
        np.all(problem.integrality == INTEGER)
        and np.isfinite(problem.lower).all()
        and np.isfinite(problem.upper).all()
        and np.array_equal(problem.A.data, np.rint(problem.A.data))
    )


def _structure(problem: Program) -> str:
    """The program in a few words."""
    features = problem.features
    if "nonlinear" in features:
        kind = "nonlinear program"
    elif "second-order-cone" in features:
        kind = "conic program"
    elif "nonconvex-quadratic" in features:
        kind = "nonconvex quadratic program"
    elif "quadratic-objective" in features:
        kind = "convex quadratic program"
    else:
        kind = "linear program"
    whole = int(np.count_nonzero((problem.integrality == INTEGER) | (problem.integrality == SEMI_INTEGER)))
    if whole:
        kind = f"mixed-integer {kind}" if whole < problem.n else f"integer {kind}"
    return f"{kind}, {problem.m} rows, {problem.n} columns, {problem.A.nnz} non-zeros"


def _title(name: str) -> str:
    return load("program", name).spec.title
