"""The client against a whole Kantor: API, PostgreSQL, Valkey, worker, solvers."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import kantor
import numpy as np
import pytest
import scipy.sparse as sp

from tests.client.conftest import INSTANCES
from tests.client.problems import doors, hard


def test_a_linear_program_is_solved_and_proved(client: kantor.Client) -> None:
    answer = client.solve(doors())
    assert (answer.status, answer.objective, answer.bound) == ("optimal", 36.0, 36.0)
    assert (answer["doors"], answer["windows"]) == (2.0, 6.0)
    assert answer.duals_by_name() == pytest.approx({"plant 1": 0.0, "plant 2": 1.5, "plant 3": 1.0})
    assert answer.row_activity.tolist() == pytest.approx([2.0, 12.0, 18.0])
    assert answer.slacks.tolist() == pytest.approx([2.0, 0.0, 0.0])
    assert answer.certificate.proved
    assert answer.job.state == "succeeded"


def test_a_file_is_solved_to_its_known_optimum(client: kantor.Client) -> None:
    answer = client.solve(kantor.Program.from_file(INSTANCES / "p0548.mps.gz"), relative_gap=0.0, time_limit=60)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(8691.0)
    assert answer.certificate.verified
    assert "dual-bound" in answer.certificate.rests_on_engine
    assert answer["C1003"] in (0.0, 1.0)
    assert answer.log


def test_an_infeasible_program_comes_with_its_reason(client: kantor.Client) -> None:
    program = kantor.Program(objective=[1, 1], A=[[1, 1], [1, 1]], row_lower=[None, 5], row_upper=[3, None])
    answer = client.solve(program, iis=True)
    assert answer.status == "infeasible"
    assert answer.dual_ray is not None
    assert answer.certificate.proved
    assert answer.iis is not None
    assert {(member.name, member.side) for member in answer.iis.rows} == {("c0", "upper"), ("c1", "lower")}
    with pytest.raises(kantor.NoPoint):
        _ = answer["x0"]


def test_an_unbounded_program_comes_with_a_ray(client: kantor.Client) -> None:
    answer = client.solve(kantor.Program(sense="max", objective=[1.0], A=[[1.0]], row_lower=0))
    assert answer.status == "unbounded"
    assert answer.primal_ray.tolist()[0] > 0


def test_a_batch_answers_every_scenario(client: kantor.Client) -> None:
    table = kantor.Scenarios(row_upper={"plant 2": [12, 14], "plant 3": [18, 18]}, names=["now", "more"])
    answer = client.solve(doors().with_scenarios(table))
    assert [round(scenario.objective or 0.0, 6) for scenario in answer.scenarios] == [36.0, 39.0]
    assert [scenario.name for scenario in answer.scenarios] == ["now", "more"]
    assert all(scenario.certified for scenario in answer.scenarios)
    assert answer.to_pandas("scenarios").loc["more", "objective"] == pytest.approx(39.0)


def test_a_quadratic_program_with_bounds_is_solved(client: kantor.Client) -> None:
    # (x - 1)^2 + (y - 2)^2 over x + y <= 2: at (0.5, 1.5)
    answer = client.solve(kantor.Program(objective=[-2, -4], Q=2 * np.eye(2), A=[[1, 1]], row_upper=2, offset=5))
    assert answer.objective == pytest.approx(0.5, abs=1e-5)
    assert answer.primal == pytest.approx([0.5, 1.5], abs=1e-4)


def test_a_cone_program_is_solved(client: kantor.Client) -> None:
    # min x + y in the unit disc
    cone = kantor.Cone(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), [1.0, 0.0, 0.0])
    answer = client.solve(kantor.Program(objective=[1, 1], lower=-np.inf, cones=[cone]))
    assert answer.objective == pytest.approx(-math.sqrt(2), abs=1e-5)


def test_large_arrays_go_and_come_through_artifacts(client: kantor.Client) -> None:
    n, m = 60_000, 30_000
    rng = np.random.default_rng(0)
    A = sp.csr_array((rng.uniform(1, 2, 8 * m), rng.integers(0, n, 8 * m), np.arange(0, 8 * m + 1, 8)), shape=(m, n))
    program = kantor.Program(objective=rng.uniform(1, 2, n), A=A, row_lower=np.full(m, -1.0), upper=1.0)
    assert {"A.data", "A.indices", "objective"} <= set(program.large_arrays())
    answer = client.solve(program)
    assert answer.objective == 0.0
    assert answer.contract.arrays_artifact is not None
    assert answer.primal.shape == (n,)
    assert not answer.primal.any()
    assert answer[n - 1] == 0.0


def test_a_warm_start_is_taken_by_position_by_name_and_from_an_answer(client: kantor.Client) -> None:
    integer = kantor.Program(sense="max", objective=[3, 5], A=[[3, 2]], row_upper=18, upper=[4, 6], integrality=1)
    first = client.solve(integer)
    for start in (first, [4, 3], {"x0": 4.0}, {"primal": [4, None]}, np.array([4.0, 3.0])):
        assert client.solve(integer, start=start).objective == first.objective == 36.0


def test_jobs_are_found_by_name_label_state_and_time(client: kantor.Client) -> None:
    stamp = f"run-{time.time_ns()}"
    begin = datetime.now(UTC) - timedelta(seconds=5)
    made = [client.submit(doors(), name=stamp, labels={"part": str(k)}, priority=k) for k in range(5)]
    for job in made:
        job.wait()
    assert [job.id for job in client.jobs(name=stamp, page_size=2)] == [job.id for job in reversed(made)]
    assert [job.id for job in client.jobs(name=stamp, page_size=2, limit=3)] == [job.id for job in made[:1:-1]]
    assert [job.id for job in client.jobs(name=stamp, labels={"part": "3"})] == [made[3].id]
    assert len(list(client.jobs(name=stamp, state=["succeeded", "failed"], created_after=begin))) == 5
    assert list(client.jobs(name=stamp, created_before=begin)) == []
    made[0].delete()
    with pytest.raises(kantor.NotFound):
        made[0].refresh()


def test_the_same_idempotency_key_is_the_same_job_and_another_request_with_it_is_refused(client: kantor.Client) -> None:
    key = f"key-{time.time_ns()}"
    first, second = (client.submit(doors(), idempotency_key=key) for _ in range(2))
    assert first.id == second.id
    with pytest.raises(kantor.IdempotencyMismatch):
        client.submit(doors(), idempotency_key=key, priority=3)


def test_progress_events_and_cancel_keep_the_best_answer(client: kantor.Client) -> None:
    reports: list[kantor.Progress] = []
    job = client.submit(hard(), relative_gap=0.0, time_limit=100)
    threading.Timer(2.0, job.cancel).start()
    job.watch(reports.append)
    assert job.state == "cancelled"
    assert reports
    assert [report.seconds for report in reports] == sorted(report.seconds for report in reports)
    answer = job.result()
    assert (answer.status, answer.limit) == ("feasible", "cancelled")
    assert answer.certificate.verified
    seen = list(job.events())
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].type == "finished"
    assert [event.seq for event in job.events(after=2)] == [event.seq for event in seen[2:]]


def test_the_time_limit_of_the_solve_gives_the_best_answer(client: kantor.Client) -> None:
    begin = time.monotonic()
    answer = client.solve(hard(), relative_gap=0.0, time_limit=1.0)
    assert (answer.status, answer.limit) == ("feasible", "time")
    assert time.monotonic() - begin < 15


def test_not_waiting_longer_leaves_the_job_alone(client: kantor.Client) -> None:
    with pytest.raises(kantor.Timeout) as caught:
        client.solve(hard(), relative_gap=0.0, time_limit=100, wait=1.0)
    job = caught.value.job
    assert client.job(job.id).state in ("queued", "running")
    with pytest.raises(kantor.Conflict):
        job.delete()
    with pytest.raises(kantor.Timeout):
        job.watch(lambda _: None, seconds=0.5)
    job.cancel()
    assert job.wait(30).state == "cancelled"


def test_what_the_worker_finds_wrong_raises_the_class_of_its_code(client: kantor.Client) -> None:
    with pytest.raises(kantor.MalformedFile, match="line") as caught:
        client.solve(kantor.Program.from_file(b"NAME x\nROWS\n N c\n Q bad\n", filename="x.mps"))
    assert isinstance(caught.value, kantor.JobFailed)
    assert caught.value.job.state == "failed"


def test_what_the_api_finds_wrong_does_too(client: kantor.Client) -> None:
    with pytest.raises(kantor.UnknownEngine, match="cplex"):
        client.solve(doors(), engine="cplex")
    with pytest.raises(kantor.InvalidOption, match="heuristic_efort"):
        client.solve(doors(), engine="highs", engine_options={"heuristic_efort": 0.1})
    with pytest.raises(kantor.ArtifactMissing):
        client.solve(kantor.Program.from_artifact("art_01m80y659ee2xr8vd2bd25jvha"))


def test_the_dry_run_accepts_and_refuses_and_keeps_nothing(client: kantor.Client) -> None:
    found = client.validate(doors(), engine="highs", time_limit=3)
    assert (found.valid, found.engine) == (True, "highs")
    with pytest.raises(kantor.UnknownEngine):
        client.validate(doors(), engine="cplex")


def test_inspections_say_what_a_program_is(client: kantor.Client) -> None:
    found = client.inspect(INSTANCES / "p0548.mps.gz")
    assert "548 variables" in found.summary
    assert found.details["sizes"]["rows"] == 176


def test_artifacts_go_up_and_down_unchanged(client: kantor.Client, tmp_path: Path) -> None:
    path = INSTANCES / "afiro.mps.gz"
    artifact = client.artifacts.upload(path)
    assert (artifact.filename, artifact.size) == ("afiro.mps.gz", path.stat().st_size)
    assert client.artifacts.read(artifact.id) == path.read_bytes()
    assert client.artifacts.download(artifact.id, tmp_path / "copy").read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [tmp_path / "copy"]
    answer = client.solve(kantor.Program.from_artifact(artifact.id))
    assert answer.objective == pytest.approx(-464.7531428571)
    client.artifacts.delete(client.artifacts.upload(b"x" * 10, "x.bin").id)


def test_keys_open_what_they_may_and_nothing_once_revoked(client: kantor.Client) -> None:
    made = client.keys.create("reader", ["read"], expires_in=60)
    with kantor.Client(client.url, made.secret) as reader:
        assert reader.status().scopes == ["read"]
        with pytest.raises(kantor.Forbidden):
            reader.submit(doors())
        assert made.id in [key.id for key in client.keys.list()]
        client.keys.revoke(made.id)
        with pytest.raises(kantor.Unauthenticated):
            reader.status()


def test_the_catalogue_names_engines_options_and_workers(client: kantor.Client) -> None:
    highs = next(engine for engine in client.engines() if engine.id == "highs")
    assert "time_limit" in [option.name for option in highs.shared_options]
    assert client.status().workers == len(client.workers()) == 1


def test_the_asyncio_client_does_the_same(live_kantor: dict[str, str]) -> None:
    async def work() -> None:
        async with kantor.AsyncClient(live_kantor["url"], live_kantor["api_key"]) as client:
            answers = await asyncio.gather(*(client.solve(doors()) for _ in range(4)))
            assert [answer.objective for answer in answers] == [36.0] * 4
            job = await client.submit(INSTANCES / "p0548.mps.gz", labels={"way": "async"}, relative_gap=0.0)
            kinds = [event.type async for event in job.events()]
            assert (kinds[0], kinds[-1]) == ("queued", "finished")
            answer = await job.result()
            assert answer.objective == pytest.approx(8691.0)
            assert "HiGHS" in await job.log()
            with pytest.raises(kantor.KantorError, match=r"await answer\.job\.log"):
                _ = answer.log
            assert job.id in [found.id async for found in client.jobs(labels={"way": "async"}, limit=5)]
            artifact = await client.artifacts.upload(INSTANCES / "afiro.mps.gz")
            assert (await client.artifacts.get(artifact.id)).size == artifact.size
            assert (await client.inspect(INSTANCES / "afiro.mps.gz")).kind == "program"

    asyncio.run(work())


def test_cancelling_the_task_cancels_the_job(live_kantor: dict[str, str]) -> None:
    async def work() -> str:
        name = f"task-{time.time_ns()}"
        async with kantor.AsyncClient(live_kantor["url"], live_kantor["api_key"]) as client:
            task = asyncio.create_task(client.solve(hard(), name=name, relative_gap=0.0, time_limit=100))
            await asyncio.sleep(1.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            (job,) = [found async for found in client.jobs(name=name)]
            return (await job.wait(30)).state

    assert asyncio.run(work()) == "cancelled"
