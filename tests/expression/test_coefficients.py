"""Coefficients of affine and quadratic expressions."""

from __future__ import annotations

import numpy as np
import pytest

from api_schemas.expression import Scope
from solvers.expression import Layout, Program
from solvers.expression.coefficients import affine, quadratic
from solvers.expression.function import compile


def test_the_coefficients_of_a_least_squares_objective_are_those_of_its_normal_equations() -> None:
    random = np.random.default_rng(0)
    X, y = random.normal(size=(150, 80)), random.normal(size=150)
    scope = Scope()
    scope.variable("w", (80,))
    scope.data("X", X.shape)
    scope.data("y", y.shape)
    program = Program.load(scope.plain({"f": scope.objective("norm2sq(X @ w - y)/2").root}))
    layout = Layout(program.variables())
    function = compile(program, {"X": X, "y": y})
    Q, c, d = quadratic(lambda flat: function(layout.split(flat)), layout.size)
    assert pytest.approx(X.T @ X, rel=1e-12, abs=1e-12) == Q
    assert c == pytest.approx(-X.T @ y, rel=1e-12)
    assert d == pytest.approx(y @ y / 2)


def test_the_rows_of_an_affine_expression_are_found_for_several_variables() -> None:
    scope = Scope()
    scope.variable("x", (2, 2))
    scope.variable("s", ())
    program = Program.load(scope.plain({"f": scope.expression("concatenate(sum(x, axis=0) - 3*s, x[1] + 5)").root}))
    layout = Layout(program.variables())
    function = compile(program)
    A, b = affine(lambda flat: function(layout.split(flat)), layout.size)
    assert A.tolist() == [[1, 0, 1, 0, -3], [0, 1, 0, 1, -3], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    assert b.tolist() == [0, 0, 5, 5]
    assert [layout.label(k) for k in (1, 2, 4)] == ["x[0, 1]", "x[1, 0]", "s"]


def test_a_constant_expression_has_no_coefficients() -> None:
    scope = Scope()
    scope.variable("x", (3,))
    program = Program.load(scope.plain({"f": scope.objective("2 + 3").root}))
    layout = Layout(program.variables())
    function = compile(program)
    Q, c, d = quadratic(lambda flat: function(layout.split(flat)), layout.size)
    assert not Q.any()
    assert not c.any()
    assert d == 5
