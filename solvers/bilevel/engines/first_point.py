"""A first point for the exact search: a good x of the problem without complementarity, and the lower level's answer.

With ordered sets alone SCIP may search long before it has any point; this one costs two convex programs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from solvers.bilevel.engines.kkt import Kkt
from solvers.bilevel.forms import Forms, Quadratic
from solvers.bilevel.problem import Bilevel
from solvers.core import registry
from solvers.core.engine import Context, LocalContext
from solvers.core.errors import SolverError
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Program

SECONDS = 5.0


def first_point(problem: Bilevel, forms: Forms, kkt: Kkt, context: Context) -> np.ndarray | None:
    """Values of the KKT program's variables that satisfy both levels, or None if none are found at once."""
    program = kkt.program
    if not program.sos or program.nonlinear is not None or any(form.Q is not None for form in forms.constraints):
        return None
    relaxed = replace(program, sos=(), integrality=np.zeros_like(program.integrality))
    candidates = [problem.upper.start]
    if relaxed.features <= {"linear", "quadratic-objective"}:
        found = _solved(relaxed)
        if found is not None and found.x is not None:
            candidates.insert(0, found.x[: problem.n])
    best: tuple[float, np.ndarray] | None = None
    for x in candidates:
        if context.should_stop() is not None:
            break
        whole = problem.upper.integrality
        x = np.clip(np.where(whole, np.round(x), x), problem.upper.lower, problem.upper.upper)
        found = _solved(_lower_level(problem, forms, x))
        if found is None or found.x is None:
            continue
        point = np.concatenate([x, found.x])
        worst = max((form.value(point) for form in forms.upper_inequalities), default=0.0)
        worst = max([worst, *(abs(form.value(point)) for form in forms.upper_equalities)])
        value = forms.upper.value(point)
        if worst <= 1e-7 and (best is None or value < best[0]):
            best = (value, _completed(problem, forms, kkt, point, found))
    return None if best is None else best[1]


def _completed(problem: Bilevel, forms: Forms, kkt: Kkt, point: np.ndarray, found: ProgramAnswer) -> np.ndarray:
    """The point with slacks and multipliers; of each pair the smaller is zero."""
    place = {name: k for k, name in enumerate(kkt.program.variable_names or ())}
    full = np.full(kkt.program.n, np.nan)
    full[: point.size] = point
    duals = np.zeros(0) if found.row_duals is None else found.row_duals
    reduced = np.zeros(problem.m) if found.reduced_costs is None else found.reduced_costs
    for i, form in enumerate(forms.lower_inequalities):
        full[place[f"slack{i}"]] = max(0.0, -form.value(point))
        full[place[f"lambda{i}"]] = max(0.0, -duals[i])
    for i in range(len(forms.lower_equalities)):
        full[place[f"nu{i}"]] = -duals[len(forms.lower_inequalities) + i]
    level, y = problem.lower, point[problem.n :]
    values = {
        "above": y - level.lower,
        "below": level.upper - y,
        "lower": reduced,
        "upper": -reduced,
    }
    for name, numbers in values.items():
        for j in range(problem.m):
            if f"{name}{j}" in place:
                full[place[f"{name}{j}"]] = max(0.0, float(numbers[j]) / kkt.units[j])
    for slack, multiplier in kkt.pairs:
        full[slack if full[slack] < full[multiplier] else multiplier] = 0.0
    return full


def _solved(program: Program) -> ProgramAnswer | None:
    try:
        answer: ProgramAnswer = registry.load("program", "clarabel").solve(
            program, {"log": False}, LocalContext(SECONDS)
        )
    except SolverError:
        return None
    return answer if answer.status == "optimal" else None


def _lower_level(problem: Bilevel, forms: Forms, x: np.ndarray) -> Program:
    n = forms.n

    def at(form: Quadratic) -> tuple[np.ndarray, float]:
        return form.c[n:], form.constant + float(form.c[:n] @ x)

    objective = forms.lower.c[n:].copy()
    block = None
    if forms.lower.Q is not None:
        objective += forms.lower.Q[n:, :n] @ x
        block = sp.csr_array(forms.lower.Q[n:, n:])
    below, equal = ([at(form) for form in part] for part in (forms.lower_inequalities, forms.lower_equalities))
    sides = np.array([-constant for _, constant in (*below, *equal)])
    rows = [c for c, _ in (*below, *equal)]
    return Program.build(
        c=objective,
        Q=block if block is not None and block.nnz else None,
        A=sp.csr_array(np.array(rows)) if rows else None,
        row_lower=np.where(np.arange(len(rows)) < len(below), -np.inf, sides) if rows else None,
        row_upper=sides if rows else None,
        lower=problem.lower.lower,
        upper=problem.lower.upper,
    )
