"""Bilevel documents of the contract to the solvers' types, and answers back."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import ValidationError

from api_schemas.bilevel import BilevelAnswer as AnswerModel
from api_schemas.jobs import Inspection, JobRequest, JobSummary
from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.core.errors import SolverError
from tests.workers.folder import ARTIFACT, Folder
from workers.families import Refusal, Rescue, Work
from workers.families.bilevel import FAMILY

PRICES: dict[str, Any] = {
    "kind": "bilevel",
    "data": {"a": [10.0, 8.0], "S": [[2.0, 0.5], [0.5, 1.0]], "k": 1.0},
    "let": {"earned": "(p - k) @ q"},
    "upper": {"variables": {"p": {"shape": [2], "upper": 20, "lower": 0}}, "maximize": "earned"},
    "lower": {
        "variables": {"q": {"shape": [2], "lower": 0}},
        "maximize": "a @ q - q @ S @ q/2 - p @ q",
        "constraints": ["sum(q) <= 100"],
    },
}


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def decoded(files: Folder, problem: dict[str, Any], **options: Any) -> Work:
    request = JobRequest.model_validate({"problem": problem, "options": options})
    return FAMILY.decode(orjson.loads(request.model_dump_json(exclude_unset=True)), files)


def offered() -> list[Any]:
    return [registry.load("bilevel", name).spec for name in registry.names("bilevel")]


def test_a_document_is_decoded_solved_checked_and_encoded(files: Folder) -> None:
    work = decoded(files, PRICES, relative_gap=1e-7)
    assert work.sense == "max"
    choice = FAMILY.choose(work, "auto", offered())
    assert choice.engines == ("exact",)
    solved = FAMILY.certify(work, FAMILY.solve(work, "exact", choice.why, LocalContext()))
    encoded = FAMILY.encode(work, solved, files, inline_limit=1 << 18)
    answer = AnswerModel.model_validate_json(encoded.document)
    JobSummary.model_validate(encoded.summary)
    # without constraints the best price is (a + k)/2, and half of what is bought at cost
    assert answer.status == "globally-optimal"
    assert answer.upper is not None
    assert answer.lower is not None
    assert answer.upper["p"] == pytest.approx([5.5, 4.5], abs=1e-3)
    assert answer.lower["q"] == pytest.approx(np.linalg.solve([[2.0, 0.5], [0.5, 1.0]], [4.5, 3.5]), abs=1e-3)
    assert answer.objective == pytest.approx(16.571428, abs=1e-5)
    assert answer.bound == pytest.approx(16.571428, abs=1e-5)
    assert answer.certificate is not None
    assert answer.certificate.proved


def test_large_arrays_of_an_answer_go_into_an_artifact(files: Folder) -> None:
    work = decoded(files, PRICES)
    solved = FAMILY.certify(work, FAMILY.solve(work, "exact", "", LocalContext()))
    answer = AnswerModel.model_validate_json(FAMILY.encode(work, solved, files, inline_limit=8).document)
    assert answer.arrays_artifact == ARTIFACT
    with np.load(files.folder / ARTIFACT) as members:
        assert members["upper/p"] == pytest.approx([5.5, 4.5], abs=1e-3)


def test_data_may_be_bytes_or_artifacts(files: Folder) -> None:
    raw = np.array([[2.0, 0.5], [0.5, 1.0]])
    np.savez(files.folder / "given.npz", a=np.array([10.0, 8.0]))
    (files.folder / "given.npz").rename(files.folder / ARTIFACT)
    data = {
        "a": {"artifact": ARTIFACT, "member": "a", "shape": [2], "dtype": "float64"},
        "S": {"dtype": "float64", "shape": [2, 2], "base64": base64.b64encode(raw.tobytes()).decode()},
        "k": 1.0,
    }
    work = decoded(files, {**PRICES, "data": data})
    value = work.problem.forms.upper
    assert value.Q is not None
    wrong = {**data, "a": {**data["a"], "shape": [3]}}  # type: ignore[dict-item]
    with pytest.raises((Refusal, ValidationError)):
        decoded(files, {**PRICES, "data": wrong})


def test_a_start_is_read_by_name(files: Folder) -> None:
    work = decoded(files, PRICES, start={"upper": {"p": [1.0, 2.0]}})
    x, y = work.options["start"]
    assert x.tolist() == [1.0, 2.0]
    assert y.tolist() == [0.0, 0.0]
    with pytest.raises(Refusal, match="no upper variable 'r'"):
        decoded(files, PRICES, start={"upper": {"r": [1.0, 2.0]}})


def test_an_inspection_says_structure_and_size(files: Folder) -> None:
    found = Inspection.model_validate_json(FAMILY.inspect(decoded(files, PRICES)))
    assert "quadratic bilevel problem with 2 upper and 2 lower variables" in found.summary
    assert found.details["lower_strongly_convex"] is True
    assert found.details["complementarity_pairs"] == 3


def test_a_point_of_a_killed_engine_is_checked_like_any_other(files: Folder) -> None:
    work = decoded(files, PRICES)
    q = np.linalg.solve([[2.0, 0.5], [0.5, 1.0]], [4.5, 3.5])
    point = (99.0, np.concatenate([[5.5, 4.5], q]))
    rescued = FAMILY.rescue(work, Rescue("exact", "memory", "killed", point, None, ""))
    solved = FAMILY.certify(work, rescued)
    assert solved.answer.objective == pytest.approx(16.571428, abs=1e-5), "not the dead engine's word"
    assert solved.answer.status == "feasible"
    assert FAMILY.rescue(work, Rescue("exact", "memory", "killed", None, None, "")).status == "no-solution"


def test_a_bound_of_another_racer_may_prove_a_local_answer(files: Folder) -> None:
    # from (0, 0) the local optimum is another one, at which only one product is sold
    work = decoded(files, PRICES, start={"upper": {"p": [5.0, 4.0]}})
    local = FAMILY.certify(work, FAMILY.solve(work, "implicit", "", LocalContext()))
    assert local.answer.status in ("locally-stationary", "feasible")
    proved = FAMILY.adopt(work, local, bound=16.57142858, statistics={})
    assert proved.answer.status == "globally-optimal"
    assert FAMILY.adopt(work, local, bound=16.0, statistics={}).answer.status == local.answer.status


def _with(level: str, **changes: Any) -> dict[str, Any]:
    return {**PRICES, level: {**PRICES[level], **changes}}


@pytest.mark.parametrize(
    ("problem", "pointer", "words"),
    [
        (_with("upper", maximize="earnd"), "/upper/maximize", "unknown name 'earnd'"),
        (_with("upper", minimize="earned"), "/upper", "exactly one objective"),
        (_with("upper", maximize="p - k"), "/upper/maximize", "one number"),
        (_with("lower", maximize="a @ p"), "/lower/maximize", "uses none of the lower variables"),
        (_with("lower", constraints=["sum(q) + 100"]), "/lower/constraints/0", "compares two expressions"),
        (
            _with("lower", variables={"q": {"shape": [2], "integer": True}}),
            "/lower/maximize",
            "must be linear",
        ),
        ({**PRICES, "data": {**PRICES["data"], "b": 1.0}}, "/data/b", "never used"),
        (
            {
                **PRICES,
                "lower": {"variables": {"q": {"shape": [2]}}, "minimize": "p @ q - norm2sq(q)", "constraints": []},
                "upper": {"variables": {"p": {"shape": [2]}}, "minimize": "sum(S @ q)*k + sum(a)"},
                "let": {},
            },
            "/lower/minimize",
            "concave in 'q'",
        ),
        (
            {
                **PRICES,
                "lower": {"variables": {"q": {"shape": [2]}}, "minimize": "p @ q + a @ q", "constraints": []},
                "upper": {"variables": {"p": {"shape": [2]}}, "minimize": "sum(S @ q)*k"},
                "let": {},
            },
            "/lower/minimize",
            "unbounded",
        ),
    ],
)
def test_what_is_wrong_is_said_at_submit_with_its_place(problem: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        JobRequest.model_validate({"problem": problem})
    (error,) = refusal.value.errors()
    assert words in error["msg"]
    assert error["ctx"]["pointer"] == pointer


def test_options_of_an_engine_that_are_wrong_are_found_with_their_place(files: Folder) -> None:
    work = decoded(files, PRICES, engine_options={"system": "qr"})
    with pytest.raises(SolverError) as refusal:
        FAMILY.solve(work, "implicit", "", LocalContext())
    assert refusal.value.pointer == "/options/engine_options/system"
    with pytest.raises(Refusal, match="option of every engine"):
        decoded(files, PRICES, engine_options={"starts": 3})
