"""Schedules through the client, in torch and by the command, against a whole Kantor with a worker."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import kantor
import pytest

from tests.client.conftest import Command


@pytest.fixture
def schedule(client: kantor.Client, request: pytest.FixtureRequest) -> Iterator[kantor.Schedule]:
    made = client.schedules.create(request.node.name, horizon=1000, policy="refined")
    yield made
    made.archive().delete()


def advised(run: Any, name: str, other_than: Any) -> Any:
    """Wait for new advice."""
    deadline = time.monotonic() + 20
    while run.refresh().advice.get(name) == other_than:
        assert time.monotonic() < deadline, run.advice
        time.sleep(0.05)
    return run.advice[name]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"policy": "linear"}, {0: 1.0, 50: 0.5, 100: 0.0}),
        ({"policy": "constant", "peak": 0.3}, {0: 0.3, 100: 0.3}),
        ({"policy": "cosine", "final": 0.1}, {0: 1.0, 25: 0.55 + 0.45 * math.cos(math.pi / 4), 50: 0.55, 100: 0.1}),
        ({"policy": "wsd", "warmup": 0.1, "decay": 0.2}, {0: 0.0, 5: 0.5, 10: 1.0, 80: 1.0, 90: 0.5, 100: 0.0}),
    ],
)
def test_curves_have_their_known_shapes(
    client: kantor.Client, settings: dict[str, Any], expected: dict[int, float]
) -> None:
    curve = client.schedules.create(f"shape {settings}", horizon=101, **settings).curve()

    for step, value in expected.items():
        assert curve(step) == pytest.approx(value, abs=3e-4)
    assert curve(10_000) == curve(100)
    assert curve.rescaled(1001)(500) == pytest.approx(curve(50))


def test_constant_norms_refine_linear_decay_into_itself_and_warm_norms_into_a_warm_up(
    schedule: kantor.Schedule,
) -> None:
    with schedule.run() as flat:
        for step in range(0, 1000, 5):
            flat.observe(step, norm=2.0)
    same = schedule.refine([flat])
    with schedule.run() as warm:
        for step in range(0, 1000, 5):
            warm.observe(step, norm=9.0 if step < 200 else 1.0)
    warmed = schedule.refine([warm])

    curves = {version.version: schedule.curve(version.version) for version in schedule.versions()}
    assert (same.version, warmed.version, schedule.info.current) == (2, 3, 3)
    assert all(curves[2](step) == pytest.approx(curves[1](step), abs=2e-3) for step in range(0, 1000, 50))
    assert curves[3](0) < 0.1
    provenance = warmed.provenance
    assert provenance["runs"] == [warm.number]
    assert provenance["parent"] == 2
    assert provenance["bound_after"] < provenance["bound_before"]
    assert schedule.run().version == 3
    assert flat.refresh().version == 1, "a run keeps its version"


def test_a_refinement_without_norms_says_what_to_do(schedule: kantor.Schedule) -> None:
    with schedule.run() as run:
        run.observe(1, loss=2.0)

    with pytest.raises(kantor.InvalidProblem, match="observe gradient norms"):
        schedule.refine()
    with pytest.raises(kantor.InvalidRequest, match="no run 99"):
        schedule.refine([99])


def test_observations_are_stored_once_and_a_restart_has_the_same_run(schedule: kantor.Schedule) -> None:
    run = schedule.run("training 7")
    run.observe(3, norm=1.0)
    assert run.flush()
    again = schedule.run("training 7")
    again.observe(3, norm=55.0)
    again.observe(4, norm=1.0)
    assert again.flush()

    assert again.number == run.number
    run.finish(loss=0.5)
    assert run.finish(loss=0.5).info.state == "finished"
    with pytest.raises(kantor.Conflict):
        run.finish(loss=0.6)


def test_what_long_runs_saw_is_thinned_for_pictures_and_kept_whole(schedule: kantor.Schedule) -> None:
    for scale in (1.0, 10.0):
        with schedule.run() as run:
            for step in range(3000):
                run.observe(step, norm=scale * (1 + step), loss=math.nan if step == 5 else 2.0)
    seen = schedule.observed("norm", most=100)

    assert seen.stretch == 30
    assert [(item.number, item.count, len(item.cells)) for item in seen.runs] == [(1, 3000, 100), (2, 3000, 100)]
    first = seen.runs[1].cells[0]
    assert (first.step, first.count, first.median, first.low, first.high) == (0, 30, 155.0, 10.0, 300.0)
    losses = schedule.observed("loss", [run], most=2000)
    assert [item.count for item in losses.runs] == [2999], "what is not finite is left out of a picture"
    whole = list(run.observations())
    assert [item.step for item in whole] == list(range(3000))
    assert math.isnan(whole[5].loss or 0.0)
    with pytest.raises(kantor.NotFound, match="no run 9"):
        schedule.observed(runs=[9])
    with pytest.raises(kantor.InvalidRequest, match="nrom"):
        schedule.observed("nrom")


def test_the_batch_grows_by_the_norm_test(client: kantor.Client) -> None:
    schedule = client.schedules.create("batches", "batch-size", horizon=500, policy="adaptive-batch", low=32, high=256)
    run = schedule.run()
    assert run.value(0) == 32

    run.observe(10, norm=1.0, variance=12.0)  # 12 / (0.5**2 * 1) = 48
    run.flush()
    assert advised(run, "batch", 32) == 48
    run.observe(20, norm=0.01, variance=12.0)
    run.flush()
    assert advised(run, "batch", 48) == 96, "at most doubled at once"


def test_a_population_copies_its_best(client: kantor.Client) -> None:
    schedule = client.schedules.create(
        "population", horizon=100, policy="pb2", low=1e-4, high=1e-1, log=True, interval=10, seed=1
    )
    runs = [schedule.run() for _ in range(4)]
    first = {run.number: run.value(0) for run in runs}
    assert len(set(first.values())) == 4
    ranked = sorted(runs, key=lambda run: abs(math.log10(first[run.number]) + 2))
    best, worst = ranked[0], ranked[-1]
    for step in (5, 15):
        for run in ranked:  # the worst tells last: then all others are known
            run.observe(step, score=step * -abs(math.log10(first[run.number]) + 2))
            run.flush()

    assert advised(worst, "copy_from", None) == best.number
    assert 1e-4 <= worst.value(20) <= 1e-1
    assert worst.value(20) != first[worst.number]


def test_the_bandit_prefers_what_costs_least(client: kantor.Client) -> None:
    schedule = client.schedules.create(
        "omega-4", "solver-parameter", horizon=1, policy="sor-bandit", low=1.0, high=1.9, arms=4
    )
    for _ in range(40):
        run = schedule.run()
        run.finish(cost=100.0 + 400 * (run.value(0) - 1.6) ** 2)
    time.sleep(1.0)

    late = [schedule.run().value(0) for _ in range(30)]

    assert max(set(late), key=late.count) == pytest.approx(1.6)


def test_training_goes_on_while_the_server_is_away_and_resumes_from_a_checkpoint(schedule: kantor.Schedule) -> None:
    away = kantor.Client("http://127.0.0.1:9", max_retries=0)
    run = schedule.run()
    run.schedule = kantor.Schedule(away, schedule.info)

    began = time.perf_counter()
    for step in range(1000):
        run.observe(step, norm=1.0)
        run.value(step)
    assert time.perf_counter() - began < 0.5
    assert run.flush() is False
    assert isinstance(run.trouble, kantor.ConnectionFailed)

    again = type(run).from_state(json.loads(json.dumps(run.state_dict())))
    assert again.value(500) == run.value(500)
    run.schedule = schedule
    assert run.flush()


def test_what_cannot_be_observed_does_not_keep_back_what_can(schedule: kantor.Schedule) -> None:
    run = schedule.run()
    run.observe(1, norm=math.nan, loss=math.inf)
    run.observe(2, norm=1.0)
    with pytest.raises(kantor.KantorError, match="'nrom' cannot be observed"):
        run.observe(3, nrom=1.0)
    assert run.flush()
    run.observe(4, norm=-1.0)
    with pytest.warns(UserWarning, match="1 observations of run 1 are lost"):
        assert run.flush() is False
    assert isinstance(run.trouble, kantor.InvalidRequest)
    run.observe(5, norm=2.0)
    assert run.flush(), "the server would never have taken the other one"

    seen = {item.step: (item.norm, item.loss) for item in run.observations()}
    assert seen == {1: (None, math.inf), 2: (1.0, None), 5: (2.0, None)}


def test_in_torch_it_is_a_scheduler_like_any_other(client: kantor.Client) -> None:
    torch = pytest.importorskip("torch")
    import kantor.torch

    torch.set_num_threads(1)
    schedule = client.schedules.create("torch", horizon=101, policy="linear", warmup=0.1)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD([{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 2.0}], lr=1.0)
    scheduler = kantor.torch.ScheduledLR(optimizer, schedule, observe_every=5)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    rates = []
    for _ in range(60):
        rates.append(scheduler.get_last_lr())
        optimizer.zero_grad()
        model(torch.ones(4, 3)).square().mean().backward()
        optimizer.step()
        scheduler.step()

    assert rates[0] == [0.0, 0.0]
    assert rates[5] == pytest.approx([0.25, 1.0])
    assert rates[55] == pytest.approx([0.25, 1.0])
    checkpoint = scheduler.state_dict()
    scheduler.finish(loss=0.1)
    run = schedule.runs()[0]
    assert (run.state, run.final) == ("finished", {"loss": 0.1})

    other = torch.optim.SGD([{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 2.0}], lr=1.0)
    offline = kantor.torch.ScheduledLR(other, None)
    offline.load_state_dict(torch.load(_saved(torch, checkpoint), weights_only=True))
    other.step()
    offline.step()
    assert offline.last_epoch == 61
    assert other.param_groups[0]["lr"] == pytest.approx(0.5 * schedule.curve()(61))


def _saved(torch: Any, state: Any) -> Any:
    import io

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_the_asyncio_client_does_the_same(live_kantor: dict[str, str]) -> None:
    async def run() -> None:
        async with kantor.AsyncClient(live_kantor["url"], live_kantor["api_key"]) as client:
            schedule = await client.schedules.create("async", horizon=100, policy="refined")
            training = await schedule.run()
            seen = [{"step": step, "norm1": 1.0 + step} for step in range(0, 100, 2)]
            assert (await schedule.observe(training.number, seen)).stored == 50
            assert (await schedule.observe(training.number, seen)).stored == 0
            await schedule.finish(training.number)
            assert (await schedule.refine(norm="l1")).version == 2
            assert (await schedule.curve())(99) == 0
            await schedule.archive()
            await schedule.delete()

    asyncio.run(run())


def test_wrong_settings_are_named(client: kantor.Client, schedule: kantor.Schedule) -> None:
    for settings, words in (
        ({"policy": "pb2"}, "needs low and high"),
        ({"policy": "wsd", "warmup": 0.9}, "more than the whole horizon"),
        ({"policy": "linaer"}, "should be 'linear'"),
    ):
        with pytest.raises(kantor.InvalidRequest, match=words):
            client.schedules.create("wrong", horizon=10, **settings)
    with pytest.raises(kantor.Conflict):
        client.schedules.create(schedule.name, horizon=999)
    with pytest.raises(kantor.NotFound):
        client.schedules.get("no such schedule")


def test_the_command_creates_and_shows(command: Command, live_kantor: dict[str, str]) -> None:
    made = json.loads(
        command("schedules", "create", "by hand", "--horizon", "100", "--policy", "cosine", "--json").stdout
    )

    assert made["policy"] == "cosine"
    assert "by hand" in command("schedules", "list").stdout
    assert "curve: 0: 1, " in command("schedules", "show", "by hand").stdout
    assert "As the request says" in command("schedules", "versions", "by hand").stdout
    assert command("schedules", "promote", "by hand", "7").returncode == 2
    assert command("schedules", "promote", "by hand", "1").returncode == 0
    with (
        kantor.Client(live_kantor["url"], live_kantor["api_key"]) as client,
        pytest.raises(ZeroDivisionError),
        client.schedules.get("by hand").run(),
    ):
        _ = 1 / 0
    shown = command("schedules", "runs", "by hand").stdout
    assert "failed" in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert command("schedules", "archive", "by hand").returncode == 0
    assert command("schedules", "delete", "by hand").returncode == 0
    assert "by hand" not in command("schedules", "list").stdout


def test_the_scheduler_is_there_with_the_client() -> None:
    program = "import kantor, sys; assert 'torch' not in sys.modules; kantor.torch.ScheduledLR"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_refinement_knows_what_its_runs_have_just_observed(schedule: kantor.Schedule) -> None:
    run = schedule.run()
    for step in range(0, 1000, 10):
        run.observe(step, norm=1.0)
    with pytest.raises(kantor.InvalidProblem, match="finish the run or name it"):
        schedule.refine()
    assert schedule.refine([run]).provenance["runs"] == [run.number]
