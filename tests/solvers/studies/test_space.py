"""Spaces, conditions, constraints on inputs, trials: their values, JSON forms and errors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.errors import InvalidProblem
from solvers.studies.constraints import InputConstraint
from solvers.studies.encoding import Encoding
from solvers.studies.observations import Comparison, Observations, Trial
from solvers.studies.parameters import Categorical, Fidelity, Float, Int, Numeric, Ordinal, Parameter
from solvers.studies.sampling import every_row, level_places, sobol
from solvers.studies.space import Space, conditions
from solvers.studies.study import Objective, OutcomeConstraint, Study
from tests.solvers.studies.problems import MIXED_SPACE

PARAMETERS: list[Parameter] = [
    Float(name="f", low=-2.0, high=3.0),
    Float(name="fl", low=1e-6, high=10.0, log=True),
    Float(name="fs", low=0.0, high=1.0, step=0.3),
    Int(name="i", low=-3, high=9),
    Int(name="il", low=1, high=1000, log=True),
    Int(name="is", low=8, high=100, step=8, log=True),
    Categorical(name="c", choices=("a", 1, True, 2.5)),
    Ordinal(name="o", choices=(1, 10, 100)),
    Fidelity(name="e", low=1, high=81, log=True, whole=True),
    Float(name="one", low=2.0, high=2.0),
]


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_every_place_has_a_value_and_every_value_a_place(parameter: Parameter) -> None:
    for unit in [*np.linspace(0, 1, 101), -0.5, 1.5]:
        value = parameter.at(float(unit))
        assert parameter.fault(value) == ""
        again = parameter.at(parameter.unit(value))
        assert again == pytest.approx(value, rel=1e-9) if isinstance(parameter, Numeric) else again is value


@pytest.mark.parametrize("parameter", [p for p in PARAMETERS if p.levels], ids=lambda p: p.name)
def test_all_levels_are_reached_and_in_order(parameter: Parameter) -> None:
    values = [parameter.at(float(place)) for place in level_places(parameter)]
    assert len(values) == parameter.levels
    assert len({repr(value) for value in values}) == parameter.levels
    if isinstance(parameter, Numeric):
        assert values == sorted(values)
        assert values[0] == parameter.low


def test_levels_of_a_linear_range_are_equally_likely() -> None:
    counts = np.bincount([int(PARAMETERS[3].at(u)) + 3 for u in np.linspace(0, 1, 1300, endpoint=False) + 1e-6])
    assert set(counts) == {100}


@pytest.mark.parametrize(
    ("make", "pointer", "words"),
    [
        (lambda: Float(name="x", low=2.0, high=1.0), "/x/low", "empty"),
        (lambda: Float(name="x", low=0.0, high=1.0, log=True), "/x/low", "low > 0"),
        (lambda: Float(name="x", low=0.0, high=float("inf")), "/x", "finite"),
        (lambda: Float(name="x", low=0.0, high=1.0, step=-1.0), "/x/step", "positive"),
        (lambda: Int(name="x", low=0.5, high=2), "/x/low", "whole"),
        (lambda: Categorical(name="x", choices=()), "/x/choices", "no choices"),
        (lambda: Categorical(name="x", choices=("a", "a")), "/x/choices/1", "twice"),
        (lambda: Space(()), "/parameters", "no parameters"),
        (lambda: Space((PARAMETERS[0], PARAMETERS[0])), "/parameters/f", "two parameters"),
        (
            lambda: Space((Float(name="x", low=0, high=1, when=conditions({"y": 1})),)),
            "/parameters/x/when/y",
            "no parameter",
        ),
        (
            lambda: Space(
                (
                    Categorical(name="a", choices=(1, 2), when=conditions({"b": 1})),
                    Categorical(name="b", choices=(1, 2), when=conditions({"a": 1})),
                )
            ),
            "/parameters/a/when",
            "circle",
        ),
        (lambda: Space((PARAMETERS[0],), (InputConstraint(["<=", ["var", "q"], 1]),)), "/constraints", "'q'"),
        (lambda: InputConstraint(["+", 1, 2]), "/constraints", "not a comparison"),
        (lambda: InputConstraint(["<=", ["system", "ls"], 2]), "/constraints", "unknown operator"),
        (lambda: Objective("y", "up"), "/objectives/y/goal", "min or max"),  # type: ignore[arg-type]
        (lambda: OutcomeConstraint("c", "<", 1.0), "/constraints/c", "not a bound"),  # type: ignore[arg-type]
        (
            lambda: Study(Space((PARAMETERS[0],)), (Objective("y"),), guesses=({"f": 7.0},)),
            "/guesses/0/f",
            "outside",
        ),
        (lambda: Trial(1, {}, "done"), "/state", "unknown state"),  # type: ignore[arg-type]
        (lambda: Observations((Trial(1, {}), Trial(1, {}))), "/trials", "two trials"),
        (lambda: Observations((Trial(1, {}),), (Comparison((1,), (2,)),)), "/comparisons", "unknown"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(make: Any, pointer: str, words: str) -> None:
    with pytest.raises(InvalidProblem, match=words) as caught:
        make()
    assert caught.value.pointer == pointer


def test_a_point_is_checked_against_its_conditions() -> None:
    good = {"rate": 0.1, "layers": 2, "kind": "b", "slope": 0.5}
    MIXED_SPACE.check(good)
    for point, words in (
        ({**good, "kind": "a"}, "not active"),
        ({k: v for k, v in good.items() if k != "slope"}, "no value"),
        ({**good, "layers": 2.5}, "whole"),
        ({**good, "layers": True}, "finite number"),
        ({**good, "speed": 1}, "no parameter is called"),
        ({**good, "rate": float("nan")}, "finite"),
    ):
        with pytest.raises(InvalidProblem, match=words):
            MIXED_SPACE.check(point)


def test_conditions_hold_to_any_depth() -> None:
    space = Space(
        (
            Int(name="deep", low=0, high=9, when=conditions({"mid": ["x"]})),
            Categorical(name="top", choices=("on", "off")),
            Categorical(name="mid", choices=("x", "y"), when=conditions({"top": "on"})),
        )
    )
    assert [p.name for p in space.active({"top": "on", "mid": "x"})] == ["top", "mid", "deep"]
    assert [p.name for p in space.active({"top": "off", "mid": "x"})] == ["top"]
    rows = every_row(Encoding(space), 1000)
    assert rows is not None
    assert len(rows) == 1 + 1 + 10
    for row in rows:
        space.check(Encoding(space).point(row))


def test_rows_and_points_are_the_same_thing() -> None:
    encoding = Encoding(MIXED_SPACE)
    rows = encoding.complete(sobol(encoding, 200, 0))
    points = [encoding.point(row) for row in rows]
    for point in points:
        MIXED_SPACE.check(point)
    assert np.allclose(encoding.places(points), rows, equal_nan=True)
    assert encoding.keys(encoding.places(points)) == encoding.keys(rows)


def test_snapping_agrees_with_the_parameters_own_levels() -> None:
    space = Space(tuple(PARAMETERS))
    encoding = Encoding(space)
    rows = np.random.default_rng(0).random((300, len(PARAMETERS)))
    snapped = encoding.snap(rows)
    for i, parameter in enumerate(PARAMETERS):
        for before, after in zip(rows[:, i], snapped[:, i], strict=True):
            assert parameter.unit(parameter.at(float(before))) == pytest.approx(after, abs=1e-9)


def test_input_constraints_compute_and_never_break() -> None:
    both = InputConstraint(
        ["and", ["<=", ["+", ["var", "x"], ["*", 2, ["var", "y"]]], 3], [">", ["log", ["var", "x"]], 0]]
    )
    assert both.holds({"x": 1.5, "y": 0.5})
    assert not both.holds({"x": 1.5, "y": 1.0})
    assert not both.holds({"x": 0.0, "y": 0.0})
    assert both.holds({"y": 9.0})
    assert not InputConstraint(["<=", ["/", 1, ["var", "x"]], 1]).holds({"x": 0})
    assert InputConstraint(["==", ["var", "k"], "a"]).holds({"k": "a"})


def test_json_forms_come_back_the_same() -> None:
    space = Space((*PARAMETERS, *MIXED_SPACE.parameters), MIXED_SPACE.constraints)
    study = Study(
        space,
        (Objective("y", "max", 3.0), Objective("z")),
        (OutcomeConstraint("c", "<=", 2.0),),
        noise="high",
        trials=50,
        parallel=4,
        evaluation_seconds=2.0,
    )
    assert Study.from_json(json.loads(json.dumps(study.to_json()))) == study
    seen = Observations(
        (
            Trial(2, {"f": 1.0}, "stopped", curves={"y": ((1.0, 2.0), (2.0, 1.5))}, cost=3.0, reason="slow"),
            Trial(1, {"f": 0.5}, values={"y": 1.0}, constraints={"c": 0.5}, noise={"y": 0.1}),
        ),
        (Comparison((1,), (2,)),),
    )
    again = Observations.from_json(json.loads(json.dumps(seen.to_json())))
    assert again == seen
    assert again.digest == seen.digest
    assert [trial.number for trial in again.trials] == [1, 2]
    assert Observations(seen.trials[:1]).digest != seen.digest


def test_a_condition_on_a_value_that_the_parent_does_not_have_is_never_met() -> None:
    optimizer = Categorical(name="optimizer", choices=("adam", "lion"))
    momentum = Float(name="momentum", low=0.0, high=1.0, when=conditions({"optimizer": "sgd"}))
    study = Study(Space((optimizer, Float(name="lr", low=0.0, high=1.0), momentum)), (Objective("y"),))
    encoding = Encoding(study.space)

    assert np.isnan(encoding.complete(sobol(encoding, 64, 0))[:, 2]).all()
    advisor = registry.load("study", "gp").create(study, seed=0)
    trials: list[Trial] = []
    for k in range(8):
        advisor.update(Observations(tuple(trials)))
        point = advisor.suggest(1)[0].parameters
        trials.append(Trial(k, point, values={"y": float(point["lr"])}))
        assert set(point) == {"optimizer", "lr"}
