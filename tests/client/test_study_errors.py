"""The client refuses a study with the pointer that the server would give."""

from __future__ import annotations

import json
from typing import Any

import kantor
import pytest
from kantor.studies import study_request
from kantor.studies_space import space_fields
from kantor.studies_trial import numbers
from kantor.wire.study_routes import make

from api_schemas.errors import KantorError
from api_schemas.studies import StudyRequest, TellRequest
from service.rest.parsing import parse

WRONG: list[dict[str, Any]] = [
    {"x": {"type": "float", "low": 2, "high": 1}},
    {"x": {"type": "float", "low": 0, "high": 1, "log": True}},
    {"float": {"type": "float", "low": 2, "high": 1}},
    {"x": kantor.Float(0, 1), "y": {"type": "flaot", "low": 0, "high": 1}},
    {"x": {"type": "float", "low": 0}},
    {"x": {"low": 0, "high": 1}},
    {"x": {"type": "int", "low": 0, "high": 1, "hi": 2}},
    {"x": kantor.Int(0, 1, when={"y": 1})},
    {"x": {"type": "categorical", "choices": ["a", "a"]}},
]


@pytest.mark.parametrize("space", WRONG)
def test_client_and_server_point_at_the_same_field(space: dict[str, Any]) -> None:
    fields = {"name": "a", "objectives": {"f": "min"}, "space": space_fields(space)}
    with pytest.raises(kantor.InvalidRequest) as here:
        make(StudyRequest, fields)
    with pytest.raises(KantorError) as there:
        parse(StudyRequest, json.dumps(fields).encode())

    assert [error.pointer for error in here.value.errors] == [error.pointer for error in there.value.errors]


def test_text_is_no_value() -> None:
    with pytest.raises(kantor.KantorError, match="the value of 'loss' must be a number, not '1'"):
        numbers({"loss": "1"})
    with pytest.raises(kantor.InvalidRequest, match="/values/loss: should be a number, but is text"):
        make(TellRequest, {"values": {"loss": "1"}})


def test_a_study_by_preference_needs_no_objectives() -> None:
    space = {"x": kantor.Float(0, 1)}
    for objectives, settings in (("preference", {}), ("min", {"preference": True})):
        made = study_request("s", space, objectives, None, settings)
        assert (made.preference, made.objectives) == (True, {})
    with pytest.raises(kantor.InvalidRequest, match="neither objectives nor constraints"):
        study_request("s", space, {"f": "min"}, None, {"preference": True})


def test_a_parameter_that_is_never_active_is_warned_of() -> None:
    space = {"a": kantor.Categorical([1, 2]), "b": kantor.Float(0, 1, when={"a": [2, 3]})}
    with pytest.warns(UserWarning, match="'b' has a condition that is never met: of 'a', 3 is not one of 1, 2"):
        study_request("s", space, "min", None, {})


@pytest.mark.parametrize(
    "make_one",
    [
        lambda: kantor.Float(1, 0),
        lambda: kantor.Float(0, 1, log=True),
        lambda: kantor.Int(1, 4, step=0),
        lambda: kantor.Fidelity(9, 3),
        lambda: kantor.Categorical([]),
        lambda: kantor.Ordinal(["a", "a"]),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_where_it_is_made(make_one: Any) -> None:
    with pytest.raises(kantor.InvalidRequest):
        make_one()


def test_objectives_go_by_name_and_by_optuna_s_words() -> None:
    space = {"x": kantor.Float(0, 1)}
    with pytest.raises(kantor.KantorError, match="objectives are given by name"):
        study_request("s", space, ["l"], None, {})  # type: ignore[arg-type]
    assert study_request("s", space, {"l": "maximize"}, None, {"engine": "GP"}).objectives == {"l": "max"}
