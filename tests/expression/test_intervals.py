"""Intervals hold what they say they hold, and are no wider than they must be where that is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from api_schemas.expression import ExpressionError, Scope
from solvers.expression import Program, evaluate
from solvers.expression.intervals import evaluate_over
from tests.expression.generator import expressions
from tests.expression.names import EXAMPLES, scope, values

VARIABLES = ("x", "z", "W", "s", "t")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions(), st.sampled_from([0.0, 1e-3, 1.0, 30.0]), st.integers(0, 1000))
def test_every_point_of_a_box_has_its_value_in_the_interval(text: str, width: float, seed: int) -> None:
    made = scope()
    try:
        root = made.objective(text).root
    except ExpressionError:
        assume(False)
    program, arrays, random = Program.load(made.plain({"f": root})), values(seed), np.random.default_rng(seed)
    names = [v.name for v in program.variables()]
    low = {name: arrays[name] - width * random.uniform(size=arrays[name].shape) for name in names}
    high = {name: arrays[name] + width * random.uniform(size=arrays[name].shape) for name in names}
    [(least, most)] = evaluate_over(program, ["f"], {**arrays, **{name: (low[name], high[name]) for name in names}})
    for _ in range(8):
        share = {name: random.choice([0.0, 1.0, random.uniform()], size=low[name].shape) for name in names}
        point = {name: low[name] + share[name] * (high[name] - low[name]) for name in names}
        point = {name: np.clip(point[name], low[name], high[name]) for name in names}  # the sum is rounded
        value = evaluate(program, "f", {**arrays, **point}, np.longdouble)
        if not np.isnan(value):
            slack = 1e-18 * abs(float(value)) if np.isfinite(value) else 0.0
            assert least - slack <= value <= most + slack


@pytest.mark.parametrize(
    ("text", "ends", "expected"),
    [
        ("s**2", (-1, 3), (0, 9)),
        ("s*s", (-1, 3), (0, 9)),
        ("s**3", (-1, 3), (-1, 27)),
        ("1/s", (0, 4), (0.25, np.inf)),
        ("1/s", (-1, 4), (-np.inf, np.inf)),
        ("s**-2", (-1, 4), (1 / 16, np.inf)),
        ("log(s)", (-1, 1), (-np.inf, 0)),
        ("sqrt(s)", (-1, 4), (0, 2)),
        ("s**0.5", (-4, 4), (0, 2)),
        ("xlogx(s)", (0, 2), (-np.exp(-1), 2 * np.log(2))),
        ("abs(s)", (-3, 2), (0, 3)),
        ("huber(s)", (-3, 2), (0, 2.5)),
        ("sin(s)", (0, 2), (0, 1)),
        ("cos(s)", (1, 4), (-1, np.cos(1))),
        ("sin(s)", (3, 12), (-1, 1)),
        ("tan(s)", (-1, 1), (-np.tan(1), np.tan(1))),
        ("tan(s)", (1, 2), (-np.inf, np.inf)),
        ("exp(s)", (-np.inf, np.inf), (0, np.inf)),
        ("s + exp(s)", (2, np.inf), (2 + np.exp(2), np.inf)),
        ("norm2(stack(s, 3))", (-4, 4), (3, 5)),
        ("amax(stack(s, 3))", (-4, 4), (3, 4)),
        ("prod(stack(s, s, 2))", (-2, 3), (-12, 18)),
        ("logsumexp(stack(s, -s))", (0, 0), (np.log(2), np.log(2))),
        ("s**s", (0.5, 2), (0.25, 4)),
        ("where(s > 0, 1, 2)", (1, 2), (1, 1)),
        ("where(s > 0, 1, 2)", (-1, 2), (1, 2)),
        ("dot(stack(s, 2), stack(3, s))", (-1, 1), (-5, 5)),
        ("0*s", (-np.inf, np.inf), (0, 0)),
    ],
)
def test_known_ranges(text: str, ends: tuple[float, float], expected: tuple[float, float]) -> None:
    made = Scope()
    made.variable("s", ())
    program = Program.load(made.plain({"f": made.objective(text).root}))
    [(low, high)] = evaluate_over(program, ["f"], {"s": (np.array(float(ends[0])), np.array(float(ends[1])))})
    assert low <= expected[0] + 1e-300
    assert high >= expected[1] - 1e-300
    assert np.allclose([float(low), float(high)], expected, rtol=1e-9, atol=1e-9)
