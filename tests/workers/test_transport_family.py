"""Transport documents of the contract to the solvers' types, and answers to documents of the contract."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import scipy.sparse as sp

from api_schemas.jobs import Inspection, JobRequest, JobSummary
from api_schemas.transport import TransportAnswer as AnswerModel
from solvers.core.certificate import Certificate, Check
from solvers.core.errors import SolverError
from solvers.transport.answer import TransportAnswer
from solvers.transport.plan import LowRankPlan, PotentialPlan, SparsePlan
from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport, TransportBatch
from tests.workers.folder import ARTIFACT, Folder
from workers.families import Refusal, Work
from workers.families.transport import FAMILY
from workers.families.transport_encode import encode

LINE: dict[str, Any] = {"kind": "transport", "x": [0.0, 1.0], "y": [0.5, 2.0, 3.0]}


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def decode(files: Folder, problem: dict[str, Any], options: dict[str, Any] | None = None) -> Work:
    """As the API stores it and the runner reads it."""
    request = JobRequest.model_validate({"problem": problem, "options": options or {}})
    document = {
        "problem": request.problem.model_dump(exclude_unset=True, mode="json"),
        "options": request.options.model_dump(exclude_unset=True, mode="json"),
    }
    return FAMILY.decode(orjson.loads(orjson.dumps(document)), files)


def test_a_coupling_by_lists(files: Folder) -> None:
    problem = decode(files, {**LINE, "a": [0.25, 0.75], "cost": "l1"}).problem
    assert isinstance(problem, Transport)
    assert (problem.n, problem.m, problem.d, problem.cost) == (2, 3, 1, "l1")
    assert problem.a.tolist() == [0.25, 0.75]
    assert problem.b.sum() == pytest.approx(1.0)


def test_arrays_come_as_bytes_and_from_artifacts(files: Folder) -> None:
    x = np.arange(12.0).reshape(4, 3)
    np.savez(files.folder / ARTIFACT, y=x + 1.0)
    (files.folder / f"{ARTIFACT}.npz").rename(files.folder / ARTIFACT)
    raw = {"dtype": "float64", "shape": [4, 3], "base64": base64.b64encode(x.tobytes()).decode()}
    given = {"kind": "transport", "x": raw, "y": {"artifact": ARTIFACT, "member": "y"}}
    problem = decode(files, given).problem
    assert (problem.x == x).all()
    assert (problem.y == x + 1.0).all()


def test_images_matrices_and_the_other_types(files: Folder) -> None:
    image = [[1.0, 2.0], [0.0, 1.0]]
    assert decode(files, {"kind": "transport", "A": image, "B": image}).problem.grid_a == (2, 2)
    assert decode(files, {"kind": "transport", "M": [[1.0, 2.0]]}).problem.cost == "matrix"
    gromov = decode(files, {"kind": "transport", "type": "gromov", "x": [[0, 1], [2, 3]], "D": [[0, 1], [1, 0]]})
    assert isinstance(gromov.problem, Gromov)
    assert isinstance(decode(files, {**LINE, "type": "sliced", "projections": 7}).problem, Sliced)
    measures = [{"points": [0.0, 1.0], "weights": [1.0, 3.0]}, {"points": [2.0]}]
    barycenter = decode(files, {"kind": "transport", "type": "barycenter", "measures": measures}).problem
    assert isinstance(barycenter, Barycenter)
    assert barycenter.measures[0].weights.tolist() == [0.25, 0.75]
    images = decode(files, {"kind": "transport", "type": "barycenter", "images": [image, image]}).problem
    assert images.grid == (2, 2)
    batch = decode(files, {"kind": "transport", "type": "batch", "problems": [LINE, {**LINE, "cost": "euclidean"}]})
    assert isinstance(batch.problem, TransportBatch)
    assert [one.cost for one in batch.problem.problems] == ["sqeuclidean", "euclidean"]


def test_a_collection_is_all_its_pairs(files: Folder) -> None:
    ragged = {"points": [0.0, 1.0, 5.0, 6.0, 7.0, 9.0], "weights": [1, 1, 1, 1, 2, 3], "offsets": [0, 2, 5, 6]}
    problems = decode(files, {"kind": "transport", "type": "batch", "collection": ragged}).problem.problems
    assert [(one.n, one.m) for one in problems] == [(2, 3), (2, 1), (3, 1)]
    assert problems[2].a.tolist() == [0.25, 0.25, 0.5]
    common = {"points": [[0, 0], [0, 1], [1, 0]], "weights": [[1, 1, 0], [0, 2, 2]]}
    given = {"kind": "transport", "type": "batch", "collection": common, "pairs": [1, 0], "cost": "euclidean"}
    (one,) = decode(files, given).problem.problems
    assert one.x.tolist() == [[0, 1], [1, 0]]
    assert one.y.tolist() == [[0, 0], [0, 1]]


def test_the_regularization_may_come_with_the_solve(files: Folder) -> None:
    work = decode(files, LINE, {"regularization": 0.1, "relative": True, "regularizer": "quadratic"})
    found = work.problem.regularization
    assert (found.kind, found.strength, found.relative) == ("quadratic", 0.1, True)
    assert "regularization" not in work.options
    with pytest.raises(Refusal, match="of its own") as twice:
        decode(files, {**LINE, "regularization": 0.2}, {"regularization": 0.1})
    assert twice.value.errors[0]["pointer"] == "/options/regularization"


def test_a_start_is_potentials_of_the_right_size(files: Folder) -> None:
    start = decode(files, LINE, {"start": {"f": [1.0, 2.0]}}).options["start"]
    assert start.f.tolist() == [1.0, 2.0]
    assert start.g is None
    with pytest.raises(Refusal, match="2 potentials for 3 points"):
        decode(files, LINE, {"start": {"g": [1.0, 2.0]}})


WRONG = {
    "/problem/x/1": {**LINE, "x": [[0, 1], [2]]},
    "/problem/y": {**LINE, "y": [[0, 1], [2, 3]]},
    "/problem/a/0": {**LINE, "a": [-1.0, 2.0]},
    "/problem/a": {**LINE, "a": [0.0, 0.0]},
    "/problem/b": {**LINE, "b": [1.0, 1.0, 1.0]},
    "/problem/x": {**LINE, "x": [1e80, 0.0]},
    "/problem/mass": {**LINE, "variant": "partial", "mass": 2.0},
    "/problem/regularization": {**LINE, "regularizer": "quadratic", "max_nonzeros": 2},
    "/problem/problems/1/a/1": {"kind": "transport", "type": "batch", "problems": [LINE, {**LINE, "a": [1, -1]}]},
    "/problem/pairs/1": {
        "kind": "transport",
        "type": "batch",
        "collection": {"points": [0.0, 1.0], "offsets": [0, 1, 2]},
        "pairs": [0, 2],
    },
    "/problem/collection/offsets": {
        "kind": "transport",
        "type": "batch",
        "collection": {"points": [0.0, 1.0], "offsets": [0, 1, 3]},
    },
    "/problem/measures/1/weights": {
        "kind": "transport",
        "type": "barycenter",
        "measures": [{"points": [0.0]}, {"points": [0.0, 1.0], "weights": [0.0, 0.0]}],
    },
}


@pytest.mark.parametrize("pointer", WRONG)
def test_what_is_wrong_is_named_by_its_pointer(pointer: str, files: Folder) -> None:
    with pytest.raises((Refusal, SolverError)) as caught:
        decode(files, WRONG[pointer])
    error = caught.value
    found = error.errors[0]["pointer"] if isinstance(error, Refusal) else error.pointer
    assert found == pointer


def coupling(form: str) -> TransportAnswer:
    n, m = 3, 4
    plan: Any = SparsePlan(sp.csr_array(np.full((n, m), 1 / 12)))
    if form == "potential":
        plan = PotentialPlan(np.zeros(n), np.zeros(m), 0.5, np.zeros(n), np.ones(m))
    elif form == "low-rank":
        plan = LowRankPlan(np.full((n, 1), 1 / 3), np.full((m, 1), 1 / 4), np.ones(1))
    return TransportAnswer(
        status="optimal",
        cost=2.0,
        bound=1.5,
        plan=plan,
        f=np.arange(3.0),
        g=np.arange(4.0),
        statistics={"trace": [[0, 1]]},
    )


CERTIFICATE = Certificate((Check("gap", "passed", "It is closed."),), 0.1)


@pytest.mark.parametrize("limit", [0, 1 << 20])
@pytest.mark.parametrize("form", ["sparse", "potential", "low-rank"])
def test_every_form_of_plan_fits_the_contract_in_place_or_apart(form: str, limit: int, files: Folder) -> None:
    work = decode(files, LINE)
    encoded = encode(work, coupling(form), CERTIFICATE, files, inline_limit=limit)
    model = AnswerModel.model_validate_json(encoded.document)
    assert model.plan is not None
    assert model.plan.form == form
    assert model.gap == 0.25
    assert (model.arrays_artifact is None) == (limit > 0)
    assert isinstance(model.f, list) == (limit > 0)
    if limit == 0:
        with zipfile.ZipFile(files.folder / ARTIFACT) as archive:
            assert "f.npy" in archive.namelist()
    summary = JobSummary.model_validate(encoded.summary)
    assert (summary.objective, summary.bound, summary.proved) == (2.0, 1.5, True)


def test_parts_are_left_out_where_only_some_are_wanted(files: Folder) -> None:
    work = decode(files, LINE, {"include": ["potentials"]})
    document = orjson.loads(encode(work, coupling("sparse"), CERTIFICATE, files, inline_limit=1 << 20).document)
    assert "plan" not in document
    assert document["f"] == [0.0, 1.0, 2.0]
    assert "trace" not in document["statistics"]


def test_a_batch_keeps_columns_and_a_collection_nothing_more(files: Folder) -> None:
    unknown = TransportAnswer(status="no-solution")
    answer = TransportAnswer(status="no-solution", batch=(coupling("sparse"), unknown))
    listed = decode(files, {"kind": "transport", "type": "batch", "problems": [LINE, LINE]})
    whole = AnswerModel.model_validate_json(encode(listed, answer, CERTIFICATE, files, inline_limit=1 << 20).document)
    assert whole.batch is not None
    assert whole.batch.cost == [2.0, "NaN"]
    assert [item.status for item in whole.batch.answers] == ["optimal", "no-solution"]
    pairs = {"kind": "transport", "type": "batch", "collection": {"points": [0.0, 1.0], "offsets": [0, 1, 2]}}
    columns = AnswerModel.model_validate_json(
        encode(decode(files, pairs), answer, CERTIFICATE, files, inline_limit=1 << 20).document
    )
    assert columns.batch is not None
    assert columns.batch.answers == []


@pytest.mark.parametrize(
    "problem",
    [
        LINE,
        {**LINE, "regularization": 1e-12},
        {**LINE, "a": [1e-14, 1.0], "normalize": True},
        {"kind": "transport", "M": [[1.0, 2.0]]},
        {"kind": "transport", "type": "batch", "problems": [LINE]},
        {**LINE, "type": "sliced"},
        {"kind": "transport", "type": "gromov", "x": [0.0, 1.0], "y": [0.0]},
        {"kind": "transport", "type": "barycenter", "measures": [{"points": [0.0]}]},
    ],
)
def test_every_problem_can_be_inspected(problem: dict[str, Any], files: Folder) -> None:
    report = Inspection.model_validate_json(FAMILY.inspect(decode(files, problem)))
    assert report.summary.endswith(".")
    assert report.details["features"]
    if problem.get("regularization"):
        assert any("Epsilon" in warning for warning in report.warnings)


def test_a_large_problem_says_what_it_would_need(files: Folder) -> None:
    np.save(files.folder / "points.npy", np.random.default_rng(0).random((40_000, 2)))
    (files.folder / "points.npy").rename(files.folder / ARTIFACT)
    reference = {"artifact": ARTIFACT}
    report = Inspection.model_validate_json(
        FAMILY.inspect(decode(files, {"kind": "transport", "x": reference, "y": reference}))
    )
    assert report.details["memory_mb"]["cost_matrix"] == pytest.approx(12_800)
    assert any("12,800 MB" in warning for warning in report.warnings)
