"""What the rules claim of sign, curvature, strong convexity and smoothness, against values sampled over boxes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_schemas.expression import ExpressionError, Scope, structure
from solvers.expression import Program, evaluate
from solvers.expression.function import compile
from tests.expression.names import EXAMPLES

#: Variables, three elements each, by name: the box that they are sampled from. ``least`` is its lower end if finite.
BOXES = {"x": (-2.0, 2.0), "p": (0.0, 3.0), "q": (0.5, 3.0), "m": (-3.0, 3.0)}
LEAST = {"p": 0.0, "q": 0.5}
DATA: dict[str, np.ndarray] = {
    "odd": np.array([3.0, 1.0, 5.0]),
    "half": np.array([0.5, 1.5, 2.5]),
    "up": np.array([0.3, 1.0, 2.0]),
    "down": np.array([-1.0, -0.2, -3.0]),
    "any": np.array([-1.0, 0.0, 2.0]),
    "M": np.array([[1.0, 0.5, 2.0], [0.0, 1.0, 0.2], [3.0, 0.1, 0.0]]),
    "N": np.array([[1.0, -0.5, 2.0], [0.0, -1.0, 0.2], [-3.0, 0.1, 0.0]]),
    "k": np.array([2, 0, 1]),
}
_LEAVES = [*BOXES, *BOXES, "(x + m)", "(1 - x)", "-p", *(n for n in DATA if n not in "MNk"), "2", "-1.5", "0"]
_ONE = [
    "exp", "log", "log1p", "xlogx", "expm1", "sqrt", "square", "abs", "sin", "cos", "tan", "arctan", "sinh", "cosh",
    "tanh", "erf", "sigmoid", "softplus", "relu", "softmax", "cumsum", "huber",
]  # fmt: skip
_FORMS = [
    "{0} + {1}", "{0} - {1}", "{0}*{1}", "{0}/{1}", "{0}**{1}", "{0}*{0}", "{1}*{0}*{0}", "-{0}", "1/{0}", "{0}**2",
    "{0}**3", "{0}**-1", "{0}**-2", "{0}**1.5", "{0}**0.5", "{0}**0.3", "{0}**-0.7", "{0}**4", "2**{0}", "{0}**odd",
    "{0}**half", "maximum({0}, {1})", "minimum({0}, {1})", "where(any > 0, {0}, {1})", "where({0} > 0, {1}, {0})",
    "M @ ({0})", "N @ ({0})", "take({0}, k)", "{0}*log({0}/{1})", "{0}*log({0}/up)", "{0}*(log({0}) - any)",
    "-{0}*log({0})", "logistic({0}, any)", "{0}[1]", "stack({0}[0], {1}[1], 1.5)", "concatenate({0}[:1], {1}[1:])",
]  # fmt: skip
_WHOLE = ["sum", "mean", "prod", "amax", "amin", "logsumexp", "norm1", "norm2", "norm2sq"]


@st.composite
def texts(draw: Any, depth: int = 3) -> str:
    """An expression of three elements or one, with every function of the language in it somewhere."""
    if depth == 0:
        return str(draw(st.sampled_from(_LEAVES)))
    below = functools.partial(texts, draw(st.integers(0, depth - 1)))
    kind = draw(st.sampled_from(["one", "form", "form", "whole", "dot"]))
    first = f"({draw(below())})"
    if kind == "one":
        return f"{draw(st.sampled_from(_ONE))}({first})"
    if kind == "form":
        return str(draw(st.sampled_from(_FORMS))).format(first, f"({draw(below())})")
    if kind == "whole":
        return f"{draw(st.sampled_from(_WHOLE))}({first})"
    return f"dot({first}, {draw(below())})"


def _scope() -> Scope:
    scope = Scope()
    for name in BOXES:
        scope.variable(name, (3,), least=LEAST.get(name))
    for name, array in DATA.items():
        whole = name == "k"
        scope.data(name, array.shape, "int64" if whole else "float64", least=None if whole else float(array.min()))
    return scope


def _checked(text: str) -> None:
    """Sampled values contradict nothing that is claimed of the text."""
    scope = _scope()
    try:
        root = scope.expression(text).root
    except ExpressionError:
        return
    found = structure(scope.operations, scope.inputs, root, set(BOXES))
    program = Program.load(scope.plain({"f": root}))
    random = np.random.default_rng(len(text))

    def values(point: dict[str, np.ndarray]) -> np.ndarray:
        return evaluate(program, "f", {**DATA, **point}, np.longdouble)

    def anywhere() -> dict[str, np.ndarray]:
        # corners and edges too, where bounds are touched
        return {
            name: np.clip(random.uniform(low - 0.5, high + 0.5, 3), low, high) for name, (low, high) in BOXES.items()
        }

    for _ in range(6):
        ends = [anywhere(), anywhere()]
        line = np.array(
            [values({n: (1 - t) * ends[0][n] + t * ends[1][n] for n in BOXES}) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
        )
        if not np.isfinite(line).all() or np.abs(line).max() > 1e8:
            continue
        size = 1e-12 * (1.0 + np.abs(line).max())
        if found.sign in ("positive", "nonnegative"):
            assert (line >= -size).all()
        if found.sign in ("negative", "nonpositive"):
            assert (line <= size).all()
        second = np.asarray(line[:-2] - 2 * line[1:-1] + line[2:], dtype=float)
        length = sum(float(np.sum((ends[1][n] - ends[0][n]) ** 2)) for n in BOXES)
        if found.convex:
            assert (second.reshape(3, -1).sum(axis=1) >= found.modulus * length / 16 - 10 * size).all()
            assert (second >= -size).all()
        if found.concave:
            assert (second <= size).all()
        if found.degree is not None and found.degree <= 3:
            assert np.abs(np.diff(line, found.degree + 1, axis=0)).max() <= 100 * size
    if found.smooth and found.curvature != "constant":
        _smooth(scope, program, text)


def _smooth(scope: Scope, program: Program, text: str) -> None:
    """Where bounds are touched, the slope into the box is the one that torch has."""
    function = compile(program, dict(DATA))
    point = {name: np.full(3, 0.0 if name == "x" else low) for name, (low, _) in BOXES.items()}
    inward = np.array([1.0, 0.5, 2.0])
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in point.items()}
    value = function(tensors).sum()
    if not value.requires_grad:
        return
    slopes = torch.autograd.grad(value, list(tensors.values()), allow_unused=True)
    expected = sum(float(s @ torch.tensor(inward)) for s in slopes if s is not None)
    measured = []
    for step in (1e-6, 5e-7):
        moved = {name: at + step * inward for name, at in point.items()}
        ends = [evaluate(program, "f", {**DATA, **at}, np.longdouble) for at in (moved, point)]
        if not np.isfinite(ends).all():
            return
        measured.append(float(np.sum(ends[0] - ends[1]) / step))
    if np.isfinite(expected) and abs(measured[0] - measured[1]) <= 1e-4 * (1 + abs(measured[0])):
        assert expected == pytest.approx(2 * measured[1] - measured[0], rel=1e-3, abs=1e-3), text


@settings(max_examples=2 * EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts())
def test_nothing_is_claimed_of_an_expression_that_sampled_values_contradict(text: str) -> None:
    _checked(text)


@pytest.mark.parametrize(
    "inner", ["x", "p", "q", "-p", "-q", "up", "down", "any", "(x*x)", "exp(x)", "-log(q)", "half"]
)
def test_nothing_is_claimed_of_any_function_of_an_argument_of_any_sign(inner: str) -> None:
    for function in [*_ONE, *_WHOLE]:
        _checked(f"{function}({inner})")
    for form in _FORMS:
        for other in ("x", "-q", "up"):
            _checked(form.format(f"({inner})", f"({other})"))


def test_a_power_with_an_exponent_of_data_has_no_sign_unless_its_base_has() -> None:
    for text, sign in (
        ("x**odd", "unknown"),
        ("p**odd", "nonnegative"),
        ("q**odd", "positive"),
        ("(-q)**odd", "unknown"),
    ):
        scope = _scope()
        root = scope.expression(text).root
        assert structure(scope.operations, scope.inputs, root, set(BOXES)).sign == sign
        assert (
            sign != "unknown"
            or (
                evaluate(
                    Program.load(scope.plain({"f": root})), "f", {**DATA, "x": np.full(3, -2.0), "q": np.full(3, 2.0)}
                )
                < 0
            ).all()
        )


def test_absolute_values_of_what_is_never_negative_have_no_kink() -> None:
    for text, smooth in (
        ("abs(p)", True),
        ("norm1(p)", True),
        ("relu(up)", True),
        ("abs(x*x)", False),
        ("abs(x)", False),
    ):
        scope = _scope()
        root = scope.expression(f"sum({text})" if text[0] != "n" else text).root
        assert structure(scope.operations, scope.inputs, root, set(BOXES)).smooth is smooth
