"""The loop of a study in processes of its own: killed, interrupted, gone on with."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import kantor
import pytest

SPACE = {"x": kantor.Float(0, 1)}
BEGIN = """
import sys, time, kantor
study = kantor.Client().studies.create({name!r}, {{"x": kantor.Float(0, 1)}}, {{"f": "min"}}, lease_seconds=2.0)
def evaluate(trial):
    print("at", trial.number, flush=True)
    time.sleep({seconds} if trial.number > 2 else 0)
    return trial["x"]
"""


def started(name: str, environment: dict[str, str], code: str, seconds: float = 30) -> subprocess.Popen[str]:
    """A process that evaluates two trials at once, and takes long for each further one."""
    script = BEGIN.format(name=name, seconds=seconds) + code
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], *words: str) -> None:
    assert process.stdout is not None
    wanted = set(words)
    while wanted:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        wanted.discard(line.strip())


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_trial_whose_process_is_killed_goes_to_the_next_who_asks(
    client: kantor.Client, environment: dict[str, str]
) -> None:
    process = started(
        "killed", environment, "with study.trial() as trial:\n    print('held', flush=True)\n    time.sleep(60)"
    )
    read_until(process, "held")
    study = client.studies.get("killed")
    time.sleep(2.5)
    assert study.refresh().info.trials.running == 1, "signs of life keep it longer than its lease"

    process.kill()
    process.communicate(timeout=20)
    wait_for(lambda: study.refresh().info.trials.waiting == 1)

    with study.trial() as trial:
        assert (trial.number, trial.info.attempt) == (1, 2)
        trial.complete(f=1.0)
    assert [change.type for change in study.history(1).changes] == ["asked", "returned", "asked", "completed"]


def test_an_interrupt_keeps_results_gives_the_trial_back_and_the_study_goes_on_by_name(
    client: kantor.Client, environment: dict[str, str]
) -> None:
    process = started("interrupted", environment, "study.optimize(evaluate, trials=9, progress=False)")
    read_until(process, "at 1", "at 2", "at 3")
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=20)[1]

    assert process.returncode == -signal.SIGINT or "KeyboardInterrupt" in error
    study = client.studies.get("interrupted")
    assert (study.info.trials.completed, study.info.trials.waiting, study.info.trials.running) == (2, 1, 0)
    again = client.studies.create("interrupted", SPACE, {"f": "min"}, lease_seconds=2.0)
    again.optimize(lambda trial: trial["x"], trials=2, progress=False)
    assert again.refresh().info.trials.completed == 4
    assert sorted(trial.number for trial in again.trials("completed")) == [1, 2, 3, 4]


def test_an_interrupt_of_threads_ends_their_trials_and_a_second_one_gives_them_back(
    client: kantor.Client, environment: dict[str, str]
) -> None:
    code = "study.optimize(evaluate, trials=9, parallel=2, progress=False)"
    process = started("threads", environment, code, seconds=3)
    read_until(process, "at 3", "at 4")
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    study = client.studies.get("threads")
    assert "2 trials are ended first" in error
    assert (study.info.trials.completed, study.info.trials.running) == (4, 0)

    process = started("threads twice", environment, code)
    read_until(process, "at 3", "at 4")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "Ctrl-C again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    trials = client.studies.get("threads twice").info.trials
    assert (trials.completed, trials.waiting, trials.running) == (2, 2, 0)


def test_a_callback_sees_every_trial_and_can_end_the_loop(client: kantor.Client) -> None:
    study = client.studies.create("with a callback", SPACE, {"f": "max"})
    seen: list[float] = []

    def look(trial: kantor.Trial) -> bool:
        seen.append((trial.values_told or {})["f"])
        return len(seen) == 3

    study.optimize(lambda trial: trial["x"], trials=50, progress=False, callback=look)

    assert len(seen) == study.refresh().info.trials.completed == 3
    with pytest.raises(kantor.KantorError, match="at least 1"):
        study.optimize(lambda trial: trial["x"], trials=5, parallel=0)
