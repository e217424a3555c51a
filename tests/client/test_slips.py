"""Slips of people who state problems in the expression language: found before anything is sent, in plain words."""

from __future__ import annotations

from typing import Any

import kantor
import pytest
from kantor.errors import InvalidProblem

X: dict[str, Any] = {"x": [3]}


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        ({"minimize": "x[0]/0"}, "/minimize", "a division by zero, at character 6"),
        ({"minimize": "sum(x)/(2 - 2)"}, "/minimize", "a division by zero"),
        ({"minimize": "sum(x)", "variables": {"x": [2.5]}}, "/variables/x/shape", "whole numbers"),
        ({"minimize": "sum(x)", "variables": {"x": "three"}}, "/variables/x/shape", "whole numbers"),
        ({"minimize": "sum(x)", "variables": {"x": {"shape": None}}}, "/variables/x/shape", "whole numbers"),
        ({"minimize": "sum(x)", "variables": {"x": {"lower": "zero"}}}, "/variables/x/lower", "not 'zero'"),
        ({"minimize": "sum(x)", "variables": {"x": {"start": {}}}}, "/variables/x/start", "array"),
        ({"minimize": "sum(x)", "constraints": ["1 >= 2"]}, "/constraints/0", "contains no variable"),
        (
            {"minimize": "sum(x)", "constraints": ["x >= 0", "b >= 2"], "data": {"b": [1.0]}},
            "/constraints/1",
            "contains no variable",
        ),
    ],
)
def test_a_slip_is_named_where_it_is(given: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(InvalidProblem, match=words) as refused:
        kantor.Minimize(**{"variables": X, **given})
    assert refused.value.errors[0].pointer == f"/problem{pointer}"


def test_objectives_without_names_are_refused_with_an_example() -> None:
    with pytest.raises(InvalidProblem, match="objectives have names"):
        kantor.Pareto(["x**2", "(x - 1)**2"], variables={"x": {}})  # type: ignore[arg-type]


def test_shapes_may_be_numbers_tuples_and_arrays() -> None:
    import numpy as np

    for shape in (3, [3], (3,), np.array([3]), np.ones(3).shape):
        assert kantor.Minimize("sum(x)", variables={"x": shape}).spec()["variables"]["x"]["shape"] == [3]
