"""A program as a CP-SAT model: variables first, in the program's order, then what sets need."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from solvers.programs.engines.cp_sat_scaling import (
    integer_bounds,
    require_integral,
    require_small_sums,
    scaled,
    scaled_side,
)
from solvers.programs.problem import SEMI_CONTINUOUS, Program, SpecialOrderedSet


@dataclass
class CpModel:
    """The model and how its integer objective relates to the program's: ``objective * scale + offset`` in its sense."""

    proto: Any
    low: list[int]
    high: list[int]


def build(problem: Program) -> CpModel:
    """The model.

    Raises:
        UnsupportedProblem: continuous or unbounded variables, coefficients that are not integers when scaled.
    """
    from ortools.sat.python import cp_model_helper

    require_integral(problem)
    low, high = integer_bounds(problem)
    built = CpModel(cp_model_helper.CpModelProto(), low, high)
    variables = built.proto.variables
    semi = problem.integrality >= SEMI_CONTINUOUS
    for j, (a, b) in enumerate(zip(low, high, strict=True)):
        variables.add().domain.extend(_semi_domain(problem, j) if semi[j] else [a, b])
    largest = [max(abs(a), abs(b)) for a, b in zip(low, high, strict=True)]
    _rows(built, problem, largest)
    for k, indicator in enumerate(problem.indicators):
        where = f"/indicators/{k}"
        row = (indicator.indices.tolist(), indicator.coefficients.tolist(), indicator.lower, indicator.upper)
        literal = indicator.binary if indicator.active else -indicator.binary - 1
        _linear(built, *row, largest, f"indicator {k}", where, (literal,))
    for group in problem.sos:
        _set(built, group)
    _objective(built, problem, largest)
    return built


def _semi_domain(problem: Program, j: int) -> list[int]:
    """``0`` and the integers from lower to upper, as closed intervals in ascending order."""
    a, b = int(np.ceil(problem.lower[j] - 1e-9)), int(np.floor(problem.upper[j] + 1e-9))
    if a > b:
        return [0, 0]
    if a <= 1 and b >= -1:
        return [min(a, 0), max(b, 0)]
    return [0, 0, a, b] if a > 0 else [a, b, 0, 0]


def _rows(built: CpModel, problem: Program, largest: list[int]) -> None:
    A = problem.A
    starts, columns, values = A.indptr.tolist(), A.indices.tolist(), A.data.tolist()
    sides = zip(problem.row_lower.tolist(), problem.row_upper.tolist(), strict=True)
    for i, (left, right) in enumerate(sides):
        a, b = starts[i], starts[i + 1]
        if left == -np.inf and right == np.inf:
            continue
        name = f"row {problem.constraint_name(i)!r}"
        _linear(built, columns[a:b], values[a:b], left, right, largest, name, f"/A/data/{a}")


def _linear(
    built: CpModel,
    columns: list[int],
    values: list[float],
    left: float,
    right: float,
    largest: list[int],
    what: str,
    pointer: str,
    enforced: tuple[int, ...] = (),
) -> None:
    constraint = built.proto.constraints.add()
    if enforced:
        constraint.enforcement_literal.extend(list(enforced))
    numbers, scale = scaled(values, what, pointer) if values else ([], Fraction(1))
    sizes = [largest[j] for j in columns]
    require_small_sums(numbers, sizes, what, pointer)
    reach = sum(abs(a) * b for a, b in zip(numbers, sizes, strict=True))
    low = -reach if left == -np.inf else scaled_side(left, scale, up=True)
    high = reach if right == np.inf else scaled_side(right, scale, up=False)
    low, high = max(low, -reach), min(high, reach)
    if low > high:
        constraint.bool_or.literals.extend([])  # cannot hold
        return
    constraint.linear.vars.extend(columns)
    constraint.linear.coeffs.extend(numbers)
    constraint.linear.domain.extend([low, high])


def _set(built: CpModel, group: SpecialOrderedSet) -> None:
    order = np.argsort(group.weights)
    literals = [_nonzero(built, int(j)) for j in group.indices[order]]
    if group.type == 1:
        built.proto.constraints.add().at_most_one.literals.extend(literals)
        return
    for k in range(len(literals)):
        for far in range(k + 2, len(literals)):
            built.proto.constraints.add().bool_or.literals.extend([-literals[k] - 1, -literals[far] - 1])


def _nonzero(built: CpModel, j: int) -> int:
    """A literal that is true wherever variable j is not zero: itself if it is binary."""
    if (built.low[j], built.high[j]) == (0, 1):
        return j
    literal = len(built.proto.variables)
    built.proto.variables.add().domain.extend([0, 1])
    zero = built.proto.constraints.add()
    zero.enforcement_literal.extend([-literal - 1])
    zero.linear.vars.extend([j])
    zero.linear.coeffs.extend([1])
    zero.linear.domain.extend([0, 0])
    return literal


def _objective(built: CpModel, problem: Program, largest: list[int]) -> None:
    used = np.flatnonzero(problem.c).tolist()
    if not used:
        return
    numbers, scale = scaled(problem.c[used].tolist(), "the objective", "/c")
    require_small_sums(numbers, [largest[j] for j in used], "the objective", "/c")
    turn = 1 if problem.sense == "min" else -1
    objective = built.proto.objective
    objective.vars.extend(used)
    objective.coeffs.extend([turn * number for number in numbers])
    objective.scaling_factor = turn / float(scale)
    objective.offset = turn * problem.offset * float(scale)


def add_cutoff(built: CpModel, problem: Program, cutoff: float) -> None:
    """A row that keeps points worse than the cutoff out."""
    used = np.flatnonzero(problem.c).tolist()
    largest = [max(abs(a), abs(b)) for a, b in zip(built.low, built.high, strict=True)]
    side = cutoff - problem.offset
    left, right = (-np.inf, side) if problem.sense == "min" else (side, np.inf)
    _linear(built, used, problem.c[used].tolist(), left, right, largest, "the cutoff", "/cutoff")


def add_hint(built: CpModel, x: np.ndarray) -> None:
    """A point to begin with, as far as it is known."""
    known = np.flatnonzero(~np.isnan(x)).tolist()
    built.proto.solution_hint.vars.extend(known)
    values = [min(max(round(float(x[j])), built.low[j]), built.high[j]) for j in known]
    built.proto.solution_hint.values.extend(values)
