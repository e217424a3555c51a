"""Studies: CPU time of a suggestion, and regret over seeds, Kantor's engines beside those of the peers that are
installed.

``python -m benchmarks --only studies``, or ``python -m benchmarks.studies --help`` in an environment that has only
numpy, scipy and the peers (extra ``bench``): neither database nor service is needed. Every player is given one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  - after the number of threads is set

from benchmarks.harness.report import RESULTS, Report, Table  # noqa: E402
from benchmarks.studies_engines import Unfit, finite, players  # noqa: E402
from benchmarks.studies_problems import Problem, problems  # noqa: E402
from solvers.studies.parameters import Float  # noqa: E402
from solvers.studies.space import Space  # noqa: E402
from solvers.studies.study import Objective, Study  # noqa: E402

MARKS = (20, 40, 60)
#: Players whose suggestion after 1,000 trials takes minutes are not asked for one.
SLOW = ("BoTorch qLogNEI", "Ax")
#: Seeds, players at regret, sizes of the history for the times.
SIZES = {
    "tiny": (1, ("Kantor auto",), (10,)),
    "quick": (2, ("Kantor auto", "Optuna TPE", "Optuna GP"), (10, 50, 200)),
    "full": (10, None, (10, 50, 200, 1000)),
}


def run(
    scale: str,
    report: Report,
    only: Sequence[str] = (),
    seeds: int | None = None,
    who: Sequence[str] = (),
    first_seed: int = 0,
) -> None:
    """Measure and add two tables; ``report.data["studies"]`` gets every regret.

    Args:
        first_seed: seeds count from it. Engines were made looking at the first ones: claims rest on later ones.
    """
    planned, names, sizes = SIZES[scale]
    chosen = [n for n in players() if n in who or (not who and (names is None or n in names))]
    if not only or "latency" in only:
        _latency(report, chosen, sizes)
    rest = [name for name in only if name != "latency"]
    if scale == "tiny" and not only:
        rest = ["Branin", "nested choices"]
    if rest or not only:
        _regret(
            report,
            chosen,
            range(first_seed, first_seed + (seeds or planned)),
            rest,
            20 if scale == "tiny" else max(MARKS),
        )


def _wavy(width: int) -> Problem:
    """A rotated quadratic with a sine, as in the tables of peers."""
    rng = np.random.default_rng(width)
    rotation = np.linalg.qr(rng.standard_normal((width, width)))[0]
    weights = np.linspace(0.2, 3.0, width)
    space = Space(tuple(Float(name=f"x{i}", low=0.0, high=1.0) for i in range(width)))

    def truth(p: object) -> dict[str, float]:
        x = np.array([p[f"x{i}"] for i in range(width)])  # type: ignore[index]
        return {"y": float(weights @ (rotation @ (x - 0.4)) ** 2 + 0.2 * np.sin(8 * x[0]))}

    return Problem(f"{width}-d", Study(space, (Objective("y"),)), truth, 0.0)


def _latency(report: Report, chosen: Sequence[str], sizes: Sequence[int]) -> None:
    table = Table(
        "CPU seconds of a suggestion after n trials (median of 3, one thread)",
        ["engine", *(f"{d}-d, n={n}" for d in (6, 20) for n in sizes)],
        note="Histories: random points of a rotated quadratic with a sine, told one by one in the engine's own way.",
    )
    for name in chosen:
        cases = [(d, size) for d in (6, 20) for size in sizes]
        row = [None if n > 200 and name in SLOW else _suggestion_seconds(name, _wavy(d), n) for d, n in cases]
        table.rows.append([name, *row])
        report.data.setdefault("studies_latency", {})[name] = row
    report.add(table)


def _suggestion_seconds(name: str, problem: Problem, size: int) -> float | None:
    rng = np.random.default_rng(size)
    player = players()[name](problem, 0)
    for _ in range(size):
        _tell_history(player, {p.name: float(rng.random()) for p in problem.study.space.parameters}, problem)
    times = []
    for _ in range(4):
        begin = time.process_time()
        point = player.ask()
        times.append(time.process_time() - begin)
        player.tell(problem.truth(point))
    return round(float(np.median(times[1:])), 4)


def _tell_history(player: object, point: dict[str, float], problem: Problem) -> None:
    """Give a player a point that it did not ask for, by its own means."""
    from benchmarks.studies_engines import Ax, BoTorch, Kantor, Optuna

    told = problem.truth(point)
    if isinstance(player, Kantor):
        player.asked = dict(point)
        player.tell(told)
    elif isinstance(player, Optuna):
        import optuna

        ranges = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in point}
        player.study.add_trial(
            optuna.trial.create_trial(params=point, distributions=ranges, values=list(told.values()))
        )
    elif isinstance(player, BoTorch):
        import torch

        player.asked = torch.tensor([list(point.values())], dtype=torch.double)
        player.tell(told)
    elif isinstance(player, Ax):
        player.index = player.client.attach_trial(point)
        player.tell(told)


def _regret(report: Report, chosen: Sequence[str], seeds: range, only: Sequence[str], trials: int) -> None:
    marks = [mark for mark in MARKS if mark <= trials]
    table = Table(
        f"Regret: median [worst] of seeds {seeds.start} to {seeds[-1]} after {', '.join(map(str, marks))} evaluations; "
        "CPU s a suggestion",
        ["problem", "engine", *map(str, marks), "CPU s"],
        note="Two objectives: what is missing of the best hypervolume. Noisy: the best true value of the points.",
    )
    for problem in problems():
        if only and problem.name not in only:
            continue
        for name in chosen:
            runs = []
            began, asked = time.process_time(), 0
            try:
                for seed in seeds:
                    runs.append(_one(name, problem, seed, trials, marks))
                    asked += trials
            except Unfit:
                continue
            cost = (time.process_time() - began) / max(asked, 1)
            data = report.data.setdefault("studies_regret", {}).setdefault(problem.name, {})
            data[name] = [[finite(r) for r in run] for run in runs]
            columns = [f"{np.median(r):.2g} [{max(r):.2g}]" for r in zip(*runs, strict=True)]
            table.rows.append([problem.name, name, *columns, round(cost, 3)])
            print(table.rows[-1], flush=True)
    report.add(table)


def _one(name: str, problem: Problem, seed: int, trials: int, marks: Sequence[int]) -> list[float]:
    player = players()[name](problem, seed)
    rng = np.random.default_rng(1000 + seed)
    points, regrets = [], []
    for i in range(1, trials + 1):
        point = player.ask()
        points.append(dict(point))
        player.tell(problem.measure(point, rng))
        if i in marks:
            regrets.append(problem.regret(points))
    return regrets


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--scale", choices=list(SIZES), default="quick")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], help='"latency" or a problem')
    parser.add_argument("--engine", action="append", default=[], help="only this player")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else list(arguments)
    report = Report(options.scale, " ".join(["python -m benchmarks.studies", *given]))
    run(options.scale, report, options.only, options.seeds, options.engine, options.first_seed)
    print(report.write(options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
