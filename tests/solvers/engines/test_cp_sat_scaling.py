"""CP-SAT gets integers that mean exactly what the decimals said."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.core.engine import LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.programs.engines.cp_sat import ENGINE
from solvers.programs.engines.cp_sat_scaling import integer_bounds, scaled, scaled_side
from solvers.programs.problem import Program

decimals = st.decimals(min_value=-1000, max_value=1000, places=3, allow_nan=False).map(float)


@given(st.lists(decimals, min_size=1, max_size=8))
def test_scaled_rows_are_the_same_rows(values: list[float]) -> None:
    numbers, scale = scaled(values, "a row", "")
    assert all(Fraction(repr(value)) * scale == number for value, number in zip(values, numbers, strict=True))
    assert np.gcd.reduce(numbers) in (0, 1)


def test_numbers_without_a_common_denominator_are_refused() -> None:
    with pytest.raises(UnsupportedProblem, match="integers"):
        scaled([1 / 3, 0.1], "a row", "/A/data/0")


def test_a_side_that_is_an_integer_but_for_rounding_is_one() -> None:
    assert scaled_side(0.1 + 0.2, Fraction(10), up=True) == 3
    assert scaled_side(0.1 + 0.2, Fraction(10), up=False) == 3
    assert scaled_side(0.45, Fraction(5), up=False) == 2
    assert scaled_side(0.45, Fraction(5), up=True) == 3


def test_missing_bounds_are_taken_from_the_rows() -> None:
    program = Program.build(c=[-1.0, -1.0], A=[[2.0, 3.0]], row_upper=12.5, integrality=1)
    assert integer_bounds(program) == ([0, 0], [6, 4])
    answer = ENGINE.solve(program, {}, LocalContext())
    assert answer.objective == -6.0


def test_sums_that_could_overflow_are_refused() -> None:
    program = Program.build(c=[1.0, 1.0], A=[[1e15, 3.0]], row_upper=1e18, upper=1e6, integrality=1)
    with pytest.raises(UnsupportedProblem, match="64-bit"):
        ENGINE.solve(program, {}, LocalContext())


def test_a_continuous_variable_that_an_equation_makes_integer_is_taken() -> None:
    program = Program.build(
        c=[0.0, 1.0], A=[[3.0, -1.0]], row_lower=2.0, row_upper=2.0, lower=[1.0, -9.0], upper=9.0, integrality=[1, 0]
    )
    answer = ENGINE.solve(program, {}, LocalContext())
    assert answer.status == "optimal"
    assert answer.objective == 1.0
