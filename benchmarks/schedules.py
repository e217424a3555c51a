"""Learning-rate schedules on two real small trainings: one that fits its data, one that does not get through them.

``python -m benchmarks.schedules``. Every schedule gets its own best base rate (by the loss, on tuning seeds); the
refined ones are made from the gradient norms of the tuning runs of linear decay, as somebody has them who has trained
before. Then all are compared on other seeds with the same initial weights and order of data: the spread of the paired
differences is what counts.

Prediction before the first run: digits: all decaying schedules within noise of each other, constant clearly behind.
Language: refined ahead of linear by what its warm-up brings, level with linear after a warm-up of 5 %.
Found: digits are fitted, so norms fall sevenfold, and weights by their squares leave nothing for the first half.
The language: refined level with linear, warm-up and cosine a little behind, wsd ahead of all.

A training of the language takes 3 seconds of CPU, and 93 of them are compared: ``--kept FILE --for 600`` ends after ten
minutes, and goes on when it is called again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks import schedules_digits, schedules_language
from benchmarks.harness.kept import Kept
from benchmarks.harness.report import RESULTS, Report, Table
from benchmarks.schedules_task import Array, Outcome, Task
from solvers.schedules.refine import POWERS, refine

TUNING_SEEDS = 2
TASKS = {"digits": schedules_digits.task, "language": schedules_language.task}


def shapes(steps: int) -> dict[str, Array]:
    """(steps,) curves that need no data."""
    share = np.arange(steps) / (steps - 1)
    linear = 1.0 - share
    return {
        "constant": np.ones(steps),
        "linear": linear,
        "linear, 5 % warm-up": linear * np.minimum(share / 0.05, 1.0),
        "cosine": 0.5 * (1.0 + np.cos(np.pi * share)),
        "wsd": np.clip(linear / 0.2, 0.0, 1.0),
    }


class Trainings:
    """Of one task, kept by name of the schedule: what a schedule is follows from the trainings before."""

    def __init__(self, task: Task, steps: int, kept: Kept) -> None:
        self.task, self.steps, self.kept = task, steps, kept

    def train(self, name: str, rate: float, curve: Array, seed: int, *, norms: bool = False) -> Outcome:
        """``norms``: those of the gradients are wanted too."""

        def make() -> list[object]:
            found = self.task.train(rate, curve, seed)
            print(f"{self.task.name}, {name}, rate {rate:g}, seed {seed}: {found.loss:.4f}", flush=True)
            return [found.loss, found.other, found.norms.tolist() if norms else []]

        key = f"{self.task.name} | {self.steps} | {name} | {rate:g} | {seed}{' | norms' if norms else ''}"
        loss, other, seen = self.kept.get(key, make)
        return Outcome(loss, other, np.array(seen))

    def best(self, name: str, curve: Array, seeds: Sequence[int]) -> float:
        """The base rate with the least mean loss."""
        means = {
            rate: float(np.mean([self.train(name, rate, curve, seed).loss for seed in seeds]))
            for rate in self.task.rates
        }
        return min(means, key=lambda rate: means[rate])


def run(report: Report, task: Task, *, steps: int, seeds: int, kept: Kept | None = None) -> None:
    """Measure, and add a table."""
    trainings = Trainings(task, steps, kept or Kept())
    tuning = range(1000, 1000 + TUNING_SEEDS)
    with np.errstate(over="ignore", invalid="ignore"):
        curves = shapes(steps)
        rates = {name: trainings.best(name, curve, tuning) for name, curve in curves.items()}
        cells = np.arange(steps, dtype=float)
        logs = [
            (cells, trainings.train("linear", rates["linear"], curves["linear"], seed, norms=True).norms)
            for seed in tuning
        ]
        bounds, powers = {}, {}
        for name, power in (("refined", None), ("refined, by the theory", POWERS[task.norm])):
            found = refine(logs, steps, norm=task.norm, power=power, before=curves["linear"])
            curves[name] = np.interp(cells, found.steps, found.curve)
            rates[name] = trainings.best(name, curves[name], tuning)
            bounds[name], powers[name] = found.after, found.power
        results = {
            name: np.array(
                [(o.loss, o.other) for o in (trainings.train(name, rates[name], curve, s) for s in range(seeds))]
            )
            for name, curve in curves.items()
        }
    fall = float(found.norms[: steps // 10].mean() / found.norms[-steps // 10 :].mean())
    assert found.before is not None
    base = results["linear"]
    rows: list[Sequence[object]] = []
    for name, values in results.items():
        paired = 100.0 * (values[:, 0] / base[:, 0] - 1.0)
        rows.append(
            [
                name,
                rates[name],
                float(np.median(values[:, 0])),
                float(values[:, 0].min()),
                float(values[:, 0].max()),
                f"{np.median(paired):+.1f} %",
                f"{paired.min():+.1f} to {paired.max():+.1f} %",
                f"{int(np.sum(paired < 0))} of {seeds}" if name != "linear" else "-",
                float(np.median(values[:, 1])),
            ]
        )
    columns = ["schedule", "rate", "loss", "least", "most", "to linear", "spread", "better", task.other]
    note = (
        f"{task.note} {steps} steps, {seeds} seeds, paired. Filtered norms fall by a factor of {fall:.2g}; power of "
        f"refined {powers['refined']:.2g}, by the theory {POWERS[task.norm]:g}. Bounds: linear {found.before:.3g} D, "
        f"refined {bounds['refined']:.3g} D, by the theory {bounds['refined, by the theory']:.3g} D."
    )
    report.add(Table(f"Learning-rate schedules: {task.name}", columns, rows, note))
    report.data[f"schedules_{task.name}"] = {
        "rates": rates,
        "results": {name: values.tolist() for name, values in results.items()},
        "bound_before": found.before,
        "bounds": bounds,
        "powers": powers,
        "fall": fall,
        "norms": found.norms[:: max(1, steps // 50)].tolist(),
        "refined": curves["refined"][:: max(1, steps // 50)].tolist(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedules")
    parser.add_argument("--only", choices=sorted(TASKS))
    parser.add_argument("--steps", type=int, help="instead of the task's own")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep results there, and go on from what it holds")
    parser.add_argument("--for", dest="part", type=float, metavar="SECONDS", help="end this part after so long")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    report = Report("full", " ".join(["python -m benchmarks.schedules", *given]))
    begin = time.monotonic()
    kept = Kept(options.kept, options.part)
    for name in [options.only] if options.only else list(TASKS):
        task = TASKS[name]()
        if task is None:
            print(f"The data of {name} are not there; set KANTOR_TEST_DATA to the folder of test data.")
            continue
        with kept.part():
            run(report, task, steps=options.steps or task.steps, seeds=options.seeds, kept=kept)
    if report.tables:
        print(f"\n{report.write(options.output)} after {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
