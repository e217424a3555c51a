"""Bounds on rounding hold, and are not far more than what rounding does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from api_schemas.expression import ExpressionError, Scope
from solvers.expression import Program, evaluate
from solvers.expression.rounding import evaluate_with_errors
from tests.expression.generator import expressions
from tests.expression.names import EXAMPLES, scope, values


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions())
def test_what_double_precision_loses_is_within_the_bound(text: str) -> None:
    made = scope()
    try:
        root = made.objective(text).root
    except ExpressionError:
        assume(False)
    program, arrays = Program.load(made.plain({"f": root})), values(7)
    value, error = evaluate_with_errors(program, "f", arrays)
    exact = evaluate(program, "f", arrays, np.longdouble)
    assert np.array_equal(value, evaluate(program, "f", arrays), equal_nan=True)
    if np.isfinite(value) and np.isfinite(exact):
        assert abs(value - exact) <= error + 1e-18 * abs(exact)
        assert error <= 1e-9 * (1 + abs(value)) or abs(exact) > 1e6 or "**" in text or "exp" in text


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("a*s + s - a*s", 10.0, 1e3),
        ("(a*s + s - a*s)**2", 10.0, 1e6),
        ("sum(stack(a, s, -a)*s)", 10.0, 1e3),
        ("dot(stack(a, s, -a), stack(s, s, s))", 10.0, 1e3),
        ("sin(a*s)", 0.5, 2.1),
        ("exp(a*s - a*s)", 1.0, np.inf),
        ("s + 1", 1e-17, 1e-15),
    ],
)
def test_terms_that_cancel_leave_what_rounding_made_of_them(text: str, least: float, most: float) -> None:
    made = Scope()
    made.variable("s", ())
    made.data("a", ())
    program = Program.load(made.plain({"f": made.objective(text).root}))
    _, error = evaluate_with_errors(program, "f", {"s": np.array(1.1), "a": np.array(1e17)})
    assert least <= error <= most
