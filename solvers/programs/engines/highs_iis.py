"""Irreducible infeasible subsystems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solvers.programs.answer import InfeasibleSubsystem
from solvers.programs.engines.highs_oracle import Element, Oracle
from solvers.programs.engines.rays import NEGLIGIBLE
from solvers.programs.engines.settings import Settings
from solvers.programs.engines.watch import Watch
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, Program


def irreducible_subsystem(
    problem: Program, ray: np.ndarray | None, watch: Watch, settings: Settings
) -> InfeasibleSubsystem | None:
    """An irreducible infeasible subsystem: a single row if one contradicts its variables' bounds, else by a deletion
    filter that begins with the support of a Farkas ray.

    Blocks of elements are left out, half as large each round, and stay out while the rest is infeasible
    (J. W. Chinneck, Feasibility and Infeasibility in Optimization, 2008). HiGHS' own ``getIis`` (1.14) mostly stops at
    a reducible system. Where HiGHS cannot tell, or time runs out, what is left by then is returned and not called
    irreducible. None if not even the whole is confirmed to be infeasible.
    """
    single = _one_row(problem)
    if single is not None:
        return _subsystem(single, irreducible=True)
    oracle = Oracle(problem, watch, settings, relaxed=ray is not None)
    candidates = [_elements(problem)]
    if ray is not None:
        candidates.insert(0, _support(problem, ray))
    else:
        candidates[0] += [Element("integrality", int(j)) for j in np.flatnonzero(problem.integrality == INTEGER)]
    for candidate in candidates:
        oracle.keep(candidate)
        if oracle.infeasible():
            return _filtered(candidate, oracle, watch)
    return None


def _filtered(kept: list[Element], oracle: Oracle, watch: Watch) -> InfeasibleSubsystem:
    size, sure = len(kept), True
    while size > 1 and not watch.stopped:
        size = (size + 1) // 2
        start, sure = 0, True
        while start < len(kept):
            rest = kept[:start] + kept[start + size :]
            oracle.keep(rest)
            verdict = oracle.infeasible()
            sure = sure and verdict is not None
            if verdict:
                kept = rest
            else:
                start += size
    return _subsystem(kept, irreducible=sure and size <= 1 and not watch.stopped)


def _one_row(problem: Program) -> list[Element] | None:
    """A row side that no point within the bounds can reach, with the bounds that keep it away.

    Each of them is needed: without it the row's activity is unbounded.
    """
    A = problem.A
    if (problem.integrality >= SEMI_CONTINUOUS).any() or not A.nnz:
        return None
    up = np.where(A.data > 0, problem.upper[A.indices], problem.lower[A.indices]) * A.data
    down = np.where(A.data > 0, problem.lower[A.indices], problem.upper[A.indices]) * A.data
    filled = np.diff(A.indptr) > 0
    starts = A.indptr[:-1][filled]
    for side, most, low in (("lower", up, True), ("upper", down, False)):
        reach = np.zeros(problem.m)
        reach[filled] = np.add.reduceat(most, starts)
        limit = problem.row_lower if low else problem.row_upper
        with np.errstate(invalid="ignore"):
            short = limit - reach if low else reach - limit
        short = np.where(np.isfinite(limit) & np.isfinite(reach), short, -np.inf)
        if short.max(initial=-np.inf) > 1e-6 * max(1.0, abs(float(limit[int(np.argmax(short))]))):
            i = int(np.argmax(short))
            row = slice(A.indptr[i], A.indptr[i + 1])
            bounds = [
                Element("bound", int(j), "upper" if (a > 0) == low else "lower")
                for j, a in zip(A.indices[row], A.data[row], strict=True)
            ]
            return [Element("row", i, "lower" if side == "lower" else "upper"), *bounds]
    return None


def _elements(problem: Program) -> list[Element]:
    found: list[Element] = []
    for side, values in (("lower", problem.row_lower), ("upper", problem.row_upper)):
        found.extend(Element("row", int(i), side) for i in np.flatnonzero(np.isfinite(values)))  # type: ignore[arg-type]
    plain = problem.integrality < SEMI_CONTINUOUS
    for side, values in (("lower", problem.lower), ("upper", problem.upper)):
        found.extend(Element("bound", int(j), side) for j in np.flatnonzero(np.isfinite(values) & plain))  # type: ignore[arg-type]
    return found


def _support(problem: Program, ray: np.ndarray) -> list[Element]:
    """The sides that a Farkas proof uses."""
    y = ray / np.abs(ray).max()
    g = problem.A.T @ y
    rows = np.flatnonzero(np.abs(y) > NEGLIGIBLE).tolist()
    columns = np.flatnonzero(np.abs(g) > NEGLIGIBLE).tolist()
    found = [Element("row", i, "lower" if y[i] > 0 else "upper") for i in rows]
    found += [Element("bound", j, "upper" if g[j] > 0 else "lower") for j in columns]
    wanted = set(_elements(problem))
    return [element for element in found if element in wanted]


def _subsystem(kept: Sequence[Element], *, irreducible: bool) -> InfeasibleSubsystem:
    return InfeasibleSubsystem(
        rows=tuple((e.index, e.side) for e in kept if e.kind == "row"),
        bounds=tuple((e.index, e.side) for e in kept if e.kind == "bound"),
        integrality=tuple(e.index for e in kept if e.kind == "integrality"),
        irreducible=irreducible,
    )
