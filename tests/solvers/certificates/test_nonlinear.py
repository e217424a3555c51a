import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify
from solvers.programs.certificates.nonlinear import enclosure
from solvers.programs.problem import Expression, Nonlinear, Program
from tests.solvers.certificates.examples import check_named

X = Expression("var", index=0)
Y = Expression("var", index=1)


def const(value):
    return Expression("const", value=value)


def op(name, *args):
    return Expression(name, tuple(args))


def value_at(expression, *x):
    found = enclosure(expression, np.array(x, dtype=float))
    assert found is not None
    low, high = found
    assert low <= high
    assert high - low <= Fraction(1, 10**45) * (1 + abs(low))
    return (low + high) / 2


UNARY = {
    "sin": (math.sin, -50, 50),
    "cos": (math.cos, -50, 50),
    "tan": (math.tan, -1.5, 1.5),
    "asin": (math.asin, -1, 1),
    "acos": (math.acos, -1, 1),
    "atan": (math.atan, -1e6, 1e6),
    "sinh": (math.sinh, -30, 30),
    "cosh": (math.cosh, -30, 30),
    "tanh": (math.tanh, -300, 300),
    "asinh": (math.asinh, -1e6, 1e6),
    "acosh": (math.acosh, 1, 1e6),
    "atanh": (math.atanh, -0.999, 0.999),
    "exp": (math.exp, -100, 100),
    "log": (math.log, 1e-10, 1e10),
    "log10": (math.log10, 1e-10, 1e10),
    "sqrt": (math.sqrt, 0, 1e10),
    "abs": (abs, -10, 10),
    "floor": (math.floor, -10, 10),
    "ceil": (math.ceil, -10, 10),
    "neg": (lambda x: -x, -10, 10),
}


@pytest.mark.parametrize("name", UNARY)
@given(t=st.floats(0, 1))
def test_functions_agree_with_the_mathematical_library(name, t):
    function, low, high = UNARY[name]
    x = low + t * (high - low)
    expected = function(x)
    assert float(value_at(op(name, X), x)) == pytest.approx(expected, rel=1e-13, abs=1e-13)


@given(st.floats(-1000, 1000))
def test_sine_and_cosine_lie_on_the_unit_circle_to_many_digits(x):
    square = op("+", op("pow", op("sin", X), const(2.0)), op("pow", op("cos", X), const(2.0)))
    assert abs(value_at(square, x) - 1) < Fraction(1, 10**45)


@given(st.floats(-50, 50))
def test_functions_undo_each_other_to_many_digits(x):
    for outer, inner in (("log", "exp"), ("asinh", "sinh"), ("atan", "tan")):
        if inner == "tan" and abs(x) > 1.5:
            continue
        low, high = enclosure(op(outer, op(inner, X)), np.array([x]))
        assert low <= Fraction(x) <= high
        assert high - low < Fraction(1, 10**25)


@given(st.floats(-100, 100), st.floats(-100, 100).filter(lambda v: abs(v) > 1e-3))
def test_arithmetic_on_doubles_encloses_the_rational_result(a, b):
    p, q = Fraction(a), Fraction(b)
    for name, exact in (("+", p + q), ("-", p - q), ("*", p * q), ("/", p / q), ("less", max(p - q, Fraction(0)))):
        low, high = enclosure(op(name, X, Y), np.array([a, b]))
        assert low <= exact <= high


@pytest.mark.parametrize(
    ("expression", "x", "expected"),
    [
        (op("pow", X, const(3.0)), [-2.0], -8),
        (op("pow", X, const(-2.0)), [2.0], Fraction(1, 4)),
        (op("rem", X, Y), [-7.0, 3.0], -1),
        (op("intdiv", X, Y), [-7.0, 2.0], -3),
        (op("min", X, Y, const(4.0)), [5.0, 6.0], 4),
        (op("max", X, Y), [5.0, 6.0], 6),
        (op("sum", X, Y, X), [1.0, 2.0], 4),
        (op("if", op("<", X, const(0.0)), op("log", X), const(7.0)), [1.0], 7),
        (op("if", op(">=", X, const(0.0)), const(7.0), op("log", X)), [0.0], 7),
        (op("and", op("!=", X, Y), op("not", op("==", X, Y))), [1.0, 2.0], 1),
        (op("or", op(">", X, Y), op("<=", X, Y)), [1.0, 2.0], 1),
        (op("atan2", X, Y), [0.0, 1.0], 0),
        (op("-", op("+", const(1e16), X), const(1e16)), [1.0], 1),
    ],
)
def test_operators_have_their_values(expression, x, expected):
    assert abs(value_at(expression, *x) - expected) < Fraction(1, 10**40)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_the_angle_of_a_point_agrees_with_the_mathematical_library(y, x):
    if abs(x) > 1e-3 and abs(y) > 1e-3:
        assert float(value_at(op("atan2", X, Y), y, x)) == pytest.approx(math.atan2(y, x), rel=1e-13)


@pytest.mark.parametrize(
    ("expression", "x"),
    [
        (op("log", X), 0.0),
        (op("log", X), -1.0),
        (op("sqrt", X), -1e-300),
        (op("/", const(1.0), X), 0.0),
        (op("acosh", X), 0.5),
        (op("asin", X), 1.1),
        (op("pow", X, const(0.5)), -1.0),
        (op("exp", op("exp", X)), 100.0),
    ],
)
def test_outside_its_domain_an_expression_has_no_value(expression, x):
    assert enclosure(expression, np.array([x])) is None


def test_deep_and_heavily_shared_expressions_are_evaluated_without_recursion():
    node = X
    for _ in range(20_000):
        node = op("+", node, const(1.0))
    assert value_at(node, 0.5) == Fraction(1, 2) + 20_000
    shared = X
    for _ in range(60):
        shared = op("+", shared, shared)
    assert value_at(shared, 1.0) == 2**60


def nonlinear_program(row, objective=None):
    return Program.build(
        c=[0.0, 0.0],
        A=np.array([[1.0, 0.0]]),
        row_upper=[2.0],
        lower=-np.inf,
        nonlinear=Nonlinear(objective=objective, rows={0: row}),
        constraint_names=["curve"],
    )


def test_a_nonlinear_row_is_evaluated_with_its_linear_part_in_extended_precision():
    program = nonlinear_program(op("exp", Y), objective=op("sin", X))
    answer = ProgramAnswer("feasible", objective=math.sin(1.0), x=np.array([1.0, -1e-9]))
    certificate = certify(program, answer)
    assert check_named(certificate, "primal-feasibility").outcome == "passed"
    assert check_named(certificate, "primal-feasibility").arithmetic == "extended"
    assert check_named(certificate, "objective").outcome == "passed"
    violated = check_named(certify(program, ProgramAnswer("feasible", x=np.array([1.0, 1e-3]))), "primal-feasibility")
    assert violated.outcome == "failed"
    assert "'curve'" in violated.text
    assert violated.value == pytest.approx(math.expm1(1e-3))


def test_a_row_that_is_not_defined_at_the_point_fails_in_words():
    check = check_named(
        certify(nonlinear_program(op("log", Y)), ProgramAnswer("feasible", x=np.array([1.0, -1.0]))),
        "primal-feasibility",
    )
    assert check.outcome == "failed"
    assert "no value" in check.text


def test_the_optimality_of_a_nonlinear_program_rests_on_the_engine():
    program = nonlinear_program(op("exp", Y), objective=op("sin", X))
    answer = ProgramAnswer("optimal", objective=math.sin(1.0), x=np.array([1.0, -1.0]))
    assert "gap" in certify(program, answer).rests_on_engine
