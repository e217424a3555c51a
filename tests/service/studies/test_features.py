"""What an engine must be able to do is said when a study is made, not at its first suggestion."""

from __future__ import annotations

from typing import Any

import pytest

from api_schemas.engines import Engine
from api_schemas.errors import KantorError
from api_schemas.studies import StudyRequest
from service import studies
from service.rest.study_changes import _fits
from solvers.core import registry
from solvers.studies.engines.features import features_of
from tests.service.studies.desk import StudyDesk

X = {"type": "float", "low": 0, "high": 1}
STUDIES: list[dict[str, Any]] = [
    {"space": {"x": X}},
    {"space": {"x": X, "n": {"type": "int", "low": 1, "high": 4}}, "objectives": {"a": "min", "b": "max"}},
    {"space": {"k": {"type": "categorical", "choices": ["a", "b"]}, "x": {**X, "when": {"k": "a"}}}},
    {"space": {"x": X}, "constraints": {"c": "<= 1"}, "input_constraints": ["x <= 0.5"], "noise": True},
    {"space": {"x": X, "s": {"type": "ordinal", "choices": [1, 2, 4]}, "e": {"type": "fidelity", "low": 1, "high": 9}}},
]


@pytest.mark.parametrize("fields", STUDIES)
def test_the_service_and_the_engines_name_the_same_features(desk: StudyDesk, fields: dict[str, Any]) -> None:
    from service.studies.work import described
    from solvers.studies.study import Study

    row = desk.make(**fields)
    assert studies.features(row.request).keys() == features_of(Study.from_json(described(row)))


def test_an_engine_that_cannot_is_refused_with_those_that_can() -> None:
    specs = [registry.load("study", name).spec for name in ("gp", "trust-region", "cma-es", "preference")]
    offered = [
        Engine(id=s.id, family="study", version=s.version, title=s.title, summary=s.summary, solves=sorted(s.solves))
        for s in specs
    ]
    two = {"name": "two", "space": {"x": X}, "objectives": {"a": "min", "b": "min"}, "engine": "trust-region"}
    wanted = StudyRequest.model_validate(two)
    with pytest.raises(KantorError) as refused:
        _fits(wanted, offered)
    (error,) = refused.value.errors
    assert (refused.value.code, error.pointer) == ("unsupported-problem", "/engine")
    assert error.detail == "trust-region does not take several objectives"
    assert error.hint == "engines that do: gp"
    _fits(wanted.model_copy(update={"engine": "gp"}), offered)
