"""Every suggestion of every engine meets the constraints on the inputs, also where next to no random point does."""

from __future__ import annotations

import numpy as np
import pytest

from api_schemas.study_spaces import constraint_tree
from solvers.core import registry
from solvers.studies.constraints import InputConstraint
from solvers.studies.encoding import Encoding
from solvers.studies.observations import Observations, Trial
from solvers.studies.parameters import Categorical, Float, Int, Ordinal
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, Study

ENGINES = [name for name in registry.names("study") if name != "botorch"]
NUMBERS = {"cma-es", "gradient-free", "consensus"}
"""Engines of spaces without choices and conditions."""


def constrained(text: str) -> InputConstraint:
    return InputConstraint(constraint_tree(text), text)


CUBE = tuple(Float(name=f"x{i}", low=0, high=1) for i in range(4))
SPACES = {
    "corner": Space(CUBE, (constrained("x0 + x1 + x2 + x3 <= 0.02"),)),
    "shell": Space(CUBE, (constrained("x0**2 + x1**2 >= 0.999"), constrained("x0**2 + x1**2 <= 1.001"))),
    "log": Space(
        (Float(name="a", low=1e-6, high=1, log=True), Float(name="b", low=1e-6, high=1, log=True)),
        (constrained("a * b >= 0.98"),),
    ),
    "whole": Space(
        (Int(name="m", low=0, high=60), Int(name="n", low=0, high=60), Float(name="x", low=0, high=1)),
        (constrained("m + n == 60"), constrained("x <= m / 60")),
    ),
    "nested": Space(
        (
            Categorical(name="kind", choices=("a", "b")),
            Float(name="x", low=0, high=1, when=conditions({"kind": "a"})),
            Float(name="y", low=0, high=1, when=conditions({"kind": "b"})),
            Ordinal(name="z", choices=(1, 2, 4)),
        ),
        (constrained("x + z <= 1.01"), constrained("y >= 0.99")),
    ),
}


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("engine", ENGINES)
def test_suggestions_meet_the_constraints(engine: str, space: str) -> None:
    if engine in NUMBERS and space in ("nested", "whole"):
        pytest.skip("not for choices")
    study = Study(SPACES[space], (Objective("y"),))
    trials: list[Trial] = []
    for round_ in range(4):
        advisor = registry.load("study", engine).create(study, seed=3)  # type: ignore[attr-defined]
        advisor.update(Observations(tuple(trials)))
        suggested = advisor.suggest(3)
        assert len(suggested) == 3, f"round {round_}: {advisor.finding()}"
        for suggestion in suggested:
            point = suggestion.parameters
            study.space.check(point)
            assert study.space.feasible(point), f"{engine}: {point}"
            trials.append(
                Trial(len(trials), point, values={"y": sum(float(v) for v in point.values() if v != point.get("kind"))})
            )
    assert len({str(trial.parameters) for trial in trials}) == len(trials)


def test_the_optimum_on_an_edge_is_found() -> None:
    """max x + 2y under x + y <= 1 lies at (0, 1); under x^2 + y^2 <= 1 at (1, 2)/sqrt(5)."""
    for text, best in (("x + y <= 1", 2.0), ("x**2 + y**2 <= 1", 5**0.5)):
        square = (Float(name="x", low=0, high=1), Float(name="y", low=0, high=1))
        study = Study(Space(square, (constrained(text),)), (Objective("v", "max"),))
        trials: list[Trial] = []
        for number in range(16):
            advisor = registry.load("study", "gp").create(study, seed=1)  # type: ignore[attr-defined]
            advisor.update(Observations(tuple(trials)))
            point = advisor.suggest(1)[0].parameters
            trials.append(Trial(number, point, values={"v": float(point["x"]) + 2 * float(point["y"])}))
        assert max(trial.values["v"] for trial in trials) > best - 1e-3


def test_margins_have_the_sign_of_what_holds() -> None:
    space = Space(
        (
            Categorical(name="kind", choices=("a", "b")),
            Float(name="x", low=-2, high=2, when=conditions({"kind": "a"})),
            Int(name="y", low=-3, high=3),
        )
    )
    encoding = Encoding(space)
    rng = np.random.default_rng(0)
    rows = encoding.complete(rng.random((200, 3)))
    trees = [
        *(constraint_tree(text) for text in ("x + y <= 1", "x / y >= 0.5", "sqrt(x) <= y", "x**2 + abs(y) >= 1.5")),
        ["<", ["var", "x"], 0.5],
        ["==", ["var", "kind"], "a"],
        ["or", ["==", ["var", "kind"], "b"], ["<=", ["var", "x"], 0]],
        ["not", ["<", ["var", "y"], 1]],
        ["==", ["+", ["var", "y"], 1], 3],
    ]
    for tree in trees:
        constraint = InputConstraint(tree)
        margins = constraint.margins(encoding.columns(rows, constraint.names()), len(rows))
        told = [constraint.holds(encoding.point(row)) for row in rows]
        assert (margins <= 0.0).tolist() == told, tree
        assert 0 < sum(told) < 200, "the test means something"
