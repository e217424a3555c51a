"""Arrays of other libraries where plain ones are taken, and plans where arrays are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import kantor
import numpy as np
import pytest
import scipy.sparse as sp
from kantor.errors import InvalidProblem
from kantor.transport_distances import Distances
from kantor.transport_plan import Plan


@pytest.mark.parametrize(
    "make",
    [
        lambda: kantor.Transport(sp.eye_array(3), np.eye(3)),
        lambda: kantor.Transport(cost=sp.csr_array(np.eye(3))),
        lambda: kantor.Minimize("sum(A @ x)", variables={"x": [3]}, data={"A": sp.eye_array(3).tocsr()}),
        lambda: kantor.Minimize("sum(x)", variables={"x": {"shape": [3], "lower": sp.eye_array(3)}}),
    ],
)
def test_sparse_matrices_are_refused_with_the_way_out(make: Any) -> None:
    with pytest.raises(InvalidProblem, match=r"sparse matrices are not taken here: give \.toarray\(\)"):
        make()


def test_tensors_with_gradients_are_taken_as_numbers() -> None:
    torch = pytest.importorskip("torch")
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0]], requires_grad=True)
    assert kantor.Transport(points, points).arrays["x"].tolist() == points.tolist()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("bounds", "did you mean lower and upper"),
        ("lowr", "did you mean 'lower'"),
        ("colour", "there are integer, lower"),
    ],
)
def test_a_wrong_field_of_a_variable_is_answered_by_the_fields_of_variables(field: str, words: str) -> None:
    with pytest.raises(InvalidProblem, match=words) as refused:
        kantor.Minimize("sum(x)", variables={"x": {"shape": [3], field: (0, 1)}})
    assert "engine_options" not in str(refused.value)


def plan(matrix: Any, shape: tuple[int, int]) -> Plan:
    """A plan as an answer has it."""
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    return Plan(SimpleNamespace(form="sparse", shape=shape, **parts), lambda array: array, lambda: None)  # type: ignore[arg-type, return-value]


def test_a_plan_becomes_an_array_unless_it_is_too_large() -> None:
    dense = np.array([[0.5, 0.0, 0.0], [0.0, 0.25, 0.25]])
    small = plan(sp.csr_array(dense), (2, 3))
    assert np.asarray(small).tolist() == small.toarray().tolist() == dense.tolist()
    assert np.asarray(small, dtype=np.float32).dtype == np.float32
    with pytest.raises(kantor.KantorError, match=r"not made an array; use its apply"):
        np.asarray(plan(sp.csr_array((20_000, 20_000)), (20_000, 20_000)))


def test_distances_are_shown_as_a_table() -> None:
    shown = Distances(np.array([[0.0, 1.5], [1.5, 0.0]]), np.zeros((2, 2)), "wasserstein-2", [])._repr_html_()
    assert "<td>1.5</td>" in shown
