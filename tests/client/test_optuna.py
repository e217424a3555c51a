"""Kantor's engines in Optuna's own studies, against a whole Kantor with a worker."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kantor
import pytest

optuna = pytest.importorskip("optuna")
from kantor.integrations.optuna import KantorPruner, KantorSampler  # noqa: E402
from kantor.integrations.optuna_space import learnt  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def twins(client: kantor.Client, study: Any) -> list[kantor.Study]:
    """Studies of Kantor beside one of Optuna, oldest first."""
    return [made for made in reversed(list(client.studies.list())) if made.name.startswith(study.study_name)]


def test_it_finds_the_minimum_and_kantor_knows_every_trial(client: kantor.Client) -> None:
    study = optuna.create_study(sampler=KantorSampler(client, seed=1))

    study.optimize(lambda t: (t.suggest_float("x", -5, 5) - 1) ** 2 + (t.suggest_float("y", -5, 5) + 2) ** 2, 22)

    assert study.best_value < 0.02
    (twin,) = twins(client, study)
    assert twin.refresh().info.trials.completed == 22
    told = sorted((trial.values_told or {})["value"] for trial in twin.trials())
    assert told == pytest.approx(sorted(study.trials_dataframe()["value"]))
    assert sum(trial.info.origin == "engine" for trial in twin.trials()) >= 18


def test_what_only_some_trials_define_is_understood_as_conditional(client: kantor.Client) -> None:
    def objective(trial: Any) -> float:
        layers = trial.suggest_int("layers", 1, 3)
        kind = trial.suggest_categorical("kind", ["tree", None, 0.5])
        units = [trial.suggest_float(f"unit {k}", 0, 1) for k in range(layers)]
        rate = trial.suggest_float("rate", 1e-4, 1, log=True) if kind == "tree" else 0.1
        return sum(units) / layers + abs(rate - 0.01) + (kind is None)

    study = optuna.create_study(sampler=KantorSampler(client, seed=2, warn_independent_sampling=False))
    study.optimize(objective, 25)

    space = learnt(study.trials)
    assert space.when == {
        "unit 1": ("layers", {"low": 2}),
        "unit 2": ("layers", {"low": 3}),
        "rate": ("kind", (0,)),
    }
    newest = twins(client, study)[-1]
    assert (
        newest.info.space["unit 2"].when == {"layers": {"low": 3.0, "high": None}} or newest.info.space["unit 2"].when
    )
    assert newest.refresh().info.trials.completed == 25, "a new space begins with all that is known"
    assert study.best_value < 0.4


def test_what_no_parameter_explains_is_drawn_independently_with_a_warning(client: kantor.Client) -> None:
    study = optuna.create_study(sampler=KantorSampler(client, seed=2))

    def objective(trial: Any) -> float:
        top = trial.suggest_int("top", 1, 9)
        return top - trial.suggest_int("below", 0, top)

    with pytest.warns(UserWarning, match="'below' is drawn independently"):
        study.optimize(objective, 6)
    assert list(twins(client, study)[-1].info.space) == ["top"]


def test_several_objectives_and_constraints_of_both_kinds(client: kantor.Client) -> None:
    sampler = KantorSampler(client, seed=3, constraints_func=lambda trial: (trial.params["x"] - 0.6,))
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.params["x"] ** 2), 8)

    twin = twins(client, study)[-1]
    assert twin.objectives == {"value 0": "min", "value 1": "max"}
    assert twin.info.constraints == {"constraint 0": "<= 0"}
    assert all(trial.feasible == (trial["x"] <= 0.6) for trial in twin.trials("completed"))
    assert {t.number for t in study.best_trials} == {t.number for t in study.trials if t.params["x"] <= 0.6}, (
        "Optuna itself knows the constraints"
    )

    def named(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("memory", 0.3 - x)
        return float(x)

    other = optuna.create_study(sampler=KantorSampler(client, seed=3))
    other.optimize(named, 14)
    assert twins(client, other)[-1].info.constraints == {"constraint memory": "<= 0"}
    assert 0.3 <= other.best_value < 0.4


def test_failed_and_pruned_trials_and_those_of_others_are_learnt_from(client: kantor.Client) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=4))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), 5)
    study.sampler = KantorSampler(client, seed=4)
    study.enqueue_trial({"x": 0.75})

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 1)
        if x > 0.7:
            raise optuna.TrialPruned
        if x < 0.2:
            raise ValueError("does not run")
        return float(x)

    study.optimize(objective, 15, catch=ValueError)

    (twin,) = twins(client, study)
    states = [trial.state for trial in study.trials]
    counts = twin.refresh().info.trials
    assert study.trials[5].params == {"x": 0.75}
    assert counts.completed == states.count(TrialState.COMPLETE)
    assert counts.stopped == states.count(TrialState.PRUNED) >= 1
    assert counts.failed == states.count(TrialState.FAIL) >= 1
    assert counts.running == 0


def test_enqueued_values_of_some_parameters_condition_the_others(client: kantor.Client) -> None:
    study = optuna.create_study(sampler=KantorSampler(client, seed=5))

    def objective(trial: Any) -> float:
        return (trial.suggest_float("x", 0, 1) - trial.suggest_float("y", 0, 1)) ** 2

    study.optimize(objective, 3)
    study.enqueue_trial({"x": 0.125})
    study.optimize(objective, 1)

    (twin,) = twins(client, study)
    assert study.trials[3].params["x"] == 0.125
    assert any(trial["x"] == 0.125 and trial.state == "completed" for trial in twin.trials())


def test_the_pruner_stops_by_the_rule_of_the_study(client: kantor.Client) -> None:
    sampler = KantorSampler(client, seed=6, early_stopping={"rule": "median", "startup": 3})
    study = optuna.create_study(sampler=sampler, pruner=KantorPruner(sampler))

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(1, 6):
            trial.report(x + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(x)

    study.optimize(objective, 20)

    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert pruned
    assert min(t.params["x"] for t in pruned) > study.best_value


def test_threads_share_a_sampler_and_ask_and_tell_works(client: kantor.Client) -> None:
    study = optuna.create_study(sampler=KantorSampler(client, seed=7))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) ** 2, 16, n_jobs=4)
    trial = study.ask()
    study.tell(trial, trial.suggest_float("x", 0, 1))

    (twin,) = twins(client, study)
    assert len({t.params["x"] for t in study.trials}) == 17
    assert twin.refresh().info.trials.completed >= 16


def test_two_processes_work_on_one_study(client: kantor.Client, environment: dict[str, str], tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    study = optuna.create_study(study_name="shared by two", storage=storage, sampler=KantorSampler(client))
    script = (
        "import optuna, sys\n"
        "from kantor.integrations.optuna import KantorSampler\n"
        f"study = optuna.load_study(study_name='shared by two', storage={storage!r}, sampler=KantorSampler())\n"
        "study.optimize(lambda t: (t.suggest_float('x', 0, 1) - 0.3) ** 2, 6)\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(2)]
    assert [process.wait(90) for process in both] == [0, 0]
    study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2, 1)

    (twin,) = twins(client, study)
    values = [(trial.values_told or {})["value"] for trial in twin.refresh().trials("completed")]
    assert len(values) == len(study.trials) == 13
    assert sorted(values) == pytest.approx(sorted(t.value for t in study.trials)), "each is known once"


def test_an_outage_is_borne_and_made_up_for(client: kantor.Client) -> None:
    sampler = KantorSampler(client, seed=8)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), 3)
    twin = sampler._twin
    assert twin is not None
    away = kantor.Client("http://127.0.0.1:9", max_retries=0)
    away._policy = replace(away._policy, patience=1.0)
    here, twin.study._client = twin.study._client, away
    with pytest.warns(UserWarning, match="Kantor is away"):
        study.optimize(lambda t: t.suggest_float("x", 0, 1), 2)
    twin.study._client = here
    study.optimize(lambda t: t.suggest_float("x", 0, 1), 1)

    assert len(list(twin.study.trials("completed"))) == 6
    bad = optuna.create_study(sampler=KantorSampler(kantor.Client("http://127.0.0.1:9", max_retries=0)))
    with pytest.raises(kantor.ConnectionFailed):
        bad.optimize(lambda t: t.suggest_float("x", 0, 1), 2)


def test_a_sampler_can_be_sent_to_another_process(client: kantor.Client) -> None:
    sampler = pickle.loads(pickle.dumps(KantorSampler(client, engine="gp", seed=1)))

    assert sampler._client is None
    assert sampler._settings["engine"] == "gp"


def test_without_optuna_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['optuna'] = None\n"
        "try:\n    import kantor.integrations.optuna\n"
        "except ImportError as error:\n    assert \"pip install 'kantor[optuna]'\" in str(error), error\n"
        "else:\n    raise SystemExit(1)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
