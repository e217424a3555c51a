"""Small programs with known answers, at least one for each feature an engine may claim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from solvers.programs.problem import (
    Expression,
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)


@dataclass(frozen=True)
class Case:
    """A program whose optimal objective is known. ``tolerance`` is relative to ``max(1, |optimum|)``."""

    name: str
    program: Program
    optimum: float
    tolerance: float = 1e-6


def _variable(index: int) -> Expression:
    return Expression("var", index=index)


def _constant(value: float) -> Expression:
    return Expression("const", value=value)


def _square(expression: Expression) -> Expression:
    return Expression("pow", (expression, _constant(2.0)))


def _linear() -> list[Case]:
    A = [[1.0, 2.0], [3.0, -1.0]]
    inf = np.inf
    small = {"A": A, "row_lower": [-inf, -inf], "row_upper": [14.0, 6.0]}
    equation = Program.build(c=[2.0, 3.0], A=[[1.0, 1.0]], row_lower=4.0, row_upper=4.0, upper=[3.0, inf], offset=1.0)
    box = {"A": [[1.0, 1.0, 1.0]], "row_lower": [-2.0], "row_upper": [2.0], "lower": [-1.0, -inf, 0.0]}
    ranged = Program.build(c=[1.0, 2.0, 0.5], upper=[1.0, 3.0, 3.0], **box)  # type: ignore[arg-type]
    return [
        Case("linear, max", Program.build(c=[3.0, 4.0], sense="max", **small), 222.0 / 7.0),  # type: ignore[arg-type]
        Case("linear, min", Program.build(c=[-3.0, -4.0], **small), -222.0 / 7.0),  # type: ignore[arg-type]
        Case("linear, equation and offset", equation, 10.0),
        Case("linear, range, free and boxed variables", ranged, -9.5),
        Case("linear, no rows", Program.build(c=[1.0, -2.0], lower=[-1.0, 0.0], upper=[5.0, 4.0]), -9.0),
        Case(
            "linear, no objective",
            Program.build(c=[0.0, 0.0], A=[[1.0, 1.0]], row_lower=1.0, upper=2.0, offset=7.0),
            7.0,
        ),
        Case(
            "linear, fixed variables", Program.build(c=[1.0, 1.0], lower=[2.0, 0.0], upper=[2.0, 3.0], sense="max"), 5.0
        ),
        Case("linear, no variables", Program.build(c=[], offset=-2.5), -2.5),
    ]


def _integer() -> list[Case]:
    knapsack = Program.build(
        c=[10.0, 13.0, 7.0, 8.0],
        A=[[3.0, 4.0, 2.0, 3.0]],
        row_upper=7.0,
        upper=1.0,
        integrality=1,
        sense="max",
    )
    general = Program.build(
        c=[5.0, 4.0],
        A=[[6.0, 4.0], [1.0, 2.0]],
        row_upper=[24.5, 6.0],
        upper=10.0,
        integrality=1,
        sense="max",
        offset=3.0,
    )
    costs = np.array([[9, 2, 7, 8], [6, 4, 3, 7], [5, 8, 1, 8], [7, 6, 9, 4]], dtype=float)
    eye, ones = np.eye(4), np.ones((1, 4))
    assignment = Program.build(
        c=costs.ravel(),
        A=np.vstack([np.kron(eye, ones), np.kron(ones, eye)]),
        row_lower=1.0,
        row_upper=1.0,
        upper=1.0,
        integrality=1,
    )
    mixed = Program.build(
        c=[-1.0, -2.0, 0.5],
        A=[[1.0, 1.0, 0.0], [0.0, 1.0, -1.0]],
        row_upper=[3.5, 1.2],
        upper=[5.0, 5.0, 5.0],
        integrality=[1, 0, 0],
    )
    tenths = Program.build(c=[0.1, 0.25], A=[[0.2, 0.1]], row_upper=[0.45], upper=9.0, integrality=1, sense="max")
    return [
        Case("integer, knapsack", knapsack, 23.0),
        Case("integer, general integers", general, 23.0),
        Case("integer, assignment", assignment, 13.0),
        Case("integer, decimal data", tenths, 1.0),
        Case("integer, mixed", mixed, -5.85),
        Case("integer, negative bounds", Program.build(c=[2.0], lower=-3.5, upper=-1.5, integrality=1), -6.0),
    ]


def _semi() -> list[Case]:
    off = Program.build(
        c=[1.0, 1.5], A=[[1.0, 1.0]], row_lower=3.0, lower=[5.0, 0.0], upper=[9.0, 20.0], integrality=[2, 0]
    )
    on = Program.build(
        c=[1.0, 1.5], A=[[1.0, 1.0]], row_lower=3.0, lower=[5.0, 0.0], upper=[9.0, 2.0], integrality=[2, 0]
    )
    whole = Program.build(
        c=[2.0, 3.0], A=[[1.0, 1.0]], row_lower=6.5, lower=[4.0, 0.0], upper=[6.0, 5.0], integrality=[3, 1]
    )
    return [
        Case("semi-continuous, at zero", off, 4.5),
        Case("semi-continuous, above its lower bound", on, 5.0),
        Case("semi-integer", whole, 15.0),
    ]


def _quadratic() -> list[Case]:
    convex = Program.build(c=[-2.0, -5.0], Q=[[2.0, 0.0], [0.0, 2.0]], A=[[1.0, 1.0]], row_upper=2.0)
    crossed = Program.build(
        c=[-8.0, -6.0], Q=[[4.0, 1.0], [1.0, 2.0]], A=[[1.0, 1.0]], row_lower=1.0, row_upper=3.0, offset=1.0
    )
    concave = Program.build(c=[2.0, 5.0], Q=[[-2.0, 0.0], [0.0, -2.0]], A=[[1.0, 1.0]], row_upper=2.0, sense="max")
    nonconvex = Program.build(
        c=[0.0, 1.0], Q=[[-2.0, 0.0], [0.0, 0.0]], A=[[1.0, 1.0]], row_lower=0.0, upper=[2.0, 3.0]
    )
    whole = Program.build(c=[-3.0, -3.2], Q=[[2.0, 0.0], [0.0, 2.0]], upper=5.0, integrality=1)
    return [
        Case("quadratic, min", convex, -6.125, 1e-5),
        Case("quadratic, products and offset", crossed, -11.125, 1e-5),
        Case("quadratic, max", concave, 6.125, 1e-5),
        Case("quadratic, nonconvex", nonconvex, -4.0, 1e-4),
        Case("quadratic, integer", whole, -4.4, 1e-4),
    ]


def _conic() -> list[Case]:
    cone = SecondOrderCone(sp.csr_array(np.eye(3)), np.zeros(3))
    unit = {"cones": [cone], "lower": -np.inf, "upper": [1.0, np.inf, np.inf]}
    shifted = SecondOrderCone(sp.csr_array(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])), np.array([2.0, -1.0, -1.0]))
    disk = Program.build(c=[1.0, 1.0], cones=[shifted], lower=-np.inf, sense="min")
    rows = Program.build(c=[1.0, 0.0, 0.0], A=[[0.0, 1.0, 1.0]], row_lower=2.0, cones=[cone], lower=-np.inf)
    root = float(np.sqrt(2.0))
    return [
        Case("cone, max", Program.build(c=[0.0, 1.0, 1.0], sense="max", **unit), root, 1e-5),  # type: ignore[arg-type]
        Case("cone, min", Program.build(c=[0.0, -1.0, -1.0], **unit), -root, 1e-5),  # type: ignore[arg-type]
        Case("cone, shifted", disk, 2.0 - 2.0 * root, 1e-5),
        Case("cone, with rows", rows, root, 1e-5),
    ]


def _logical() -> list[Case]:
    weights = np.array([1.0, 2.0, 3.0])
    everything = np.array([0, 1, 2])
    values = {"c": [1.0, 2.0, 1.5], "upper": 1.0, "sense": "max"}
    one = [SpecialOrderedSet(1, everything, weights)]
    two = [SpecialOrderedSet(2, everything, weights)]
    apart = [SpecialOrderedSet(2, np.array([0, 2, 1]), weights)]
    if_on = Indicator(1, 1, np.array([0]), np.array([1.0]), -np.inf, 3.0)
    if_off = Indicator(1, 0, np.array([0]), np.array([2.0]), 7.0, 9.0)
    found = []
    for integrality, kind in ((0, "continuous"), (1, "integer")):
        whole = {**values, "integrality": integrality}
        found += [
            Case(f"sos1, {kind}", Program.build(sos=one, **whole), 2.0),  # type: ignore[arg-type]
            Case(f"sos2, {kind}", Program.build(sos=two, **whole), 3.5),  # type: ignore[arg-type]
            Case(f"sos2 by weights, {kind}", Program.build(sos=apart, **whole), 3.5),  # type: ignore[arg-type]
            Case(
                f"indicator of one, {kind}",
                Program.build(
                    c=[1.0, 2.0], upper=[10.0, 1.0], integrality=[integrality, 1], indicators=[if_on], sense="max"
                ),
                10.0,
            ),
            Case(
                f"indicator of zero, {kind}",
                Program.build(c=[1.0, 4.0], upper=[10.0, 1.0], integrality=[integrality, 1], indicators=[if_off]),
                4.0 if integrality else 3.5,
            ),
        ]
    return found


def _nonlinear() -> list[Case]:
    x, y = _variable(0), _variable(1)
    bowl = Expression(
        "sum", (_square(Expression("-", (x, _constant(1.0)))), _square(Expression("+", (y, _constant(2.0)))))
    )
    product = Expression("*", (Expression("exp", (x,)), y))
    return [
        Case(
            "nonlinear objective",
            Program.build(c=[0.0, 0.0], lower=-3.0, upper=3.0, nonlinear=Nonlinear(bowl)),
            0.0,
            1e-4,
        ),
        Case(
            "nonlinear row",
            Program.build(
                c=[1.0, 1.0],
                A=[[0.0, 0.0]],
                row_lower=float(np.e),
                lower=0.0,
                upper=5.0,
                nonlinear=Nonlinear(rows={0: product}),
            ),
            2.0,
            1e-4,
        ),
    ]


def solvable() -> list[Case]:
    """Every case."""
    return [*_linear(), *_integer(), *_semi(), *_quadratic(), *_conic(), *_logical(), *_nonlinear()]


def infeasible() -> list[tuple[str, Program]]:
    """Programs without a feasible point."""
    cone = SecondOrderCone(sp.csr_array(np.eye(3)), np.zeros(3))
    return [
        ("linear", Program.build(c=[1.0, 1.0], A=[[1.0, 1.0], [1.0, -1.0]], row_lower=[3.0, -5.0], upper=1.0)),
        (
            "linear, rows only",
            Program.build(
                c=[1.0, 0.0],
                A=[[1.0, 2.0], [2.0, 4.0]],
                row_lower=[4.0, -np.inf],
                row_upper=[np.inf, 7.0],
                lower=-np.inf,
            ),
        ),
        (
            "unbounded too, were it feasible",
            Program.build(c=[-1.0, -1.0], A=[[0.0, 1.0], [0.0, -1.0]], row_lower=[2.0, -1.0]),
        ),
        (
            "integer only",
            Program.build(c=[1.0, 1.0], A=[[2.0, 2.0]], row_lower=5.0, row_upper=5.0, upper=9.0, integrality=1),
        ),
        ("quadratic", Program.build(c=[0.0], Q=[[2.0]], A=[[1.0], [1.0]], row_lower=[2.0, -9.0], row_upper=[9.0, 1.0])),
        (
            "cone",
            Program.build(c=[0.0, 1.0, 1.0], cones=[cone], lower=[-9.0, 2.0, 2.0], upper=[1.0, 9.0, 9.0], sense="max"),
        ),
        ("no variables", Program.build(c=[], A=np.zeros((1, 0)), row_lower=1.0)),
    ]


def unbounded() -> list[tuple[str, Program]]:
    """Programs whose objective has no end."""
    return [
        ("min", Program.build(c=[-1.0, -1.0], A=[[1.0, -1.0]], row_upper=3.0)),
        ("max", Program.build(c=[1.0, 1.0], A=[[1.0, -1.0], [1.0, 1.0]], row_lower=[-2.0, 2.0], sense="max")),
        ("no rows", Program.build(c=[1.0, -1.0], upper=[2.0, np.inf])),
        ("integer", Program.build(c=[-1.0, -1.0], A=[[1.0, -1.0]], row_upper=3.0, integrality=1)),
        ("quadratic", Program.build(c=[0.0, -1.0], Q=[[2.0, 0.0], [0.0, 0.0]], A=[[1.0, -1.0]], row_upper=3.0)),
    ]


def market_split(rows: int = 4, columns: int = 40, seed: int = 0) -> tuple[Program, np.ndarray]:
    """A program that branch and bound cannot finish (G. Cornuejols and M. Dawande, 1999), and its planted optimum 0.

    Integers only: binaries that split ``rows`` sums in halves, with integer slacks for what is left.
    """
    rng = np.random.default_rng(seed)
    A = rng.integers(1, 100, size=(rows, columns)).astype(float)
    x = np.zeros(columns)
    x[rng.permutation(columns)[: columns // 2]] = 1.0
    slack = np.eye(rows)
    total = float(A.sum(axis=1).max())
    program = Program.build(
        c=np.concatenate([np.zeros(columns), np.ones(2 * rows)]),
        A=np.hstack([A, slack, -slack]),
        row_lower=A @ x,
        row_upper=A @ x,
        upper=np.concatenate([np.ones(columns), np.full(2 * rows, total)]),
        integrality=1,
        name="market-split",
    )
    return program, np.concatenate([x, np.zeros(2 * rows)])


def heavy_linear(size: int = 1000, seed: int = 0) -> Program:
    """A linear program, feasible and bounded, that takes every method seconds: rather dense, and large."""
    rng = np.random.default_rng(seed)
    A = sp.random_array((size, size), density=0.2, rng=rng, format="csr")
    inside = rng.random(size)
    duals = rng.random(size)
    return Program.build(c=-(A.T @ duals), A=A, row_upper=A @ inside + 0.1 * rng.random(size), upper=2.0, name="heavy")
