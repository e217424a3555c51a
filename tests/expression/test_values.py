"""Values and derivatives, against numpy as evaluated by Python itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from solvers.expression import Program, evaluate
from solvers.expression.function import compile
from tests.expression.names import DATA, VARIABLES, reference, scope, values

EXPRESSIONS = """
1 + 2*3 - 4/5
-s**2
2**-s
-2**2 + s
s - t - 1
s/t/2
s*(t + 1)**3
-x @ y
x @ W @ z
(A @ x) @ z
sum((A @ x - z)**2)
mean((x - c)**2) + 0.5*norm2sq(y)
sum(exp(-x)*W.T, axis=1) @ z
sum(W, axis=0) @ z + sum(W, axis=-1) @ x
amax(x) - amin(W)
sum(amax(W, axis=0)*z) + sum(amin(W, axis=1)*y)
logsumexp(x) + sum(logsumexp(W, axis=0))
sum(softmax(W)*B) + sum(softmax(W, axis=0)*B)
sum(cumsum(W, axis=0)*B) + cumsum(x)[2]
prod(x) + sum(prod(W, axis=1))
norm1(x) + norm2(W) + sum(norm2(W, axis=0)) + sum(norm1(W, axis=1)) + sum(norm2sq(W, axis=1))
trace(Q @ outer(x, y))
dot(x, y) + dot(W, B)
sum(maximum(x, y) - minimum(x, 0.25))
sum(where(x > y, x**2, sin(y)))
sum(where(x, x, 2*y)) + where(s <= t, s, t)
sum(huber(x - c, 0.7)) + sum(huber(y))
mean(huber(x - c)) + sum(huber(c - W @ z, 0.7)) + huber(s - 2) + huber(s - t, 0.1) + mean(huber(x - s))
mean(huber(x - y)) + sum(x - y) + sum(huber(c - y)) + mean(huber(y - 1)) + amax(huber(x - c))
sum(cross_entropy(W, labels)) + mean(cross_entropy(2*W, labels)) + sum(cross_entropy(B, labels)*x)
mean(cross_entropy(x.T if 0 else W, labels))
sum(logistic(A @ x, z))
sum(take(x, k)*z) + sum(take(W, k))
x[0] + x[-1]*W[1, 2] - sum(W[1:3]) + sum(x[::2]) + sum(W[:, 1]*y) + sum(W[1:, :2])
sum(reshape(W, 3, 4) @ x) + sum(reshape(W, 12)) + sum(reshape(x, -1, 2))
sum(concatenate(x, z, y)**2) + sum(concatenate(W, Q, axis=1) @ concatenate(z, x))
sum(stack(s, t, s*t)*z) + sum(stack(x, y, axis=1)**2) + sum(stack(x, y) @ W)
sum(sigmoid(x) + softplus(y) + relu(x) + tanh(y) + erf(x) + arctan(y) + tan(s) + sinh(x) + cosh(y))
sum(log(x**2 + 1) + log1p(y**2) + expm1(x) + sqrt(x**2 + 0.1) + square(y) + abs(x) + cos(y))
sum((x**2 + 1)**0.3) + sum((x**2 + 1)**-1.5) + sum((x**2 + 1)**y) + 1/(s**2 + 1)
sum(2.5e-1*x) + .5*s + 1.*t + 3e0
sum(xlogx(x**2)) - sum((y**2 + 1)*log(y**2 + 1)) + exp(x) @ log(exp(x)) + sum(s*exp(y)*log(exp(y)))
k[0] + sum(k*z) - mean(labels)
sum(x*W.T) + sum(x*s)
sum(A @ B @ z) + sum((Q @ W)**2)
""".strip().replace("x.T if 0 else W", "W")


@pytest.mark.parametrize("text", EXPRESSIONS.splitlines())
def test_an_expression_has_the_value_that_python_gives_it_and_its_gradient_is_that_of_differences(text: str) -> None:
    made = scope()
    program = Program.load(made.plain({"f": made.objective(text).root}))
    given = values()
    expected = reference(text, given)
    assert evaluate(program, "f", given) == pytest.approx(expected, rel=1e-12)
    function = compile(program, {name: given[name] for name in DATA})
    point = {name: torch.tensor(given[name], dtype=torch.float64).requires_grad_() for name in VARIABLES}
    value = function(point)
    assert float(value.detach()) == pytest.approx(float(expected), rel=1e-12)
    if not value.requires_grad:
        return
    gradients = torch.autograd.grad(value, list(point.values()), allow_unused=True)
    for name, gradient in zip(point, gradients, strict=True):
        slope = _differences(program, given, name)
        found = np.zeros_like(slope) if gradient is None else gradient.numpy()
        assert found == pytest.approx(slope, rel=2e-6, abs=2e-7), name


def _differences(program: Program, given: dict[str, np.ndarray], name: str) -> np.ndarray:
    base = np.array(given[name], dtype=float)
    slope = np.zeros(base.shape)
    for place in np.ndindex(base.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = base.copy()
            moved[place] += step
            ends.append(float(evaluate(program, "f", {**given, name: moved})))
        slope[place] = (ends[0] - ends[1]) / 2e-6
    return slope


@pytest.mark.parametrize("text", EXPRESSIONS.splitlines())
def test_a_compiled_expression_works_under_vmap_and_second_derivatives(text: str) -> None:
    made = scope()
    plain = made.plain({"f": made.objective(text).root})
    given = values(1)
    function = compile(plain, {name: given[name] for name in DATA})
    point = {name: torch.tensor(given[name], dtype=torch.float64) for name in VARIABLES}
    if not function.variables:
        return
    many = {name: torch.stack([value, value + 0.1, value - 0.2]) for name, value in point.items()}
    each = torch.stack([function({name: value[k] for name, value in many.items()}) for k in range(3)])
    assert torch.allclose(torch.func.vmap(function)(many), each, rtol=1e-12)
    gradient = torch.func.grad(function)
    direction = {name: torch.ones_like(value) for name, value in point.items()}
    (product,) = torch.func.vjp(gradient, point)[1](direction)
    step = 1e-6
    ends = [gradient({name: value + sign * step for name, value in point.items()}) for sign in (1, -1)]
    for name in VARIABLES:
        slope = (ends[0][name] - ends[1][name]) / (2 * step)
        assert torch.allclose(product[name], slope, rtol=1e-5, atol=1e-5), name


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_a_compiled_expression_works_under_forward_derivatives() -> None:
    made = scope()
    plain = made.plain({"f": made.objective("sum(exp(x)*(W @ z)) + mean(cross_entropy(W, labels))").root})
    given = values(2)
    function = compile(plain, {name: given[name] for name in DATA})
    point = {name: torch.tensor(given[name], dtype=torch.float64) for name in VARIABLES}
    direction = {name: torch.randn(value.shape, dtype=torch.float64) for name, value in point.items()}
    _, slope = torch.func.jvp(function, (point,), (direction,))
    gradient = torch.func.grad(function)(point)
    assert float(slope) == pytest.approx(sum(float((gradient[n] * direction[n]).sum()) for n in VARIABLES), rel=1e-12)


def test_a_derivative_at_a_kink_is_zero_and_finite() -> None:
    made = scope()
    plain = made.plain({"f": made.objective("norm2(x) + sum(abs(y)) + sum(relu(z))").root})
    function = compile(plain)
    point = {name: torch.zeros(shape, dtype=torch.float64, requires_grad=True) for name, shape in VARIABLES.items()}
    for gradient in torch.autograd.grad(function(point), [point[name] for name in "xyz"]):
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_let_bindings_are_computed_once() -> None:
    made = scope()
    made.let("r", "A @ x - z")
    made.let("twice", "r + r")
    plain = made.plain({"f": made.objective("sum(r**2) + sum(twice) + sum((A @ x - z)**2)").root})
    assert [operation[0] for operation in plain["operations"]].count("matmul") == 1
    assert [operation[0] for operation in plain["operations"]].count("square") == 1


@pytest.mark.parametrize("text", ["x*log(x)", "log(x)*x", "-(-x*log(x))", "2*x*log(x)/2", "xlogx(x)"])
def test_x_log_x_is_zero_at_zero_and_its_derivative_there_is_not_finite(text: str) -> None:
    made = scope()
    program = Program.load(made.plain({"f": made.objective(f"sum({text})").root}))
    x = np.array([0.0, 1.0, 0.5, 0.0])
    assert evaluate(program, "f", {"x": x}) == pytest.approx(0.5 * np.log(0.5), abs=1e-15)
    assert np.isnan(evaluate(program, "f", {"x": -x}))
    point = torch.tensor(x, requires_grad=True)
    compile(program)({"x": point}).backward()
    assert np.array_equal(point.grad.numpy()[1:3], [1.0, 1.0 + np.log(0.5)])
    # a finite derivative would make the boundary look stationary, and bounds drawn from it would be wrong
    assert np.array_equal(point.grad.numpy()[[0, 3]], [-np.inf, -np.inf])
