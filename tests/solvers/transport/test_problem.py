"""What is refused, what is filled in, how plans are read, and how the planner chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import InvalidOption, InvalidProblem, OutOfMemory
from solvers.transport import access
from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport
from solvers.transport.select import choose

BAD = [
    ({"x": [1, 2], "y": [3, np.nan]}, "/y/1/0"),
    ({"x": [[1, 2]], "y": [[1, 2, 3]]}, "/y"),
    ({"x": [1, 2]}, "/y"),
    ({"x": [1, 2], "y": [1, 2], "a": [1, -1]}, "/a/1"),
    ({"x": [1, 2], "y": [1, 2], "a": [0, 0]}, "/a"),
    ({"x": [1, 2], "y": [1], "a": [1, 1], "b": [1]}, "/b"),
    ({"x": [1, 2], "y": [1], "a": [1, 1, 1]}, "/a"),
    ({"x": [1e200], "y": [0]}, "/x"),
    ({"x": [[0, 0]], "y": [[1, 0]], "cost": "cosine"}, "/x/0"),
    ({"x": [1], "y": [1], "cost": "manhattan"}, "/cost"),
    ({"x": [1], "y": [1], "cost": "lp", "p": 0.5}, "/p"),
    ({"M": [[1.0]], "cost": "l1"}, "/cost"),
    ({"M": [[1.0, np.inf]]}, "/M/0/1"),
    ({"M": []}, "/M"),
    ({"x": [1], "y": [1], "variant": "partial"}, "/mass"),
    ({"x": [1], "y": [1], "variant": "partial", "mass": 2.0}, "/mass"),
    ({"x": [1], "y": [2], "variant": "unbalanced"}, "/strength_a"),
    ({"x": [1], "y": [2], "strength": 1.0}, "/strength"),
    ({"x": [1], "y": [2], "max_nonzeros": 2}, "/regularization"),
    ({"x": [1], "y": [2], "regularization": -1.0}, "/regularization"),
    ({"x": [1], "y": [2], "regularization": float("nan")}, "/regularization"),
    ({"x": [1], "y": [2], "rank": 0}, "/rank"),
    ({"A": np.ones((2, 2)), "B": np.ones(4)}, "/B"),
]


@pytest.mark.parametrize(("fields", "pointer"), BAD)
def test_bad_input_is_refused_with_a_pointer(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidProblem) as refusal:
        Transport.build(**fields)
    assert refusal.value.pointer == pointer


def test_the_other_kinds_refuse_bad_input_too() -> None:
    with pytest.raises(InvalidProblem, match="symmetric"):
        Gromov.build([[0.0, 1.0], [2.0, 0.0]], [[0.0]])
    with pytest.raises(InvalidProblem, match="dimension"):
        Barycenter.build([[[0.0, 1.0]], [[0.0]]])
    with pytest.raises(InvalidProblem):
        Sliced.build([[0.0]], [[1.0]], projections=0)
    with pytest.raises(InvalidProblem):
        Transport.batch([])


def test_images_become_histograms_on_their_pixels() -> None:
    problem = Transport.build(A=[[0.0, 2.0], [1.0, 1.0]], B=np.ones((3, 1)), spacing=0.5)
    np.testing.assert_allclose(problem.a, [0.0, 0.5, 0.25, 0.25])
    np.testing.assert_allclose(problem.x, [[0, 0], [0, 0.5], [0.5, 0], [0.5, 0.5]])
    assert problem.grid_a == (2, 2)
    assert problem.grid_b == (3, 1)


def test_an_epsilon_beyond_double_precision_is_refused_with_what_is_possible() -> None:
    problem = Transport.build([0.0, 1.0], [0.0, 2.0], regularization=1e-15)
    with pytest.raises(InvalidProblem, match="double precision") as refusal:
        registry.load("transport", "sinkhorn-newton").solve(problem, {}, LocalContext())
    assert refusal.value.pointer == "/regularization"


def test_a_device_that_is_not_there_is_refused() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InvalidOption):
        registry.load("transport", "sinkhorn").solve(Transport.build([0.0], [1.0]), {"device": "cuda"}, LocalContext())


@pytest.mark.parametrize("form", ["potentials", "sparse", "low-rank"])
def test_products_rows_and_largest_entries_are_those_of_the_dense_plan(form: str) -> None:
    r = np.random.default_rng(0)
    x, y = r.random((30, 2)), r.random((20, 2))
    name, fields = {
        "potentials": ("sinkhorn-newton", {"regularization": 0.05}),
        "sparse": ("network-simplex", {}),
        "low-rank": ("pot-low-rank", {"rank": 3}),
    }[form]
    problem = Transport.build(x, y, **fields)  # type: ignore[arg-type]
    options = {"iteration_limit": 100} if form == "low-rank" else {}
    plan = registry.load("transport", name).solve(problem, options, LocalContext()).plan
    dense = access.rows(problem, plan, 0, 30)
    np.testing.assert_allclose(dense.sum(axis=1), problem.a, atol=1e-12)
    np.testing.assert_allclose(dense.sum(axis=0), problem.b, atol=1e-12)
    v, u = r.random((20, 3)), r.random(30)
    np.testing.assert_allclose(access.apply(problem, plan, v), dense @ v, atol=1e-14)
    np.testing.assert_allclose(access.apply_transposed(problem, plan, u), dense.T @ u, atol=1e-14)
    np.testing.assert_allclose(access.tile(problem, plan, slice(3, 7), slice(2, 5)), dense[3:7, 2:5])
    indices, masses = access.top(problem, plan, 4)
    np.testing.assert_allclose(masses, -np.sort(-dense, axis=1)[:, :4])
    np.testing.assert_allclose(np.take_along_axis(dense, indices, axis=1), masses)
    np.testing.assert_allclose(access.barycentric_map(problem, plan), (dense @ y) / dense.sum(axis=1)[:, None])
    np.testing.assert_allclose(access.to_sparse(problem, plan, 0.0).toarray(), dense, atol=1e-15)
    if form == "potentials":
        np.testing.assert_allclose(access.extend(problem, plan, x), access.barycentric_map(problem, plan), atol=1e-8)
    with pytest.raises(InvalidProblem):
        access.apply(problem, plan, np.ones(7))


def _offered() -> list[Any]:
    return [registry.load("transport", name).spec for name in registry.names("transport")]


def _points(n: int, d: int = 2, **fields: Any) -> Transport:
    r = np.random.default_rng(0)
    return Transport.build(r.random((n, d)), r.random((n, d)), **fields)


def test_costs_below_zero_are_as_good_as_others_but_no_scale() -> None:
    M = np.random.default_rng(0).random((6, 7)) - 2.0
    lower = registry.load("transport", "sinkhorn-newton").solve(
        Transport.build(M=M, regularization=0.05), {}, LocalContext()
    )
    shifted = registry.load("transport", "sinkhorn-newton").solve(
        Transport.build(M=M + 2.0, regularization=0.05), {}, LocalContext()
    )
    assert lower.status == "optimal"
    assert lower.objective == pytest.approx(shifted.objective - 2.0, rel=1e-9)
    with pytest.raises(InvalidProblem) as refusal:
        registry.load("transport", "sinkhorn-newton").solve(
            Transport.build(M=M, regularization=0.05, relative=True), {}, LocalContext()
        )
    assert refusal.value.pointer == "/relative"


@pytest.mark.parametrize(
    ("problem", "options", "expected"),
    [
        (_points(500), {}, "network-simplex"),
        (_points(500, 1), {}, "line"),
        (_points(500, regularization=0.1), {}, "sinkhorn-newton"),
        (_points(20_000), {"tolerance": 1e-2}, "multiscale"),
        (_points(20_000), {"tolerance": 1e-3}, "sinkhorn-newton"),
        (_points(20_000, 5), {"tolerance": 1e-2}, "sinkhorn-newton"),
        (_points(4_000), {"time_limit": 1.0}, "sinkhorn-newton"),
        (_points(3_000), {"memory_limit": 50.0}, "sinkhorn-newton"),
        (_points(50, variant="unbalanced", strength=1.0), {}, "sinkhorn-newton"),
        (_points(50, variant="partial", mass=0.5), {}, "network-simplex"),
        (_points(50, regularization=1.0, kind="quadratic"), {}, "quadratic"),
        (_points(50, regularization=1.0, max_nonzeros=3), {}, "sparse"),
        (_points(50, rank=3), {}, "pot-low-rank"),
        (Transport.batch([_points(50, regularization=0.1)] * 3), {}, "batched-newton"),
        (Transport.batch([_points(50)] * 3), {}, "network-simplex"),
        (Sliced.build([[0.0]], [[1.0]]), {}, "sliced"),
        (Gromov.build(x=[[0.0], [1.0]], y=[[1.0], [2.0]]), {}, "pot-gromov"),
        (Barycenter.build([[[0.0]], [[1.0]]]), {}, "barycenter"),
    ],
)
def test_the_planner_chooses_by_size_tolerance_deadline_and_memory(problem: Any, options: Any, expected: str) -> None:
    choice = choose(problem, options, _offered())
    assert choice.engine == expected
    assert ": " in choice.why


def test_a_matrix_that_fits_nowhere_is_refused_before_the_run_with_the_estimate() -> None:
    problem = Transport.build(M=np.random.default_rng(0).random((600, 600)))
    with pytest.raises(OutOfMemory, match="MB"):
        choose(problem, {"memory_limit": 2.0}, _offered())
