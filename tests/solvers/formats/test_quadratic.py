"""Polynomials out of expressions, and quadratic rows as cones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solvers.programs.expressions import constant, evaluate, variable
from solvers.programs.formats.quadratic import Quadratic, as_quadratic, cone_of, products_expression
from solvers.programs.problem import Expression

SMALL = st.integers(-4, 4).map(float)


def expressions(depth: int = 3) -> st.SearchStrategy[Expression]:
    leaves = st.one_of(SMALL.map(constant), st.integers(0, 2).map(variable))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(["+", "-", "*"]), inner, inner).map(lambda t: Expression(t[0], t[1:])),
            inner.map(lambda e: Expression("neg", (e,))),
            inner.map(lambda e: Expression("pow", (e, constant(2.0)))),
            inner.map(lambda e: Expression("/", (e, constant(3.0)))),
            st.lists(inner, min_size=1, max_size=3).map(lambda es: Expression("sum", tuple(es))),
        ),
        max_leaves=depth * 3,
    )


@given(expressions(), st.lists(SMALL, min_size=3, max_size=3))
def test_a_recognised_polynomial_has_the_values_of_the_expression(expression: Expression, point: list[float]) -> None:
    polynomial = as_quadratic(expression)
    if polynomial is None:
        return
    x = np.array(point)
    value = polynomial.constant + sum(a * x[j] for j, a in polynomial.linear.items())
    value += sum(a * x[i] * x[j] for (i, j), a in polynomial.products.items())
    assert np.isclose(value, evaluate(expression, x), rtol=1e-9, atol=1e-9)


def test_what_is_not_quadratic_is_not_recognised() -> None:
    x = variable(0)
    cube = Expression("pow", (x, constant(3.0)))
    assert as_quadratic(cube) is None
    assert as_quadratic(Expression("exp", (x,))) is None
    assert as_quadratic(Expression("*", (Expression("*", (x, x)), x))) is None
    assert as_quadratic(Expression("/", (constant(1.0), x))) is None


@given(
    st.lists(st.tuples(SMALL, SMALL, SMALL), min_size=1, max_size=3),
    st.lists(SMALL, min_size=3, max_size=3),
    st.integers(-20, 20).map(float),
    st.booleans(),
)
def test_a_convex_row_and_its_cone_hold_at_the_same_points(
    factors: list[tuple[float, float, float]], linear: list[float], side: float, flipped: bool
) -> None:
    products: dict[tuple[int, int], float] = {}
    for factor in factors:
        for i in range(3):
            for j in range(i, 3):
                value = factor[i] * factor[j] * (1 if i == j else 2)
                products[i, j] = products.get((i, j), 0.0) + value
    products = {key: value for key, value in products.items() if value}
    if not products:
        return
    sign = -1.0 if flipped else 1.0
    row = Quadratic(0.5, {j: sign * a for j, a in enumerate(linear)}, {k: sign * a for k, a in products.items()})
    low, high = (-side, np.inf) if flipped else (-np.inf, side)
    cone = cone_of(3, row, low, high, [])
    assert cone is not None
    for x in np.random.default_rng(3).uniform(-3, 3, size=(50, 3)):
        value = 0.5 + sum(a * x[j] for j, a in row.linear.items()) + evaluate(products_expression(row.products), x)
        slack = min(high - value, value - low)
        image = cone.F @ x + cone.g
        if abs(slack) > 1e-6:
            assert (image[0] >= np.linalg.norm(image[1:])) == (slack > 0)


def test_cones_written_as_products_are_recognised() -> None:
    standard = cone_of(3, Quadratic(0.0, {}, {(0, 0): 1.0, (1, 1): 4.0, (2, 2): -9.0}), -np.inf, 0.0, [2])
    rotated = cone_of(3, Quadratic(0.0, {}, {(0, 0): 1.0, (1, 2): -2.0}), -np.inf, -1.0, [1, 2])
    assert standard is not None
    assert rotated is not None
    for x in np.random.default_rng(4).uniform(0, 3, size=(200, 3)):
        image = standard.F @ x + standard.g
        assert (image[0] >= np.linalg.norm(image[1:])) == (x[0] ** 2 + 4 * x[1] ** 2 <= 9 * x[2] ** 2)
        image = rotated.F @ x + rotated.g
        assert (image[0] >= np.linalg.norm(image[1:])) == (x[0] ** 2 + 1 <= 2 * x[1] * x[2])


def test_rows_that_are_no_cones_are_left_alone() -> None:
    saddle = Quadratic(0.0, {}, {(0, 1): 1.0})
    assert cone_of(2, saddle, -np.inf, 1.0, []) is None
    assert cone_of(2, Quadratic(0.0, {}, {(0, 0): 1.0}), 1.0, 1.0, []) is None
    assert cone_of(2, Quadratic(0.0, {}, {(0, 0): 1.0}), 1.0, np.inf, []) is None
    assert cone_of(2, Quadratic(0.0, {}, {(0, 0): 1.0, (1, 1): -1.0}), -np.inf, 0.0, []) is None
