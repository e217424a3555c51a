"""What was done before something broke is kept: scenarios of a batch, answers whose artifacts cannot be stored yet."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api_schemas.ids import ARTIFACT, decode
from api_schemas.programs import ProgramAnswer
from service import jobs
from service.artifacts import ArtifactStore
from service.settings import Settings
from solvers.core.errors import InvalidProblem
from solvers.programs.answer import ScenarioAnswer
from solvers.programs.batch_state import Keeper, unpack
from tests.chaos.processes import descendants
from tests.servers import Servers
from tests.workers.conftest import BOX, Desk, Slots
from workers import supervisor
from workers.worker import Worker

# the second scenario's minimum is at (0, 5, 0) as well; the third never ends
TABLE = {"count": 4, "objective": {"indices": [0], "values": [[1.0], [2.0], [99.0], [3.0]]}}


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("artifacts") / "mounted"
    folder.mkdir()
    return servers.settings(servers.fresh_database(), artifacts_url=folder.as_uri(), inline_limit_bytes=0)


def test_a_batch_killed_at_its_time_limit_keeps_the_scenarios_that_were_done(desk: Desk, slots: Slots) -> None:
    job = desk.submit({**BOX, "scenarios": TABLE}, act="hang_at_99", options={"time_limit": 1.0})
    slots.ring()
    row = desk.finished(job)

    answer = desk.answer(job)
    assert (row.state, answer["limit"]) == ("succeeded", "time")
    assert [one["status"] for one in answer["scenarios"]] == ["optimal", "optimal", "no-solution", "no-solution"]
    assert [one["objective"] for one in answer["scenarios"]] == [-10.0, -10.0, None, None]
    assert [one["certified"] for one in answer["scenarios"]] == [True, True, False, False]


def test_a_batch_whose_process_keeps_dying_fails_with_what_was_done(desk: Desk, slots: Slots, worker: Worker) -> None:
    job = desk.submit({**BOX, "scenarios": TABLE}, act="hang_at_99", options={"time_limit": 60.0})
    slots.ring()
    killed: set[int] = set()
    while not desk.row(job).final:
        for pid in _solving(worker) - killed:
            time.sleep(1.0)  # past the first scenarios
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.02)

    assert len(killed) >= supervisor.KILLS
    assert desk.row(job).state == "failed"
    assert [one["certified"] for one in desk.answer(job)["scenarios"]] == [True, True, False, False]


def test_an_array_of_another_program_is_not_taken_for_a_batch() -> None:
    kept: list[np.ndarray] = []

    class Context:
        def keep(self, values: np.ndarray) -> None:
            kept.append(values)

    answer = ScenarioAnswer("optimal", 3.0, None, np.arange(3.0), np.arange(2.0), certified=True, iterations=7)
    keeper = Keeper(Context(), 3, 2, np.zeros(3))
    keeper.add(answer)
    base, (found,) = unpack(kept[0], 3, 2)

    assert base is not None
    assert (found.status, found.objective, found.bound, found.iterations) == ("optimal", 3.0, None, 7)
    assert np.array_equal(found.x, np.arange(3.0))
    assert np.array_equal(found.row_duals, np.arange(2.0))
    assert found.certified is False, "who wrote it has failed: it must be certified anew"
    for wrong in (kept[0][:-1], kept[0][:2], np.zeros(0)):
        with pytest.raises(InvalidProblem, match="cannot be read"):
            unpack(wrong, 3, 2)
    with pytest.raises(InvalidProblem, match="cannot be read"):
        unpack(kept[0], 2, 2)


def test_an_answer_waits_while_its_artifacts_cannot_be_stored(desk: Desk, slots: Slots) -> None:
    folder = Path(desk.settings.artifacts_location.removeprefix("file://"))
    with _unmounted(folder):
        job = desk.submit(act="solve")
        slots.ring()
        time.sleep(1.0)
        assert desk.row(job).state == "running"

    assert desk.finished(job).state == "succeeded"
    assert desk.row(job).attempt == 1
    assert _arrays(desk, job) > 0


def test_a_job_goes_back_to_the_queue_if_artifacts_cannot_be_stored_for_long(
    desk: Desk, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "ARTIFACT_PATIENCE", 0.5)
    monkeypatch.setattr(supervisor, "ARTIFACT_PAUSE", 0.5)
    folder = Path(desk.settings.artifacts_location.removeprefix("file://"))
    with _unmounted(folder):
        job = desk.submit(act="solve")
        slots.ring()
        row = desk.until(job, lambda row: row.uncounted == 1)
        assert (row.state, row.error) == ("queued", None)
    time.sleep(0.6)
    slots.ring()

    row = desk.finished(job)
    assert row.state == "succeeded", row.error
    assert _arrays(desk, job) > 0


def test_arrays_of_an_attempt_that_was_lost_are_let_go(
    desk: Desk, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.keeper, "steady_for", lambda: 60.0)
    job = desk.submit(act="solve")
    store = ArtifactStore(desk.settings)
    first = jobs.claim(desk.conn, pools=["cpu"], engines=["program:probe"], worker_id=worker.id, lease_seconds=0.01)
    assert first is not None
    with open(__file__, "rb") as stream:
        left = store.put(desk.conn, desk.project, stream, origin="answer", job_id=job, attempt=1)
    time.sleep(0.05)
    worker.answer("job")

    assert desk.finished(job).attempt == 2
    expired = "SELECT id FROM artifact WHERE job_id = %s AND expires_at <= now()"
    assert desk.conn.execute(expired, (job,)).fetchall() == [(decode(ARTIFACT, left.id),)]
    with open(__file__, "rb") as stream, pytest.raises(Exception, match="Another worker"):
        store.put(desk.conn, desk.project, stream, origin="answer", job_id=job, attempt=1)


class _unmounted:
    """In this block the folder is a file, so that nothing can be stored in it, whoever one is."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._aside = folder, folder.with_name("aside")

    def __enter__(self) -> None:
        self._folder.rename(self._aside)
        self._folder.touch()

    def __exit__(self, *_: object) -> None:
        self._folder.unlink()
        self._aside.rename(self._folder)


def _arrays(desk: Desk, job: Any) -> int:
    name = desk.answer(job)["arrays_artifact"]
    return ArtifactStore(desk.settings).get(desk.conn, desk.project, decode(ARTIFACT, name)).size


def _solving(worker: Worker) -> set[int]:
    """Runners that are at work."""
    idle = {runner.pid for runner in worker.runners._idle["probes"]}
    return set(descendants(worker.zygotes.pids()["probes"])) - idle


@pytest.fixture
def large() -> dict[str, Any]:
    """A program whose point takes 80 kB, as do its reduced costs."""
    count = 10_000
    return {"kind": "program", "objective": [1] * count, "lower": [2] * count, "upper": [3] * count}


def _stored(desk: Desk) -> int:
    row = desk.conn.execute("SELECT coalesce(sum(size), 0) FROM artifact WHERE project_id = %s", (desk.project,))
    return int((row.fetchone() or [0])[0])


def test_an_answer_over_the_quota_fails_and_keeps_what_there_is_room_for(
    desk: Desk, slots: Slots, large: dict[str, Any], settings: Settings
) -> None:
    most = 100_000
    desk.conn.execute("UPDATE project SET max_bytes = %s WHERE id = %s", (most, desk.project))
    job = desk.submit(large, engine="highs")
    slots.ring()
    row, answer = desk.finished(job), desk.answer(job)

    assert (row.state, (row.error or {})["code"]) == ("failed", "quota-exceeded")
    assert "may store 100000 bytes and has 0" in (row.error or {})["detail"]
    assert "were not kept: " in answer["message"]
    assert "reduced_costs" in answer["message"]
    assert (answer["status"], answer["objective"], answer["certificate"]["verified"]) == ("optimal", 20_000.0, True)
    assert ProgramAnswer.model_validate(answer).reduced_costs is None
    with ArtifactStore(settings).open(
        desk.conn, desk.project, decode(ARTIFACT, answer["primal"]["artifact"])
    ) as stream:
        assert np.load(stream)[answer["primal"]["member"]].tolist() == [2.0] * 10_000
    assert 80_000 < _stored(desk) <= most


def test_many_answers_at_once_do_not_go_over_the_quota_together(
    desk: Desk, slots: Slots, large: dict[str, Any]
) -> None:
    most = 250_000
    found = [desk.submit(large, engine="highs") for _ in range(4)]
    desk.conn.execute("UPDATE project SET max_bytes = %s WHERE id = %s", (most, desk.project))
    for _ in found:
        slots.ring()
    rows = [desk.finished(job) for job in found]

    assert {row.state for row in rows} == {"succeeded", "failed"}
    assert most / 2 < _stored(desk) <= most
    for job, row in zip(found, rows, strict=True):
        answer = ProgramAnswer.model_validate(desk.answer(job))
        assert (answer.primal is None) <= (row.state == "failed")
        assert answer.primal is None or answer.arrays_artifact is not None
