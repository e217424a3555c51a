"""Constraints on the inputs that nothing meets are refused when the study is made; others never are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from api_schemas.errors import KantorError
from api_schemas.studies import StudyRequest
from api_schemas.study_ranges import impossible
from api_schemas.study_spaces import constraint_tree
from service.studies.points import met
from tests.service.studies.desk import StudyDesk

SPACE: dict[str, Any] = {
    "x": {"type": "float", "low": -1, "high": 2},
    "y": {"type": "float", "low": 1e-6, "high": 1, "log": True},
    "n": {"type": "int", "low": 1, "high": 5},
    "k": {"type": "ordinal", "choices": [1, 2, 4]},
    "z": {"type": "float", "low": 0, "high": 1, "when": {"n": 3}},
}


def found(*constraints: str) -> tuple[str, str] | None:
    request = StudyRequest(name="a", space=SPACE, objectives={"f": "min"}, input_constraints=list(constraints))
    return impossible(request.space, request.input_constraints)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x >= 2.1", "its left side is from -1 to 2, its right side 2.1"),
        ("x * n <= -5.1", "its left side is from -5 to 10"),
        ("x ** 2 + y >= 5.01", "its left side is from 1e-06 to 5"),
        ("log(x - 3) <= 10", "its left side is nowhere a number"),
        ("minimum(k, n) >= 4.5", "its left side is from 1 to 4"),
        ("1 / n == 2", "its left side is from 0.2 to 1"),
        ("abs(x) - 2.5 >= 0", "its left side is from -2.5 to -0.5"),
    ],
)
def test_what_no_point_meets_is_named_with_what_its_sides_may_be(text: str, why: str) -> None:
    said = found("n <= 4", text)
    assert said is not None
    assert said[0] == "/input_constraints/1"
    assert why in said[1]


@pytest.mark.parametrize("texts", [("x**2 + n**2 <= 1.1", "x + y >= 2.1"), ("x + n >= 6.9", "x * n <= 9")])
def test_constraints_that_exclude_each_other_are_found(texts: tuple[str, str]) -> None:
    assert found(*texts) == ("/input_constraints", "no point of the space meets all of them")


def test_what_speaks_of_a_parameter_that_may_be_inactive_is_left_alone() -> None:
    assert found("z >= 2") is None


def test_nothing_that_a_point_meets_is_called_impossible() -> None:
    """Random constraints that touch a random point: one side is moved to where that point just meets them."""
    rng = np.random.default_rng(5)
    terms = ["x", "y", "n", "k", "x*x", "x*n", "y/n", "exp(x)", "log(y)", "sqrt(y)", "abs(x)", "x**3", "n**-1", "2**x"]
    for _ in range(400):
        point = {
            "x": float(rng.choice([-1.0, 2.0, rng.uniform(-1, 2)])),
            "y": float(rng.choice([1e-6, 1.0, rng.uniform(1e-6, 1)])),
            "n": int(rng.integers(1, 6)),
            "k": int(rng.choice([1, 2, 4])),
        }
        texts = []
        for _ in range(3):
            left = " - ".join(rng.choice(terms, size=2)) + " + " + rng.choice(["minimum", "maximum"]) + "(x, y)"
            tree = constraint_tree(f"{left} <= 0")
            edge = value(tree[1], point)
            sense = str(rng.choice(["<=", ">="]))
            texts.append(f"{left} {sense} {edge!r}")
        assert all(met(constraint_tree(text), point) for text in texts)
        assert found(*texts) is None, (texts, point)


def value(tree: Any, point: dict[str, Any]) -> float:
    """By bisection on the constraint itself."""
    low, high = -1e3, 1e3
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if met(["<=", tree, middle], point) else (middle, high)
    return high


def test_such_a_study_is_not_made(desk: StudyDesk) -> None:
    with pytest.raises(KantorError) as error:
        desk.make(name="nothing", input_constraints=["lr >= 5"])
    assert error.value.code == "invalid-request"
    assert error.value.errors[0].pointer == "/input_constraints/0"
