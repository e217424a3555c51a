"""Expressions built with Python's operators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kantor import expressions as kt

from api_schemas.expression import FUNCTIONS, ExpressionError
from solvers.expression import Program, evaluate
from tests.expression.generator import expressions
from tests.expression.names import DATA, EXAMPLES, VARIABLES, scope, values


def test_an_expression_prints_as_it_is_written_in_the_language() -> None:
    Xv, w, yv, lam = kt.names("Xv w yv lam")
    assert str(kt.mean((Xv @ w - yv) ** 2)) == "mean((Xv @ w - yv)**2)"
    assert str(kt.sum(kt.exp(lam) * w**2)) == "sum(exp(lam)*w**2)"
    assert str(kt.norm2(Xv[:, 1:3].T @ w[0], axis=1) <= 2.5) == "norm2(Xv[:, 1:3].T @ w[0], axis=1) <= 2.5"
    assert str(1 - (w - 2) / -3 * 1e-20) == "1 - (w - 2)/-3*1e-20"
    assert str(abs(-w) == 0) == "abs(-w) == 0"
    assert str((-w) ** 2 - (-(w**2))) == "(-w)**2 - -w**2"
    assert str(kt.where(w > 0, w, 2 * w)) == "where(w > 0, w, 2*w)"


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from([(), (3,), (4, 3)]).flatmap(lambda shape: expressions(shape)))
def test_what_operators_print_has_the_same_value(text: str) -> None:
    try:
        expected = _value(text)
    except ExpressionError:
        assume(False)
    symbols = {name: kt.name(name) for name in [*VARIABLES, *DATA]}
    try:
        built = eval(text, {"__builtins__": {}}, {**symbols, **{name: getattr(kt, name) for name in FUNCTIONS}})
    except TypeError as error:  # Python itself compares plain numbers
        assume("bool" not in str(error))
        raise
    assert _value(str(built)) == pytest.approx(expected, rel=1e-12, nan_ok=True)


def _value(text: str) -> np.ndarray:
    made = scope()
    return evaluate(Program.load(made.plain({"f": made.expression(text).root})), "f", values())


def test_misuse_is_told_at_once() -> None:
    w = kt.name("w")
    with pytest.raises(TypeError, match="give it as data"):
        np.ones(3) @ w
    with pytest.raises(TypeError, match="two constraints"):
        _ = 0 <= w <= 1
    with pytest.raises(TypeError, match="no truth value"):
        bool(w)
    with pytest.raises(TypeError, match=r"kt.take"):
        w[w]
    with pytest.raises(TypeError, match="axis"):
        kt.exp(w, axis=0)
    with pytest.raises(TypeError, match="iterated"):
        list(w)
    with pytest.raises(AttributeError, match="no function 'foo'"):
        kt.foo(w)
    with pytest.raises(ValueError, match="cannot be a name"):
        kt.name("a b")
