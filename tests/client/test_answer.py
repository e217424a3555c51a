"""Answers: values by name, vectors that lie on the server, other forms, words for people."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kantor
import numpy as np
import pytest
from kantor.answer import Answer
from rich.console import Console

from api_schemas.ids import encode, new_uuid
from api_schemas.programs import ProgramAnswer

ARTIFACT = encode("art", new_uuid())
CERTIFICATE = {
    "verified": True,
    "proved": False,
    "rests_on_engine": ["dual-bound"],
    "checks": [
        {
            "name": "primal-feasibility",
            "outcome": "passed",
            "text": "All rows hold.",
            "value": 1e-9,
            "tolerance": 1e-6,
        },
        {"name": "dual-bound", "outcome": "trusted", "text": "The search is the engine's."},
    ],
}
DOCUMENT: dict[str, Any] = {
    "status": "optimal",
    "objective": 36.0,
    "bound": 36.0,
    "gap": 0.0,
    "primal": [2.0, 6.0, 0.0],
    "row_duals": [0.0, 1.5],
    "reduced_costs": [0.0, 0.0, -1.0],
    "row_activity": [2.0, 12.0],
    "variable_names": ["doors", "windows", "<b>"],
    "constraint_names": ["plant 1", "plant 2"],
    "engine": "highs",
    "engine_version": "1.14.0",
    "certificate": CERTIFICATE,
}


def make(program: kantor.Program | None = None, fetch: Any = None, **changes: Any) -> Answer:
    job = SimpleNamespace(id="job_1", summary=SimpleNamespace(seconds=0.25), log=lambda: "lines\n")
    contract = ProgramAnswer.model_validate({**DOCUMENT, **changes})
    return Answer(contract, job=job, fetch=fetch or (lambda _: b""), problem=program)


def test_values_are_had_by_name_by_index_and_as_a_whole() -> None:
    answer = make()
    assert answer["doors"] == 2.0
    assert type(answer["doors"]) is float
    assert answer[1] == answer[np.int64(1)] == 6.0
    assert answer[-1] == 0.0
    assert list(answer[:2]) == [2.0, 6.0]
    assert answer.values() == {"doors": 2.0, "windows": 6.0, "<b>": 0.0}
    assert answer.values(nonzero=True) == {"doors": 2.0, "windows": 6.0}
    assert answer.duals_by_name() == {"plant 1": 0.0, "plant 2": 1.5}
    assert isinstance(answer.primal, np.ndarray)
    assert answer.primal is answer.primal


def test_unknown_variables_suggest_the_near_one() -> None:
    with pytest.raises(KeyError, match="did you mean 'doors'"):
        make()["door"]
    with pytest.raises(IndexError):
        make()[17]
    with pytest.raises(KeyError, match="named by its name or index"):
        make()[object()]


def test_programs_without_names_count_from_x0() -> None:
    answer = make(variable_names=None, constraint_names=None)
    assert answer["x1"] == 6.0
    assert list(answer.values()) == ["x0", "x1", "x2"]
    with pytest.raises(KeyError, match="x0 to x2"):
        answer["x3"]


def test_an_answer_without_a_point_says_so() -> None:
    answer = make(status="infeasible", objective=None, primal=None, message="The rows contradict each other.")
    assert answer.primal is None
    with pytest.raises(kantor.NoPoint, match=r"no point: its status is infeasible \(The rows"):
        answer["doors"]
    with pytest.raises(LookupError):
        answer.values()


def test_vectors_on_the_server_are_fetched_once_and_only_when_looked_at() -> None:
    calls = []
    names = np.array(["a", "b", "ü"])
    buffer = io.BytesIO()
    np.savez(buffer, primal=np.array([1.0, 2.0, 3.0]), variable_names=names)

    def fetch(artifact: str) -> bytes:
        calls.append(artifact)
        return buffer.getvalue()

    reference = {"artifact": ARTIFACT, "member": "primal"}
    answer = make(fetch=fetch, primal=reference, variable_names=None, arrays_artifact=ARTIFACT)
    assert answer.objective == 36.0
    assert calls == []
    assert answer["ü"] == 3.0
    assert answer.values() == {"a": 1.0, "b": 2.0, "ü": 3.0}
    assert calls == [ARTIFACT]


def test_raw_bytes_keep_their_type() -> None:
    raw = {"dtype": "float64", "shape": [2], "base64": "AAAAAAAA8D8AAAAAAAAAQA=="}
    assert make(primal=raw).primal.tolist() == [1.0, 2.0]


def test_the_iis_has_names() -> None:
    iis = {
        "rows": [{"index": 1, "side": "upper"}],
        "bounds": [{"index": 0, "side": "lower", "name": "given"}],
        "irreducible": True,
    }
    found = make(status="infeasible", primal=None, iis=iis).iis
    assert found is not None
    assert [member.name for member in (*found.rows, *found.bounds)] == ["plant 2", "given"]


def test_scenarios_have_values_of_their_own() -> None:
    items = [{"status": "optimal", "objective": 1.0, "primal": [1.0, 0.0, 0.0], "certified": True, "name": "low"}]
    (scenario,) = make(scenarios=items).scenarios
    assert scenario.values()["doors"] == 1.0
    assert repr(scenario) == "<Scenario low: optimal, objective 1, certified>"


def test_the_certificate_speaks_plainly() -> None:
    certificate = make().certificate
    assert certificate.text.splitlines() == [
        "verified: every check passed; on the engine's word: dual-bound",
        "  ✓ primal-feasibility: All rows hold.",
        "  ? dual-bound: The search is the engine's.",
    ]
    wrong = {**CERTIFICATE, "verified": False, "checks": [{"name": "gap", "outcome": "failed", "text": "No."}]}
    assert make(certificate=wrong).certificate.verdict == "NOT verified: gap failed"
    assert make(certificate=None).certificate.verified is False


def test_an_answer_reads_well_in_a_terminal_in_a_log_and_in_a_notebook() -> None:
    answer = make()
    assert repr(answer) == "<Answer optimal, objective 36, highs, verified>"
    console = Console(width=100, file=io.StringIO())
    console.print(answer)
    for text in (str(answer), console.file.getvalue()):  # type: ignore[attr-defined]
        for words in ("optimal", "36", "highs 1.14.0, 0.25 s", "on the engine's word: dual-bound", "windows", "2 of 3"):
            assert words in text
    html = answer._repr_html_()
    assert "windows" in html
    assert "<b>" not in make(primal=[0.0, 0.0, 1.0])._repr_html_().replace("<b>verified", "")
    assert "&lt;b&gt;" in make(primal=[0.0, 0.0, 1.0])._repr_html_()


def test_an_answer_has_other_forms(tmp_path: Path) -> None:
    answer = make(row_duals=[0.0, float("inf")])
    assert answer.to_dict()["primal"] == [2.0, 6.0, 0.0]
    assert json.loads(answer.to_json())["row_duals"] == [0.0, "Infinity"]
    frame = answer.to_pandas()
    assert frame.loc["windows", "value"] == 6.0
    assert frame.loc["<b>", "reduced_cost"] == -1.0
    assert answer.to_pandas("constraints").loc["plant 2", "activity"] == 12.0
    answer.to_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        assert list(csv.reader(file))[:2] == [["name", "value", "reduced_cost"], ["doors", "2.0", "0.0"]]
    answer.to_sol(tmp_path / "a.sol")
    assert (tmp_path / "a.sol").read_text().splitlines() == ["=obj= 36.0", "doors 2.0", "windows 6.0", "<b> 0.0"]
    with pytest.raises(ValueError, match="there is no table 'rows'"):
        answer.to_pandas("rows")
    assert answer.log == "lines\n"


def test_without_numpy_vectors_are_lists() -> None:
    program = f"""
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None
from types import SimpleNamespace
import kantor
from api_schemas.programs import ProgramAnswer
from kantor.answer import Answer
p = kantor.Program(objective=[1, 1, 1], A=[[1, 1, 1]], row_upper=[None], integrality=True)
contract = ProgramAnswer.model_validate({DOCUMENT!r})
answer = Answer(contract, job=SimpleNamespace(id="job_1", summary=None), fetch=lambda _: b"", problem=p)
assert answer.primal == [2.0, 6.0, 0.0] and answer["doors"] == 2.0 and answer.values() and answer.to_dict()
print(answer)
try:
    answer.to_pandas()
except kantor.KantorError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "to_pandas needs pandas" in run.stdout
