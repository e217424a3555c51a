"""The real engines behind a worker: chosen, raced, in batches, with problems and answers in artifacts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.ids import ARTIFACT, decode
from api_schemas.jobs import Inspection
from api_schemas.programs import ProgramAnswer
from service import jobs
from service.artifacts import ArtifactStore
from service.settings import Settings
from tests.workers.conftest import Desk, Slots
from workers.settings import WorkerSettings
from workers.worker import Worker

INSTANCES = Path(__file__).parents[2] / "examples" / "instances"
OPTIMA = {item["name"]: item["optimum"] for item in json.loads((INSTANCES / "manifest.json").read_text())["items"]}

LP: dict[str, Any] = {
    "kind": "program",
    "sense": "max",
    "objective": [3.0, 2.0],
    "A": {"format": "csr", "shape": [2, 2], "data": [1, 1, 1, 3], "indices": [0, 1, 0, 1], "indptr": [0, 2, 4]},
    "row_upper": [4.0, 6.0],
}


@pytest.fixture(scope="module")
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"inline_limit_bytes": 2000})


@pytest.fixture(scope="module")
def worker(settings: Settings) -> Iterator[Worker]:
    worker = Worker(settings, WorkerSettings(look_seconds=0.05), pools=["cpu"], concurrency=1)
    worker.start()
    yield worker
    worker.close()


def _upload(desk: Desk, content: bytes) -> str:
    return ArtifactStore(desk.settings).put(desk.conn, desk.project, io.BytesIO(content)).id


def _file(desk: Desk, name: str) -> dict[str, Any]:
    path = next(INSTANCES.glob(f"{name}.*"))
    return {"kind": "program", "file": {"artifact": _upload(desk, path.read_bytes()), "filename": path.name}}


def test_every_engine_is_offered_and_none_is_loaded_in_the_worker(worker: Worker) -> None:
    assert set(worker.catalogue.names) >= {
        f"program:{name}" for name in ("highs", "scip", "cp-sat", "pdlp", "clarabel")
    }
    assert {"highs", "scip", "ortools", "clarabel"} < worker.catalogue.by_group().keys()
    assert all(engine.shared_options for engine in worker.catalogue.engines if engine.family == "program")


@pytest.mark.parametrize(
    ("extra", "engine"),
    [
        ({}, "highs"),
        ({"sos": [{"type": 1, "indices": [0, 1], "weights": [1.0, 2.0]}], "upper": [9.0, 9.0]}, "scip"),
        ({"objective": [0.0, 0.0], "integrality": [1, 1], "upper": [5.0, 5.0]}, "cp-sat"),
    ],
)
def test_auto_finds_the_engine_in_whichever_process_group_it_is(
    desk: Desk, slots: Slots, extra: dict[str, Any], engine: str
) -> None:
    job = desk.submit({**LP, **extra}, "auto")
    slots.ring()
    assert desk.finished(job).state == "succeeded"
    answer = desk.answer(job)
    assert (answer["engine"], answer["status"]) == (engine, "optimal")
    assert answer["why"]
    assert answer["certificate"]["verified"] is True


def test_a_race_over_a_real_instance_is_won_with_a_certified_optimum(desk: Desk, slots: Slots) -> None:
    job = desk.submit(_file(desk, "flugpl"), "race", options={"time_limit": 60.0})
    slots.ring()
    row = desk.finished(job, 60.0)
    assert row.state == "succeeded"
    answer = desk.answer(job)
    assert answer["status"] == "optimal"
    assert answer["objective"] == pytest.approx(OPTIMA["flugpl"])
    assert len(answer["statistics"]["race"]) >= 2
    assert [entry["fate"] for entry in answer["statistics"]["race"]].count("won") == 1


def test_arrays_come_from_artifacts_and_large_answers_go_there(desk: Desk, slots: Slots) -> None:
    n = 1000
    buffer = io.BytesIO()
    np.savez(buffer, objective=np.arange(n) - 500.0, upper=np.ones(n))
    artifact = _upload(desk, buffer.getvalue())
    problem = {
        "kind": "program",
        "objective": {"artifact": artifact, "member": "objective"},
        "upper": {"artifact": artifact, "member": "upper"},
    }
    job = desk.submit(problem, "highs")
    slots.ring()
    assert desk.finished(job).state == "succeeded"
    answer = ProgramAnswer.model_validate(desk.answer(job))
    assert answer.arrays_artifact is not None
    with ArtifactStore(desk.settings).open(desk.conn, desk.project, decode(ARTIFACT, answer.arrays_artifact)) as file:
        x = np.load(io.BytesIO(file.read()), allow_pickle=False)["primal"]
    assert np.array_equal(x, (np.arange(n) < 500).astype(float)) or x[:500].sum() == 500
    assert answer.objective == pytest.approx(-sum(range(1, 501)))


def test_a_batch_answers_every_scenario_with_duals_and_certificates(desk: Desk, slots: Slots) -> None:
    table = {"count": 3, "row_upper": {"indices": [0], "values": [[4.0], [2.0], [0.0]]}, "names": ["a", "b", "c"]}
    job = desk.submit({**LP, "scenarios": table}, "highs")
    slots.ring()
    assert desk.finished(job).state == "succeeded"
    scenarios = desk.answer(job)["scenarios"]
    assert [scenario["objective"] for scenario in scenarios] == [12.0, 6.0, 0.0]
    assert [scenario["name"] for scenario in scenarios] == ["a", "b", "c"]
    assert all(scenario["certified"] for scenario in scenarios)
    assert scenarios[1]["row_duals"] == [3.0, 0.0]
    assert desk.events(job, "progress")[-1].data["scenarios"] == 3


def test_a_cancelled_batch_keeps_the_scenarios_that_are_finished(desk: Desk, slots: Slots) -> None:
    count = 200_000
    values = [[1.0 + (k % 7)] for k in range(count)]
    job = desk.submit({**LP, "scenarios": {"count": count, "row_upper": {"indices": [0], "values": values}}}, "scip")
    slots.ring()
    desk.until(job, lambda row: bool(row.progress and row.progress.get("scenario", 0) >= 2))
    jobs.cancel(desk.conn, desk.project, job)
    row = desk.finished(job)
    assert row.state == "cancelled"
    answer = desk.answer(job)
    done = [scenario["status"] for scenario in answer["scenarios"]].count("optimal")
    assert 2 <= done < count


def test_a_batch_that_does_not_fit_names_the_place(desk: Desk, slots: Slots) -> None:
    table = {"count": 1, "row_upper": {"indices": [7], "values": [[4.0]]}}
    job = desk.submit({**LP, "scenarios": table}, "highs")
    slots.ring()
    row = desk.finished(job)
    assert row.error is not None
    assert row.error["errors"][0]["pointer"] == "/problem/scenarios/row_upper/indices/0"


def test_an_inspection_is_an_answer_of_its_own_kind(desk: Desk, slots: Slots) -> None:
    job = desk.submit(_file(desk, "flugpl"), "auto", task="inspect")
    slots.ring()
    assert desk.finished(job).state == "succeeded"
    assert "integer" in Inspection.model_validate(desk.answer(job)).summary
