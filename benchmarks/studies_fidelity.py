"""Do cheap trials help? The engine ``gp`` with a fidelity against the same without, at equal cost.

``python -m benchmarks.studies_fidelity``. Costs are in full trials; what counts is the best trial in full. Two textbook
functions whose fidelity shifts them (Wu, Toscano-Palmerin, Frazier, Wilson: Practical Multi-fidelity Bayesian
Optimization for Hyperparameter Tuning, UAI 2019), and a real training: a network on handwritten digits, of which the
number of steps is the fidelity (the rate falls to 0 within them), and the loss on held-out digits is told.

Prediction before the first run: half of the cost goes to cheap trials by the engine's own rule, so where they tell
nothing it takes up to twice as much to get as far; where they tell all, a third.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  - after the number of threads is set

from benchmarks import schedules_digits  # noqa: E402
from benchmarks.harness.kept import Kept  # noqa: E402
from benchmarks.harness.report import RESULTS, Report, Table  # noqa: E402
from benchmarks.studies_engines import Kantor  # noqa: E402
from benchmarks.studies_problems import Problem, branin, hartmann6_with  # noqa: E402
from solvers.studies.parameters import Fidelity, Float, Int, Parameter  # noqa: E402
from solvers.studies.space import Space  # noqa: E402
from solvers.studies.study import Objective, Study  # noqa: E402

MARKS = (5, 10, 15, 20)
STEPS = 400


@dataclass(frozen=True)
class Task:
    """``value(parameters, share)``: at a share of the full fidelity; ``best``: known for the textbook's."""

    name: str
    parameters: tuple[Parameter, ...]
    fidelity: Fidelity
    value: Callable[[Mapping[str, Any], float], float]
    best: float = 0.0


def tasks() -> list[Task]:
    """Digits last, and only where their data are."""
    unit = tuple(Float(name=f"x{i}", low=0.0, high=1.0) for i in range(6))
    share = Fidelity(name="share", low=0.05, high=1.0)
    plane = (Float(name="x0", low=-5.0, high=10.0), Float(name="x1", low=0.0, high=15.0))
    found = [
        Task("Branin, shifted", plane, share, _branin, 0.39788735772973816),
        Task("Hartmann6, shifted", unit, share, lambda p, s: hartmann6_with(_x(p), 1.0 - 0.1 * (1 - s)), -3.322368),
    ]
    if schedules_digits.DATA.exists():
        training = (
            Float(name="rate", low=3e-3, high=3.0, log=True),
            Float(name="momentum", low=0.0, high=0.98),
            Float(name="decay", low=1e-6, high=1e-1, log=True),
            Int(name="hidden", low=4, high=64, log=True),
        )
        steps = Fidelity(name="share", low=0.05, high=1.0, log=True)
        found.append(Task("digits, network", training, steps, _digits))
    return found


def _x(p: Mapping[str, Any]) -> np.ndarray:
    return np.array([p[f"x{i}"] for i in range(6)])


def _branin(p: Mapping[str, Any], share: float) -> float:
    a, b = p["x0"], p["x1"]
    return branin(np.array([a, b + 0.1 * (1 - share) * a * a]))


def _digits(p: Mapping[str, Any], share: float) -> float:
    """Cross entropy on held-out digits after a share of ``STEPS`` steps of SGD."""
    x, y = schedules_digits.digits()
    rng = np.random.default_rng(0)
    order, hidden, steps = rng.permutation(len(x)), int(p["hidden"]), max(1, round(STEPS * share))
    fit, held = order[:1300], order[1300:]
    w = [rng.normal(size=(64, hidden)) / 8, np.zeros(hidden), rng.normal(size=(hidden, 10)) / hidden**0.5, np.zeros(10)]
    speed = [np.zeros_like(part) for part in w]
    with np.errstate(all="ignore"):
        for t in range(steps):
            grads = schedules_digits.gradient(w, x[(chosen := rng.choice(fit, 32))], y[chosen])[1]
            for part, v, g in zip(w, speed, grads, strict=True):
                v *= p["momentum"]
                v += g + p["decay"] * part
                part -= p["rate"] * (1 - t / steps) * v
        loss = schedules_digits.gradient(w, x[held], y[held])[0]
    return min(loss, 100.0) if math.isfinite(loss) else 100.0


def run(report: Report, seeds: range, kept: Kept) -> None:
    """Measure, and add a table."""
    table = Table(
        f"Fidelities: median [worst] of seeds {seeds.start} to {seeds[-1]} at a cost of so many full trials",
        ["problem", "trials", "seeds", *map(str, MARKS), "trials at the end"],
        note="Regret of the best trial in full; of digits its loss on held-out digits.",
    )
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with kept.part():
        for seed in seeds:
            for task in tasks():
                for cheap in (True, False):
                    name = "cheap ones too" if cheap else "in full only"
                    made = kept.get(
                        f"{task.name} | {name} | {seed}",
                        lambda t=task, c=cheap, s=seed: _one(t, s, cheap=c),  # type: ignore[misc]
                    )
                    print(f"{task.name}, {name}, seed {seed}: {made}", flush=True)
                    found.setdefault((task.name, name), []).append(made)
    for (problem, name), runs in found.items():
        bests = np.array([r["bests"] for r in runs])
        columns = [f"{np.median(c):.3g} [{c.max():.3g}]" for c in bests.T]
        table.rows.append([problem, name, len(runs), *columns, float(np.median([r["trials"] for r in runs]))])
    report.data["studies_fidelity"] = {" | ".join(key): runs for key, runs in found.items()}
    report.add(table)


def _one(task: Task, seed: int, *, cheap: bool) -> dict[str, Any]:
    """The best trial in full at each mark, and how many trials there were."""
    space = Space((*task.parameters, task.fidelity) if cheap else task.parameters)
    player = Kantor(Problem(task.name, Study(space, (Objective("y"),)), lambda _: {}, task.best), seed, "gp")
    spent, best, count = 0.0, math.inf, 0
    bests: list[float] = []
    while len(bests) < len(MARKS):
        point = player.ask()
        share = float(point.get("share", 1.0))
        value = task.value(point, share)
        player.tell({"y": value})
        spent, count = spent + share, count + 1
        while len(bests) < len(MARKS) and spent > MARKS[len(bests)] + 1e-9:
            bests.append(best)
        if share > 1.0 - 1e-9:
            best = min(best, value - task.best)
        while len(bests) < len(MARKS) and spent > MARKS[len(bests)] - 1e-9:
            bests.append(best)
    return {"bests": bests, "trials": count}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies_fidelity")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep results there, and go on from what it holds")
    parser.add_argument("--for", dest="part", type=float, metavar="SECONDS", help="end this part after so long")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else list(arguments)
    report = Report("full", " ".join(["python -m benchmarks.studies_fidelity", *given]))
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    run(report, seeds, Kept(options.kept, options.part))
    print(report.write(options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
