"""Properties over random expressions. KANTOR_FUZZ_EXAMPLES sets how many."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings

from api_schemas.expression import ExpressionError, Scope, structure
from solvers.expression import Program, evaluate
from solvers.expression.function import compile
from tests.expression.generator import expressions, mutants, soup
from tests.expression.names import DATA, EXAMPLES, VARIABLES, reference, scope, values

few = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(few, max_examples=10 * EXAMPLES)


def _program(text: str) -> tuple[Scope, int, Program]:
    made = scope()
    root = made.objective(text).root
    return made, root, Program.load(made.plain({"f": root}))


def _accepted(text: str) -> bool:
    """False where a constant part has no finite value, or the text is too long."""
    error = _refusal(lambda: scope().objective(text))
    assert error is None or "finite value" in error.message or "more than" in error.message
    return error is None


def _refusal(call: Callable[[], object]) -> ExpressionError | None:
    """The language's own error, if there is one; no other may come."""
    try:
        call()
    except ExpressionError as error:
        return error
    return None


@few
@given(expressions())
def test_values_are_those_of_python_with_numpy(text: str) -> None:
    assume(_accepted(text))
    _, _, program = _program(text)
    arrays = values()
    expected = reference(text, arrays)
    assert expected.shape == ()
    found = evaluate(program, "f", arrays)
    point = {name: torch.tensor(arrays[name], dtype=torch.float64) for name in VARIABLES}
    compiled = compile(program, {name: arrays[name] for name in DATA})(point)
    for value in (found, compiled.numpy()):
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True) or abs(expected) > 1e12


@few
@given(expressions(depth=3))
def test_gradients_are_those_of_differences(text: str) -> None:
    assume(_accepted(text))
    _, _, program = _program(text)
    arrays = values(3)
    function = compile(program, {name: arrays[name] for name in DATA})
    point = {name: torch.tensor(arrays[name], dtype=torch.float64, requires_grad=True) for name in VARIABLES}
    value = function(point)
    assume(value.requires_grad and np.isfinite(float(value.detach())))
    gradients = torch.autograd.grad(value, list(point.values()), allow_unused=True)
    random = np.random.default_rng(4)
    direction = {name: random.normal(size=VARIABLES[name]) for name in VARIABLES}
    slope = sum(
        float((g * torch.tensor(direction[name])).sum())
        for name, g in zip(point, gradients, strict=True)
        if g is not None
    )
    slopes = []
    for step in (1e-5, 1e-6):
        ends = [
            float(evaluate(program, "f", {**arrays, **{n: arrays[n] + sign * step * direction[n] for n in VARIABLES}}))
            for sign in (1, -1)
        ]
        slopes.append((ends[0] - ends[1]) / (2 * step))
    # near a kink or a pole the differences do not agree with each other: then they are no reference
    assume(abs(slopes[0] - slopes[1]) <= 1e-5 * (1 + abs(slopes[1])))
    size = 1 + abs(float(value.detach()))
    assert slope == pytest.approx(slopes[1], rel=2e-4, abs=2e-5 * size)


@few
@given(expressions(depth=3))
def test_what_the_rules_say_of_curvature_and_degree_holds_on_random_lines(text: str) -> None:
    assume(_accepted(text))
    made, root, program = _program(text)
    found = structure(made.operations, made.inputs, root, {"x", "y", "z", "W", "s", "t"})
    arrays = values(5)
    random = np.random.default_rng(6)
    for _ in range(5):
        ends = [{name: 2 * random.normal(size=shape) for name, shape in VARIABLES.items()} for _ in range(2)]

        def on_line(at: float, ends: list[dict[str, np.ndarray]] = ends) -> float:
            moved = {name: (1 - at) * ends[0][name] + at * ends[1][name] for name in VARIABLES}
            return float(evaluate(program, "f", {**arrays, **moved}))

        samples = np.array([on_line(k / 4) for k in range(5)])
        assume(np.isfinite(samples).all())
        size = 1e-8 * (1 + np.abs(samples).max())
        second = samples[:-2] - 2 * samples[1:-1] + samples[2:]
        if found.convex:
            assert (second >= -size).all()
        if found.concave:
            assert (second <= size).all()
        if found.degree is not None and found.degree <= 3:
            assert np.abs(np.diff(samples, found.degree + 1)).max() <= 100 * size
        if found.sign in ("positive", "nonnegative"):
            assert (samples >= -size).all()
        if found.sign in ("negative", "nonpositive"):
            assert (samples <= size).all()


@many
@given(soup() | mutants())
def test_nonsense_is_refused_by_the_language_s_own_error_or_evaluated(text: str) -> None:
    made = scope()
    # the lesser of two: other threads of the process are traced too
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        error = _refusal(lambda: made.objective(text))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert min(peaks) < 5_000_000
    if error is not None:
        assert error.detail
        assert error.pointed()
        return
    program = Program.load(made.plain({"f": made.objective(text).root}))
    assert evaluate(program, "f", values()) == pytest.approx(reference(text, values()), rel=1e-9, nan_ok=True)


@few
@given(soup(), soup())
def test_nonsense_constraints_are_refused_by_the_language_s_own_error(left: str, right: str) -> None:
    for text in (f"{left} <= {right}", f"sum(x) == {right}"):
        error = _refusal(lambda text=text: scope().constraint(text))
        assert error is None or error.detail
