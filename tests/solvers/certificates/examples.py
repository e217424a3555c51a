"""Small programs with answers worked out by hand, and exact optima of tiny ones by enumeration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from solvers.core.certificate import Certificate, Check
from solvers.programs.answer import ProgramAnswer
from solvers.programs.problem import Program


def check_named(certificate: Certificate, name: str) -> Check:
    """The one check of this name."""
    found = [check for check in certificate.checks if check.name == name]
    assert len(found) == 1, f"{name}: {[check.name for check in certificate.checks]}"
    return found[0]


def failed_names(certificate: Certificate) -> set[str]:
    return {check.name for check in certificate.failures}


def diet() -> tuple[Program, ProgramAnswer]:
    """min 2a + 3b, a + b >= 4, a + 3b >= 6, a <= 3.5, b <= 10: optimal at (3, 1) with duals (3/2, 1/2)."""
    program = Program.build(
        c=[2.0, 3.0],
        A=np.array([[1.0, 1.0], [1.0, 3.0]]),
        row_lower=[4.0, 6.0],
        upper=[3.5, 10.0],
        variable_names=["apples", "bread"],
        constraint_names=["energy", "protein"],
    )
    answer = ProgramAnswer(
        status="optimal",
        objective=9.0,
        bound=9.0,
        x=np.array([3.0, 1.0]),
        row_duals=np.array([1.5, 0.5]),
        reduced_costs=np.zeros(2),
        row_activity=np.array([4.0, 6.0]),
    )
    return program, answer


def knapsack() -> tuple[Program, ProgramAnswer]:
    """max 5a + 4b + 3c, 2a + 3b + c <= 5, binary: 9 at (1, 1, 0)."""
    program = Program.build(
        c=[5.0, 4.0, 3.0],
        A=np.array([[2.0, 3.0, 1.0]]),
        row_upper=[5.0],
        upper=1.0,
        integrality=1,
        sense="max",
        variable_names=["a", "b", "c"],
        constraint_names=["weight"],
    )
    return program, ProgramAnswer(status="optimal", objective=9.0, bound=9.0, x=np.array([1.0, 1.0, 0.0]))


def exact_optimum(program: Program) -> Fraction | None:
    """The exact minimum of a linear program over a finite box, by looking at every vertex; None if it is infeasible."""
    best: Fraction | None = None
    for x in _vertices(program):
        value = Fraction(program.offset) + sum((Fraction(float(c)) * v for c, v in zip(program.c, x, strict=True)))
        best = value if best is None else min(best, value)
    return best


def _vertices(program: Program) -> Iterator[list[Fraction]]:
    n = program.n
    dense = program.A.toarray()
    sides: list[tuple[list[Fraction], Fraction]] = []
    for i in range(program.m):
        row = [Fraction(float(a)) for a in dense[i]]
        limits = {float(program.row_lower[i]), float(program.row_upper[i])}
        sides.extend((row, Fraction(side)) for side in limits if np.isfinite(side))
    for j in range(n):
        unit = [Fraction(int(k == j)) for k in range(n)]
        sides.extend((unit, Fraction(side)) for side in {float(program.lower[j]), float(program.upper[j])})
    for active in itertools.combinations(sides, n):
        x = _solution([row for row, _ in active], [side for _, side in active])
        if x is not None and _feasible(program, dense, x):
            yield x


def _solution(rows: list[list[Fraction]], sides: list[Fraction]) -> list[Fraction] | None:
    n = len(rows)
    table = [[*row, side] for row, side in zip(rows, sides, strict=True)]
    for column in range(n):
        pivot = next((i for i in range(column, n) if table[i][column] != 0), None)
        if pivot is None:
            return None
        table[column], table[pivot] = table[pivot], table[column]
        table[column] = [value / table[column][column] for value in table[column]]
        for i in range(n):
            if i != column and table[i][column] != 0:
                factor = table[i][column]
                table[i] = [a - factor * b for a, b in zip(table[i], table[column], strict=True)]
    return [row[n] for row in table]


def _feasible(program: Program, dense: np.ndarray, x: list[Fraction]) -> bool:
    if any(not program.lower[j] <= value <= program.upper[j] for j, value in enumerate(x)):
        return False
    for i in range(program.m):
        activity = sum((Fraction(float(a)) * v for a, v in zip(dense[i], x, strict=True)), Fraction(0))
        if not program.row_lower[i] <= activity <= program.row_upper[i]:
            return False
    return True
