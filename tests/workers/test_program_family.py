"""Documents of the contract to the solvers' types, and answers to documents of the contract."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from api_schemas.jobs import Inspection, JobRequest, JobSummary
from api_schemas.programs import ProgramAnswer as AnswerModel
from solvers.core.certificate import Certificate, Check
from solvers.core.errors import SolverError
from solvers.programs.answer import Basis, InfeasibleSubsystem, ProgramAnswer, Relaxation, ScenarioAnswer, Solution
from tests.workers.folder import ARTIFACT, Folder
from workers.families import Refusal, Work
from workers.families.program import FAMILY
from workers.families.program_encode import encode

TWO_ROWS: dict[str, Any] = {
    "kind": "program",
    "sense": "max",
    "objective": [1.0, 2.0, 3.0],
    "A": {"format": "csr", "shape": [2, 3], "data": [1, 2, 3], "indices": [0, 1, 2], "indptr": [0, 2, 3]},
    "row_lower": ["-Infinity", 0.0],
    "row_upper": [4.0, "Infinity"],
    "upper": [1.0, "Infinity", 7.0],
    "integrality": [0, 1, 0],
    "variable_names": ["a", "b", "c"],
}


@pytest.fixture
def files(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def _decode(files: Folder, problem: dict[str, Any], options: dict[str, Any] | None = None) -> Work:
    document = {"problem": problem, "options": options or {}}
    return FAMILY.decode(orjson.loads(orjson.dumps(document)), files)


def _fault(files: Folder, problem: dict[str, Any], options: dict[str, Any] | None = None) -> tuple[str, str]:
    with pytest.raises((Refusal, SolverError)) as caught:
        _decode(files, problem, options)
    error = caught.value
    pointer = error.errors[0]["pointer"] if isinstance(error, Refusal) else error.pointer
    return error.code, pointer


def _raw(array: np.ndarray) -> dict[str, Any]:
    content = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "base64": content}


def _same(a: Work, b: Work) -> bool:
    p, q = a.problem, b.problem
    arrays = ("c", "row_lower", "row_upper", "lower", "upper", "integrality")
    return all(np.array_equal(getattr(p, name), getattr(q, name)) for name in arrays) and (p.A != q.A).nnz == 0


def test_a_program_of_lists_is_read_with_infinities_and_defaults(files: Folder) -> None:
    work = _decode(files, TWO_ROWS, {"time_limit": 3.0, "memory_limit": 100, "threads": 2, "relative_gap": None})
    p = work.problem
    assert (p.sense, p.n, p.m) == ("max", 3, 2)
    assert p.row_lower.tolist() == [-np.inf, 0.0]
    assert p.lower.tolist() == [0.0, 0.0, 0.0]
    assert p.A.toarray().tolist() == [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    assert (work.time_limit, work.memory_limit, work.threads, work.sense) == (3.0, 100, 2, "max")
    assert work.options == {"time_limit": 3.0, "threads": 2}


def test_raw_bytes_and_artifacts_give_the_same_program_as_lists(files: Folder) -> None:
    np.savez(
        files.folder / "program.npz",
        objective=np.array([1.0, 2.0, 3.0]),
        data=np.array([1.0, 2.0, 3.0], dtype=np.float32),
        indices=np.array([0, 1, 2], dtype=np.int32),
        row_upper=np.array([4.0, np.inf]),
    )
    (files.folder / "program.npz").rename(files.folder / ARTIFACT)
    part = {"artifact": ARTIFACT}
    other = {
        **TWO_ROWS,
        "objective": {**part, "member": "objective"},
        "A": {
            **TWO_ROWS["A"],
            "data": {**part, "member": "data"},
            "indices": {**part, "member": "indices"},
            "indptr": _raw(np.array([0, 2, 3], dtype=np.int64)),
        },
        "row_lower": _raw(np.array([-np.inf, 0.0])),
        "row_upper": {**part, "member": "row_upper"},
        "integrality": _raw(np.array([0, 1, 0], dtype=np.uint8)),
    }
    assert _same(_decode(files, TWO_ROWS), _decode(files, other))


def test_a_plain_npy_and_coordinates_are_read(files: Folder) -> None:
    np.save(files.folder / "x.npy", np.array([1.0, 2.0, 3.0]))
    (files.folder / "x.npy").rename(files.folder / ARTIFACT)
    coo = {"format": "coo", "shape": [2, 3], "data": [1, 1, 1, 3], "row": [0, 0, 0, 1], "col": [0, 1, 1, 2]}
    other = {**TWO_ROWS, "objective": {"artifact": ARTIFACT}, "A": coo}
    assert _same(_decode(files, TWO_ROWS), _decode(files, other))


def _npz_bomb() -> bytes:
    """A member whose header promises a terabyte."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }"
    header += b" " * (-(10 + len(header) + 1) % 64) + b"\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(8_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", member)
    return buffer.getvalue()


def _npz_of_objects() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [_npz_bomb(), _npz_of_objects(), b"", b"PK\x03\x04 and no more", b"\x93NUMPY\x01\x00\xff\xff", b"MPS file"],
    ids=["bomb", "objects", "empty", "cut zip", "cut npy", "other"],
)
def test_files_that_are_no_honest_arrays_are_refused(files: Folder, content: bytes) -> None:
    (files.folder / ARTIFACT).write_bytes(content)
    code, pointer = _fault(files, {**TWO_ROWS, "objective": {"artifact": ARTIFACT, "member": "x"}})
    assert code == "invalid-problem"
    assert pointer.startswith("/problem/objective")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"objective": [1.0, "x", 3.0]}, "/problem/objective/1"),
        ({"objective": [1.0, "NaN", 3.0]}, "/problem/objective/1"),
        ({"objective": {"dtype": "float64", "shape": [3], "base64": "AAAA"}}, "/problem/objective/base64"),
        ({"objective": {"dtype": "float64", "shape": [1, 3], "base64": "A" * 32}}, "/problem/objective"),
        ({"objective": {"artifact": ARTIFACT}}, "/problem/objective/artifact"),
        ({"upper": _raw(np.array([-1.0, 1.0, 1.0]))}, "/problem/lower/0"),
        ({"A": {**TWO_ROWS["A"], "indices": [0, 1, 9]}}, "/problem/A/indices/2"),
        ({"A": {**TWO_ROWS["A"], "indptr": _raw(np.array([0, 5, 3]))}}, "/problem/A/indptr/2"),
        ({"integrality": _raw(np.array([0.0, 1.0, 0.0]))}, "/problem/integrality"),
        ({"variable_names": ["a", "a", "c"]}, "/problem/variable_names/1"),
    ],
)
def test_what_is_wrong_in_arrays_is_named_by_its_pointer(files: Folder, change: dict[str, Any], pointer: str) -> None:
    assert _fault(files, {**TWO_ROWS, **change})[1] == pointer


def test_a_warm_start_is_taken_by_position_or_by_name(files: Folder) -> None:
    by_position = _decode(files, TWO_ROWS, {"start": {"primal": [1.0, "NaN", 2.0]}}).options["start"]
    by_name = _decode(files, TWO_ROWS, {"start": {"primal": {"a": 1.0, "c": 2.0}}}).options["start"]
    assert np.array_equal(by_position.x, by_name.x, equal_nan=True)
    unnamed = {name: value for name, value in TWO_ROWS.items() if name != "variable_names"}
    assert _decode(files, unnamed, {"start": {"primal": {"x2": 2.0}}}).options["start"].x[2] == 2.0
    fault = _fault(files, TWO_ROWS, {"start": {"primal": {"d/e": 1.0}}})
    assert fault == ("invalid-option", "/options/start/primal/d~1e")
    assert _fault(files, TWO_ROWS, {"start": {"row_duals": [1.0]}})[1] == "/options/start/row_duals"


def test_engine_options_are_passed_on_and_shared_ones_among_them_refused(files: Folder) -> None:
    work = _decode(files, TWO_ROWS, {"threads": 2, "engine_options": {"ipm_tolerance": 1.0}})
    assert work.options == {"threads": 2, "ipm_tolerance": 1.0}
    assert _fault(files, TWO_ROWS, {"engine_options": {"threads": 2}}) == (
        "invalid-option",
        "/options/engine_options/threads",
    )


def test_model_files_are_read_from_text_base64_and_artifact(files: Folder) -> None:
    text = "Maximize\n obj: x + 2 y\nSubject To\n c1: x + y <= 3\nEnd\n"
    (files.folder / ARTIFACT).write_text(text)
    sources: list[dict[str, Any]] = [
        {"content": text},
        {"base64": base64.b64encode(text.encode()).decode()},
        {"artifact": ARTIFACT},
    ]
    for source in sources:
        work = _decode(files, {"kind": "program", "name": "mine", "file": {"filename": "model.lp", **source}})
        assert (work.problem.name, work.problem.sense, work.problem.n) == ("mine", "max", 2)


def _encoded(work: Work, answer: ProgramAnswer, files: Folder, limit: int = 1 << 18) -> tuple[AnswerModel, Any]:
    certificate = Certificate((Check("primal-feasibility", "passed", "It holds.", 0.0, 1e-6),), 0.1)
    encoded = encode(work, answer, certificate, files, inline_limit=limit)
    JobSummary.model_validate(encoded.summary)
    return AnswerModel.model_validate_json(encoded.document), orjson.loads(encoded.document)


FULL = ProgramAnswer(
    status="optimal",
    objective=3.0,
    bound=float("inf"),
    x=np.array([1.0, 2.0, 3.0]),
    row_duals=np.array([0.5, -np.inf]),
    reduced_costs=np.array([0.0, 1.0, np.nan]),
    row_activity=np.array([5.0, 9.0]),
    basis=Basis(np.array([0, 1, 2], dtype=np.int8), np.array([3, 4], dtype=np.int8)),
    pool=(Solution(2.0, np.zeros(3)),),
    iis=InfeasibleSubsystem(((0, "lower"),), ((1, "upper"),), (2,)),
    relaxation=Relaxation(1.5, {np.int64(0): -1.5}, {}),
    statistics={"nodes": np.int64(3), "ratio": np.float64("inf"), "seconds": 0.25, "list": (1, 2.5), "big": 2**80},
    engine="highs",
    engine_version="1.14.0",
    why="asked for",
)


def test_an_answer_fits_the_contract_and_infinities_are_strings(files: Folder) -> None:
    model, plain = _encoded(_decode(files, TWO_ROWS), FULL, files)
    assert model.primal == [1.0, 2.0, 3.0]
    assert model.bound == float("inf")
    assert plain["bound"] == "Infinity"
    assert plain["row_duals"] == [0.5, "-Infinity"]
    assert plain["reduced_costs"][2] == "NaN"
    assert model.basis is not None
    assert model.basis.variables == [0, 1, 2]
    assert model.iis is not None
    assert model.iis.bounds[0].name == "b"
    assert model.relaxation is not None
    assert model.relaxation.rows == {0: -1.5}
    assert model.variable_names == ["a", "b", "c"]
    assert model.certificate is not None
    assert model.certificate.verified
    assert model.statistics["ratio"] == "Infinity"


def test_only_the_parts_that_were_asked_for_are_kept(files: Folder) -> None:
    model, _ = _encoded(_decode(files, TWO_ROWS, {"include": ["primal"]}), FULL, files)
    assert model.primal is not None
    assert (model.row_duals, model.reduced_costs, model.row_activity, model.basis) == (None, None, None, None)
    assert (model.pool, model.variable_names) == ([], None)


def test_large_arrays_go_into_one_artifact_that_opens_without_pickle(files: Folder) -> None:
    model, plain = _encoded(_decode(files, TWO_ROWS), FULL, files, limit=10)
    assert plain["primal"] == {"artifact": ARTIFACT, "member": "primal"}
    assert model.arrays_artifact == ARTIFACT
    assert model.basis is not None
    assert plain["basis"]["rows"] == [3, 4]
    with np.load(files.folder / ARTIFACT, allow_pickle=False) as arrays:
        assert arrays["primal"].tolist() == [1.0, 2.0, 3.0]
        assert arrays["row_duals"].tolist() == [0.5, -np.inf]
        assert arrays["pool/0"].shape == (3,)


def test_large_names_go_along(files: Folder) -> None:
    names = [f"variable number {k}" for k in range(40)]
    work = _decode(files, {"kind": "program", "objective": [1.0] * 40, "variable_names": names})
    _, plain = _encoded(work, ProgramAnswer(status="optimal", x=np.ones(40)), files, limit=500)
    assert plain["variable_names"] is None
    with np.load(files.folder / ARTIFACT, allow_pickle=False) as arrays:
        assert arrays["variable_names"].tolist() == names


def test_scenarios_are_answered_by_name_and_many_small_vectors_count_as_large(files: Folder) -> None:
    table = {"count": 2, "row_upper": {"indices": [0], "values": [[1.0], ["Infinity"]]}, "names": ["low", "high"]}
    work = _decode(files, {**TWO_ROWS, "scenarios": table})
    assert work.extra["scenarios"].row_upper.values.tolist() == [[1.0], [np.inf]]
    answers = tuple(ScenarioAnswer("optimal", 1.0, 1.0, np.ones(3), np.ones(2), True, 4) for _ in range(2))
    answer = ProgramAnswer(status="optimal", scenarios=answers)
    model, _ = _encoded(work, answer, files)
    assert [scenario.name for scenario in model.scenarios] == ["low", "high"]
    assert model.scenarios[0].primal == [1.0, 1.0, 1.0]
    _, plain = _encoded(work, answer, files, limit=60)
    assert plain["scenarios"][1]["row_duals"] == {"artifact": ARTIFACT, "member": "scenarios/1/row_duals"}


def test_an_inspection_fits_the_contract(files: Folder) -> None:
    found = Inspection.model_validate_json(FAMILY.inspect(_decode(files, TWO_ROWS)))
    assert found.kind == "program"
    assert found.summary


def test_documents_come_as_the_api_writes_them(files: Folder) -> None:
    """With every default filled in."""
    request = JobRequest.model_validate({"problem": TWO_ROWS, "options": {"time_limit": 2.0}})
    document = orjson.loads(request.model_dump_json(include={"problem", "options"}))
    assert _same(FAMILY.decode(document, files), _decode(files, TWO_ROWS))
