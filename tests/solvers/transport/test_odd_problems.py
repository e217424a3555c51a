"""What users send and no textbook has: their answers are certified all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidProblem
from solvers.transport.certificates import certify
from solvers.transport.engines import multiscale
from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.numerics.watch import Stopped
from solvers.transport.problem import Transport
from solvers.transport.select import choose
from tests.solvers.transport.certificates.examples import by_linear_program

_R = np.random.default_rng(0)
_X, _Y = _R.normal(size=(60, 2)), _R.normal(size=(50, 2)) + 1.0
_W = np.exp(6.0 * _R.normal(size=60)) * (_R.random(60) < 0.7)
_OFFERED = [registry.load("transport", name).spec for name in registry.names("transport")]


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(Transport.build(np.ones((30, 2)), np.ones((20, 2))), id="all points are one"),
        pytest.param(
            Transport.build(np.ones((30, 2)), np.ones((20, 2)), regularization=0.1, relative=True),
            id="all points are one, entropic",
        ),
        pytest.param(Transport.build(_X, _Y, regularization=1e6), id="hardly anything but entropy"),
        pytest.param(
            Transport.build(_X, _Y, variant="unbalanced", strength=1e9, regularization=0.1), id="as good as balanced"
        ),
        pytest.param(Transport.build(_X, _Y, variant="unbalanced", strength=1e-9, regularization=0.1), id="free"),
        pytest.param(Transport.build(_X[:1], _Y), id="one source"),
        pytest.param(Transport.build(_X, _Y[:1], regularization=0.1), id="one target, entropic"),
        pytest.param(Transport.build(_X, _Y, a=np.full(60, 1e12 / 60), b=np.full(50, 1e12 / 50)), id="huge masses"),
        pytest.param(
            Transport.build(_X, _Y, a=np.full(60, 1e-12 / 60), b=np.full(50, 1e-12 / 50), regularization=0.1),
            id="tiny masses, entropic",
        ),
        pytest.param(Transport.build(M=-_R.random((30, 20))), id="negative costs"),
        pytest.param(
            Transport.build(M=_R.random((30, 20)) + 1e9, regularization=0.1),
            id="a large constant in the costs, entropic",
        ),
        pytest.param(Transport.build(1e5 * _X, 1e5 * _Y, regularization=0.1), id="costs of 1e10 at epsilon 0.1"),
        pytest.param(Transport.build(1e-6 * _X, 1e-6 * _Y, regularization=1e-13), id="costs of 1e-12, entropic"),
        pytest.param(
            Transport.build(M=_R.random((30, 20)) - 1e9, regularization=0.1, kind="quadratic"),
            id="a large constant in the costs, quadratic",
        ),
        pytest.param(
            Transport.build(1e5 * _X, 1e5 * _Y, regularization=0.1, kind="quadratic"), id="costs of 1e10, quadratic"
        ),
        pytest.param(
            Transport.build(
                _X**3, _Y, a=_W / _W.sum(), b=_W[:50] / _W[:50].sum(), cost="lp", p=3.0, regularization=1e-3
            ),
            id="parts of a plan that are as good as apart",
        ),
        pytest.param(
            Transport.build(M=np.zeros((4, 5)), variant="semi-relaxed", strength_b=3.0, b=np.full(5, 0.1)),
            id="no costs, KL",
        ),
        pytest.param(
            Transport.build(_X, _Y, b=np.full(50, 0.01), variant="semi-relaxed", divergence="tv", strength_b=1e12),
            id="total variation with a price far above all costs",
        ),
    ],
)
def test_the_planners_engine_is_optimal_and_certified(problem: Transport) -> None:
    options: dict[str, Any] = {}
    engine = registry.load("transport", choose(problem, options, _OFFERED).engine)
    answer, certificate = certify(problem, engine.solve(problem, options, LocalContext()), options)
    assert answer.status == "optimal", answer.message
    assert certificate.verified


@pytest.mark.parametrize("divergence", ["tv", "kl"])
def test_costs_below_all_prices_are_refused_where_mass_could_be_made_without_end(divergence: str) -> None:
    with pytest.raises(InvalidProblem) as refused:
        Transport.build(M=-np.ones((3, 3)), variant="unbalanced", divergence=divergence, strength=1e-3)
    assert refused.value.pointer == "/M"


@pytest.mark.parametrize("strength", [0.5, 30.0, 1e3, 1e5])
@pytest.mark.parametrize("variant", ["unbalanced", "semi-relaxed"])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5])
def test_prices_far_above_all_costs_change_no_optimum(strength: float, variant: str, ratio: float) -> None:
    sides = {"strength": strength} if variant == "unbalanced" else {"strength_b": strength}
    problem = Transport.build(
        _X[:12], _Y[:9], b=np.full(9, ratio / 9.0), variant=variant, divergence="tv", cost="l1", **sides
    )
    engine = registry.load("transport", "network-simplex")
    answer, certificate = certify(problem, engine.solve(problem, {}, LocalContext()), {})
    assert answer.status == "optimal", answer.message
    assert certificate.verified
    assert answer.cost == pytest.approx(by_linear_program(problem).cost, rel=1e-6)


def test_a_part_of_negative_costs_is_no_more_than_was_asked() -> None:
    problem = Transport.build(M=_R.random((3, 4)) - 1e7, variant="partial", mass=0.3)
    engine = registry.load("transport", "network-simplex")
    answer, certificate = certify(problem, engine.solve(problem, {}, LocalContext()), {})
    assert certificate.verified, answer.message
    assert answer.cost == pytest.approx(-0.3e7, rel=1e-6)


def test_a_rank_is_kept_for_any_cost_and_any_weights() -> None:
    for fields in ({"cost": "euclidean"}, {"cost": "cosine"}, {"a": _W / _W.sum()}):
        problem = Transport.build(_X, _Y, rank=3, **fields)  # type: ignore[arg-type]
        engine = registry.load("transport", choose(problem, {}, _OFFERED).engine)
        answer, certificate = certify(problem, engine.solve(problem, {}, LocalContext()), {})
        assert certificate.verified, answer.message
        assert answer.status == "feasible"
        assert answer.bound is not None
        assert answer.cost is not None
        assert 0.0 < answer.bound <= answer.cost < float(problem.a @ matrix_of(problem) @ problem.b)


def test_penalties_that_are_almost_constraints_do_not_make_an_answer_imprecise() -> None:
    problem = Transport.build(_X, _Y, variant="unbalanced", divergence="tv", strength=1e9)
    engine = registry.load("transport", choose(problem, {}, _OFFERED).engine)
    answer, certificate = certify(problem, engine.solve(problem, {}, LocalContext()), {})
    assert answer.status in ("optimal", "feasible"), answer.message
    assert certificate.verified


def test_a_stop_before_the_first_bound_of_cells_leaves_potentials_that_prove_a_good_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    r = np.random.default_rng(1)
    problem = Transport.build(r.random((3000, 2)), 0.5 * r.random((3000, 2)))

    def stops(*_: Any) -> np.ndarray:
        raise Stopped

    monkeypatch.setattr(multiscale, "transform", stops)
    given = multiscale.ENGINE.solve(problem, {}, LocalContext())
    assert given.bound is None
    answer, certificate = certify(problem, given, {})
    assert answer.status == "feasible"
    assert certificate.verified
    assert answer.bound is not None
    assert answer.cost is not None
    assert answer.cost - answer.bound < 0.05 * answer.cost


def test_in_haste_a_few_cells_come_first_and_their_potentials_prove_something(monkeypatch: pytest.MonkeyPatch) -> None:
    r = np.random.default_rng(1)
    problem = Transport.build(r.random((3000, 2)), 0.5 * r.random((3000, 2)))

    def stops(*_: Any) -> np.ndarray:
        raise Stopped

    monkeypatch.setattr(multiscale, "HASTE", 1.0)
    monkeypatch.setattr(multiscale, "transform", stops)
    monkeypatch.setattr(multiscale, "cKDTree", stops)
    given = multiscale.ENGINE.solve(problem, {"time_limit": 100.0}, LocalContext())
    answer, certificate = certify(problem, given, {})
    assert certificate.verified
    assert answer.bound is not None
    assert answer.cost is not None
    assert answer.cost - answer.bound < 0.3 * answer.cost
