"""Over-relaxed sweeps: fewer of them, to the same plan."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from solvers.core.engine import LocalContext
from solvers.transport.numerics.finish import evaluate
from solvers.transport.numerics.passes import Passes, State
from solvers.transport.numerics.relaxed import relax, relax_all, relaxed_state
from solvers.transport.numerics.setup import passes_of, prepare
from solvers.transport.numerics.watch import Watch
from solvers.transport.problem import Transport


def _case(epsilon: float = 0.05, n: int = 60, m: int = 45) -> tuple[Passes, State, Transport]:
    r = np.random.default_rng(4)
    problem = Transport.build(r.random((n, 2)), r.random((m, 2)) + 0.3, regularization=epsilon, relative=True)
    setup = prepare(problem, {"device": "cpu"})
    passes = passes_of(setup, Watch(LocalContext()))
    assert setup.epsilon is not None
    return passes, passes.state(torch.zeros_like(setup.b), setup.epsilon), problem


def _plain(P: np.ndarray, a: np.ndarray, b: np.ndarray, wanted: float) -> tuple[np.ndarray, int]:
    v = np.ones_like(b)
    for made in range(1, 100_000):
        u = a / (P @ v)
        columns = u @ P
        if np.abs(b - v * columns).sum() < wanted:
            return u[:, None] * P * v, made
        v = b / columns
    raise AssertionError("plain sweeps did not converge")


def test_they_end_at_the_plan_of_plain_sweeps_in_less_than_half_of_them() -> None:
    passes, state, _ = _case()
    assert state.P is not None
    plan, plain = _plain(state.P.numpy(), passes.a.numpy(), passes.b.numpy(), 1e-12)
    found = relax(passes, state, 1000, 1e-12)
    assert found.ending == "reached"
    assert found.made < 0.5 * plain
    state = relaxed_state(passes, state, found)
    assert state.P is not None
    np.testing.assert_allclose(state.P.numpy(), plan, atol=1e-14)
    np.testing.assert_allclose(state.P.sum(1).numpy(), passes.a.numpy(), rtol=1e-13)
    again = passes.state(state.g, state.epsilon)
    np.testing.assert_allclose(again.f.numpy(), state.f.numpy(), atol=1e-12)


def test_wide_scalings_are_absorbed() -> None:
    passes, state, _ = _case(1e-3)
    found = relax(passes, state, 400, 1e-12)
    assert found.ending == "absorb"
    error = relaxed_state(passes, state, found).error
    assert np.isfinite(error)


@pytest.mark.parametrize("zeros", [0, 3])
def test_many_problems_at_once_agree_with_each_alone(zeros: int) -> None:
    passes, state, _ = _case()
    assert state.P is not None
    P, a, b = state.P.numpy(), passes.a.numpy(), passes.b.numpy()
    wide = np.zeros((2, P.shape[0] + zeros, P.shape[1] + zeros))
    wide[:, : P.shape[0], : P.shape[1]] = P
    first, second = np.pad(np.stack([a, a]), ((0, 0), (0, zeros))), np.pad(np.stack([b, b]), ((0, 0), (0, zeros)))
    v = relax_all(wide, first, second, 1e-12, 1000, lambda: None)
    alone = relax(passes, state, 1000, 1e-12).v
    np.testing.assert_allclose(v[0, : len(b)] / v[0, 0], alone / alone[0], rtol=1e-9)


def test_the_regularized_value_needs_no_second_look_at_the_plan() -> None:
    passes, state, problem = _case()
    setup = prepare(problem, {"device": "cpu"})
    state = relaxed_state(passes, state, relax(passes, state, 1000, 1e-12))
    found = evaluate(setup, passes, state, regularized=True)
    assert state.P is not None
    P, product = state.P.numpy(), np.outer(passes.a.numpy(), passes.b.numpy())
    expected = (P * setup.geometry.dense.numpy()).sum() + state.epsilon * (P * np.log(P / product) - P + product).sum()  # type: ignore[union-attr]
    assert found["objective"] == pytest.approx(expected, rel=1e-11)
