"""Studies through the client and the command, against a whole Kantor with a worker."""

from __future__ import annotations

import asyncio
import json
import math
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import kantor
import pytest

from tests.client.conftest import Command

SPACE = {"x": kantor.Float(-5, 10), "y": kantor.Float(0, 15)}


def branin(point: kantor.Trial) -> float:
    """Minimum 0.397887 at (-pi, 12.275), (pi, 2.275), (9.42478, 2.475)."""
    x, y = point["x"], point["y"]
    bowl = y - 5.1 * x * x / (4 * math.pi**2) + 5 * x / math.pi - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


@pytest.fixture
def study(client: kantor.Client, request: pytest.FixtureRequest) -> Iterator[kantor.Study]:
    made = client.studies.create(request.node.name, SPACE, {"f": "min"}, seed=3)
    yield made
    made.archive().delete()


def test_the_loop_finds_the_minimum_of_branin(study: kantor.Study) -> None:
    best = study.optimize(branin, trials=35, progress=False)

    assert best is not None
    assert best.values_told is not None
    assert best.values_told["f"] < 0.6
    engines = [trial.info.origin for trial in study.trials()]
    assert engines.count("engine") >= 30, "a worker makes the suggestions"
    explained = next(trial for trial in study.trials() if trial.number == 20).info
    assert explained.engine == "gp"
    assert "improvement" in explained.why
    assert explained.watermark is not None


@pytest.mark.parametrize(("name", "meant"), [("parameters", "params"), ("x", "trial['x']"), ("anything", "trial[...]")])
def test_attributes_that_a_trial_does_not_have_say_where_it_is(study: kantor.Study, name: str, meant: str) -> None:
    trial = study.trial()
    with pytest.raises(AttributeError, match=re.escape(f"{name!r}") + ".*" + re.escape(meant)):
        getattr(trial, name)


def test_several_threads_share_a_study_and_never_a_trial(study: kantor.Study) -> None:
    seen: list[int] = []

    def slow(trial: kantor.Trial) -> float:
        seen.append(trial.number)
        time.sleep(0.05)
        return branin(trial)

    study.optimize(slow, trials=24, parallel=6, progress=False)

    assert sorted(seen) == list(range(1, 25))
    points = [tuple(sorted(trial.params.items())) for trial in study.trials()]
    assert len(set(points)) == 24


def test_a_suggestion_is_made_again_from_what_is_stored(study: kantor.Study) -> None:
    study.optimize(branin, trials=12, progress=False)
    made = [trial for trial in study.trials() if trial.info.origin == "engine"][-1]
    study.edit(1, {"f": 123.0}, reason="so that the data are others now")

    replay = study.replay(made.number)

    assert replay["again"] == pytest.approx(made.params, rel=1e-12)
    assert replay["same_version"] is True


def test_importance_and_predictions_come_from_a_worker_and_are_kept(client: kantor.Client, study: kantor.Study) -> None:
    with pytest.raises(kantor.NotFinished, match=r"0 trials have values; an analysis needs 5\. Ask again after 5 more"):
        study.importance()
    for k in range(12):
        x, y = -5 + 1.25 * k, (k * 7) % 15
        study.add({"x": x, "y": y}, {"f": x * x})

    shares = study.importance()["f"]
    predicted = study.predict({"x": 2.0, "y": 3.0})

    assert shares["x"] > 0.8
    assert shares["y"] < 0.1
    assert predicted["f"]["mean"] == pytest.approx(4.0, abs=4.0)
    assert predicted["f"]["std"] > 0
    began = time.perf_counter()
    assert study.importance()["f"] == shares
    assert time.perf_counter() - began < 1.0
    jobs = [job for job in client.jobs(kind="study", labels={"study": study.id}) if job.name.startswith("importance")]
    assert len(jobs) == 1, "what was asked too early was refused, and the answer is kept"


def test_an_evaluator_that_dies_gives_its_trial_back(client: kantor.Client) -> None:
    study = client.studies.create("mortal", SPACE, {"f": "min"}, lease_seconds=1.0)
    first = study.trial()
    with study.trial() as held:  # kept by signs of life, unlike the first
        deadline = time.monotonic() + 20
        while next(t for t in study.trials() if t.number == first.number).state != "waiting":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        again = study.trial()
        assert again.number == first.number
        assert again.info.attempt == 2
        with pytest.raises(kantor.StaleLease):
            study.tell(first, 1.0)
        again.complete(f=1.0)
        held.complete(f=2.0)
    assert held.info.attempt == 1


def test_what_a_block_ends_with_becomes_of_its_trial(study: kantor.Study) -> None:
    with pytest.raises(ZeroDivisionError), study.trial() as failing:
        _ = 1 / 0
    with pytest.raises(KeyboardInterrupt), study.trial() as interrupted:
        raise KeyboardInterrupt
    with study.trial() as reported:
        assert reported.report(1, f=3.0) is False
        reported.complete()
    with pytest.warns(UserWarning, match="goes back"), study.trial():
        pass

    states = {trial.number: (trial.state, trial.info.reason, trial.values_told) for trial in study.trials()}
    assert states[failing.number][:2] == ("failed", "ZeroDivisionError: division by zero")
    assert interrupted.number == reported.number, "an interrupt gives the trial back to the next who asks"
    assert states[reported.number] == ("completed", "", {"f": 3.0})


def test_what_the_function_raises_fails_its_trial_and_ends_the_loop_unless_it_is_caught(study: kantor.Study) -> None:
    calls: list[int] = []

    def broken(trial: kantor.Trial) -> float:
        calls.append(trial.number)
        raise ValueError("no data")

    for parallel in (1, 2):
        with pytest.raises(ValueError, match="no data"):
            study.optimize(broken, trials=50, parallel=parallel, progress=False)
    assert len(calls) <= 3
    assert study.refresh().info.trials.failed == len(calls)
    with pytest.raises(KeyError, match="z"):
        study.optimize(lambda trial: trial["z"], trials=1, progress=False)
    before = study.refresh().info.trials.failed
    study.optimize(broken, trials=2, progress=False, catch=(OSError, ValueError))
    assert study.refresh().info.trials.failed == before + 2


def test_a_study_has_tables_and_the_words_of_optuna_are_translated(study: kantor.Study) -> None:
    pytest.importorskip("pandas")
    assert study.to_pandas().empty
    study.optimize(branin, trials=3, progress=False)
    frame = study.to_pandas()
    assert list(frame["values_f"]) == [branin(trial) for trial in study.trials()]
    assert study.best_value == frame["values_f"].min() == branin(study.best())
    assert study.best_params == study.best().params
    assert "3 completed" in study._repr_html_()
    with pytest.raises(TypeError, match="here it is called 'trials'"):
        study.optimize(branin, n_trials=3)
    with pytest.raises(TypeError, match="here it is called 'seconds'"):
        study.optimize(branin, trials=3, timeout=3)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "returned nothing"),
        ({"g": 1.0}, "'g' was returned, which is no metric of the study; it wants f"),
        ({}, "no value of 'f'"),
        ((1.0, 2.0), "2 values were returned for the objectives f"),
    ],
)
def test_what_is_no_result_is_named_and_fails_its_trial(study: kantor.Study, returned: Any, words: str) -> None:
    with pytest.raises(kantor.KantorError, match=words):
        study.optimize(lambda trial: returned, trials=3, progress=False)
    assert study.refresh().info.trials.failed == 1


def test_a_value_that_is_no_number_is_named(study: kantor.Study) -> None:
    trial = study.trial()
    with pytest.raises(kantor.KantorError, match="the value of 'f' must be a number, not 'abc'"):
        study.tell(trial, {"f": "abc"})  # type: ignore[dict-item]
    assert study.tell(trial, math.nan).info.reason == "f is not a number"


def test_a_budget_ends_the_loop(client: kantor.Client) -> None:
    study = client.studies.create("small", SPACE, {"f": "min"}, budget=4)

    study.optimize(branin, trials=100, progress=False)

    assert study.refresh().info.trials.completed == 4
    with pytest.raises(kantor.StudyDone, match="budget of 4"):
        study.trial()


def test_two_objectives_give_a_front_and_pictures(client: kantor.Client, tmp_path: Path) -> None:
    study = client.studies.create(
        "two", {"x": kantor.Float(0, 1)}, {"a": "min", "b": "min"}, constraints={"c": "<= 0.9"}
    )
    for x in (0.1, 0.5, 0.8, 1.0):
        study.add({"x": x}, {"a": x, "b": (1 - x) ** 2, "c": x})
    study.add({"x": 0.55}, {"a": 0.9, "b": 0.9, "c": 0.5})

    assert [trial.number for trial in study.pareto()] == [1, 2, 3]
    for kind in ("history", "pareto", "parameters"):
        svg = study.plot(kind).save(tmp_path / f"{kind}.svg").read_text()
        assert svg.startswith("<svg")
        assert svg.count("<circle") == 5
    with pytest.raises(kantor.KantorError, match="history, pareto"):
        study.plot("pie")
    with pytest.raises(kantor.KantorError, match=r"call it history\.svg"):
        study.plot("history").save(tmp_path / "history.png")
    assert not (tmp_path / "history.png").exists()


def test_pictures_have_the_scales_and_names_of_the_parameters(client: kantor.Client) -> None:
    space = {"lr": kantor.Float(1e-4, 1.0, log=True), "kind": kantor.Categorical(["a", "b"])}
    study = client.studies.create("scales", space, {"loss": "min"})
    for lr, kind in ((1e-4, "b"), (1e-2, "a"), (1.0, "b")):
        study.add({"lr": lr, "kind": kind}, {"loss": lr})

    svg = study.plot("parameters").svg
    middle = 0.5 * (100 + 620)
    assert f'<circle cx="{middle:.1f}"' in svg, "0.01 is half way from 0.0001 to 1"
    assert "lr (log)" in svg
    assert all(f">{kind}</text>" in svg for kind in ("a", "b"))


def test_create_loads_what_is_there_and_refuses_another_space(client: kantor.Client, study: kantor.Study) -> None:
    assert client.studies.create(study.name, SPACE, {"f": "min"}).id == study.id
    assert client.studies.get(study.name).id == study.id

    with pytest.raises(kantor.Conflict) as refused:
        client.studies.create(study.name, {**SPACE, "z": kantor.Int(1, 3)}, {"f": "max"})
    assert {error.pointer for error in refused.value.errors} == {"/space/z", "/objectives/f"}
    with pytest.raises(kantor.InvalidRequest, match="range is empty"):
        client.studies.create("bad", {"x": kantor.Float(2, 1)})
    with pytest.raises(kantor.InvalidRequest, match="logarithmic"):
        client.studies.create("bad", {"x": kantor.Float(0, 1, log=True)})
    with pytest.raises(kantor.NotFound):
        client.studies.get("no such study")


def test_what_is_misspelt_is_named_in_plain_words(client: kantor.Client) -> None:
    space, create = {"x": kantor.Float(0, 1)}, client.studies.create
    with pytest.raises(
        kantor.InvalidRequest, match=r"^/constraints/m: must be '<= NUMBER' or '>= NUMBER', but is '< 3'"
    ):
        create("misspelt", space, constraints={"m": "< 3"})
    with pytest.raises(kantor.InvalidRequest, match=r"^/budgett: is unknown here"):
        create("misspelt", space, budgett=3)
    with pytest.raises(kantor.InvalidRequest, match=r"^/space/x: should be an object, such as kantor\.Float"):
        create("misspelt", {"x": (0, 1)})
    with pytest.raises(kantor.InvalidOption, match="'gp' has no such option"):
        create("misspelt", space, engine="gp", engine_options={"foo": 1})
    with pytest.raises(kantor.InvalidOption, match="no engine has this option"):
        create("misspelt", space, engine_options={"foo": 1})
    taste = create(f"misspelt {uuid4().hex}", space, "preference")
    (trial,) = taste.ask()
    with pytest.raises(ValueError, match=r"rank\(\)"):
        taste.tell(trial, 1.0)
    with pytest.raises(kantor.InvalidRequest, match=r"^trial 1 is named twice"):
        taste.prefer(trial, trial)
    taste.archive().delete()


def test_conditional_parameters_and_input_constraints_hold_for_every_suggestion(client: kantor.Client) -> None:
    space = {
        "kind": kantor.Categorical(["tree", "net"]),
        "depth": kantor.Int(1, 9, when={"kind": "tree"}),
        "lr": kantor.Float(1e-4, 1, log=True, when={"kind": "net"}),
        "beta": kantor.Float(0, 1, when={"lr": {"low": 0.01}}),
        "w": kantor.Ordinal([16, 32, 64]),
    }
    study = client.studies.create("tree or net", space, input_constraints=["depth * w <= 200"])

    def evaluate(trial: kantor.Trial) -> float:
        assert ("depth" in trial) == (trial["kind"] == "tree")
        assert ("beta" in trial) == (trial.get("lr", 0) >= 0.01)
        assert trial.get("depth", 0) * trial["w"] <= 200
        return trial.get("depth", 5) + trial.get("beta", 0.5) + trial["w"] / 64

    study.optimize(evaluate, trials=20, progress=False)

    assert study.refresh().info.trials.completed == 20


def test_the_asyncio_client_does_the_same(live_kantor: dict[str, str]) -> None:
    async def run() -> None:
        async with kantor.AsyncClient(live_kantor["url"], live_kantor["api_key"]) as client:
            study = await client.studies.create("async", SPACE, {"f": "min"}, seed=1)

            async def evaluate(trial: kantor.Trial) -> float:
                await asyncio.sleep(0.01)
                return branin(trial)

            best = await study.optimize(evaluate, trials=10, parallel=3)
            assert best is not None
            assert len(await study.table()) == len(await study.to_pandas()) == 10
            assert len([trial async for trial in study.trials("completed")]) == 10
            async with await study.trial() as trial:
                await trial.complete(f=1.0)
            (asked,) = await study.ask(fixed={"x": 1.0})
            assert asked["x"] == 1.0
            await study.tell(asked, 2.0)
            with pytest.raises(kantor.Conflict):
                await study.tell(asked, 3.0)
            await study.archive()
            await study.delete()

    asyncio.run(run())


def test_signs_of_life_do_not_outlive_their_block(study: kantor.Study) -> None:
    with study.trial() as trial:
        trial.complete(f=1.0)
    time.sleep(0.05)
    assert not [thread for thread in threading.enumerate() if thread.name == f"trial {trial.number}"]


def test_the_command_creates_asks_tells_and_shows(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "study.json"
    file.write_text(json.dumps({"name": "by hand", "space": {"x": {"type": "float", "low": 0, "high": 1}}}))

    made = json.loads(command("studies", "create", file, "--json").stdout)
    (asked,) = json.loads(command("studies", "ask", "by hand").stdout)
    told = json.loads(command("studies", "tell", "by hand", asked["number"], "value=0.25", "--json").stdout)

    assert told["values"] == {"value": 0.25}
    assert "value 0.25" in command("studies", "best", "by hand").stdout
    assert "by hand" in command("studies", "list").stdout
    assert str(asked["number"]) in command("studies", "trials", made["id"]).stdout
    assert command("studies", "tell", "by hand", asked["number"], "value=0.5").returncode == 1
    assert command("studies", "tell", "by hand", asked["number"], "value").returncode != 0
    assert command("studies", "archive", "by hand").returncode == 0
    assert command("studies", "delete", "by hand").returncode == 0
    assert command("studies", "show", "by hand").returncode == 2


def test_an_engine_that_no_worker_offers_is_warned_of(client: kantor.Client) -> None:
    with pytest.warns(UserWarning, match="no worker offers the engine 'botorch'.*quasi-random"):
        made = client.studies.create("unserved", SPACE, {"f": "min"}, engine="botorch")
    made.archive().delete()


def test_a_picture_of_what_trials_reported_has_a_line_for_each(study: kantor.Study) -> None:
    with pytest.raises(kantor.KantorError, match="has reported f"):
        study.plot("curves")
    for k in range(3):
        with study.trial() as trial:
            for step in range(4):
                trial.report(step, f=math.nan if step == 2 else k + 1.0 / (step + 1))
            trial.complete(f=float(k))
    svg = study.plot("curves").svg
    assert svg.count("<polyline") == 3
    assert study.plot("curves", most=2).svg.count("<polyline") == 2
    assert [len(line.split()) for line in re.findall(r'points="([^"]*)"', svg)] == [3, 3, 3], "NaN is left out"
