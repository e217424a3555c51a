"""CPU time of a suggestion after so many trials, without anything prepared."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness.kept import Kept
from benchmarks.harness.report import Report, Table
from benchmarks.studies_engines import Ax, BoTorch, Kantor, Optuna, players
from benchmarks.studies_problems import Problem
from solvers.studies.parameters import Float
from solvers.studies.space import Space
from solvers.studies.study import Objective, Study

WIDTHS = (6, 20)
#: What longer histories cost a player is not asked where three suggestions took longer than this.
CAP = 60.0


def run(report: Report, chosen: Sequence[str], sizes: Sequence[int], kept: Kept, cap: float | None = None) -> None:
    """Add a table."""
    table = Table(
        "CPU seconds of a suggestion after n trials (median of 3, one thread)",
        ["engine", *(f"{d}-d, n={n}" for d in WIDTHS for n in sizes)],
        note="Histories: random points of a rotated quadratic with a sine, told one by one in the engine's own way. "
        f"-: not asked, since a history of a fifth took more than {(cap or CAP) / 15:.3g} s.",
    )
    with kept.part():
        for width in WIDTHS:
            for size in sizes:
                for name in chosen:
                    before = [kept.results.get(_key(name, width, n)) for n in sizes if n < size]
                    # a five times longer history may take a hundred times as long
                    if before and (before[-1] is None or 15.0 * before[-1] > (cap or CAP)) and size >= 1000:
                        continue
                    kept.get(
                        _key(name, width, size),
                        lambda n=name, w=width, s=size: _suggestion_seconds(n, wavy(w), s),  # type: ignore[misc]
                    )
    for name in chosen:
        row = [kept.results.get(_key(name, width, size)) for width in WIDTHS for size in sizes]
        table.rows.append([name, *row])
        report.data.setdefault("studies_latency", {})[name] = row
    report.add(table)


def _key(name: str, width: int, size: int) -> str:
    return f"latency | {name} | {width} | {size}"


def wavy(width: int) -> Problem:
    """A rotated quadratic with a sine, as in the tables of peers."""
    rng = np.random.default_rng(width)
    rotation = np.linalg.qr(rng.standard_normal((width, width)))[0]
    weights = np.linspace(0.2, 3.0, width)
    space = Space(tuple(Float(name=f"x{i}", low=0.0, high=1.0) for i in range(width)))

    def truth(p: Mapping[str, Any]) -> dict[str, float]:
        x = np.array([p[f"x{i}"] for i in range(width)])
        return {"y": float(weights @ (rotation @ (x - 0.4)) ** 2 + 0.2 * np.sin(8 * x[0]))}

    return Problem(f"{width}-d", Study(space, (Objective("y"),)), truth, 0.0)


def _suggestion_seconds(name: str, problem: Problem, size: int) -> float:
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
    found = round(float(np.median(times[1:])), 4)
    print(f"{problem.name}, {name}, after {size} trials: {found} CPU s", flush=True)
    return found


def _tell_history(player: object, point: Mapping[str, Any], problem: Problem) -> None:
    """Give a player a point that it did not ask for, by its own means."""
    told = problem.truth(point)
    asked: Any = dict(point)
    if isinstance(player, Kantor):
        player.asked = asked
        player.tell(told)
    elif isinstance(player, Optuna):
        import optuna

        ranges: Any = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in point}
        player.study.add_trial(
            optuna.trial.create_trial(params=asked, distributions=ranges, values=list(told.values()))
        )
    elif isinstance(player, BoTorch):
        import torch

        player.asked = torch.tensor([list(asked.values())], dtype=torch.double)
        player.tell(told)
    elif isinstance(player, Ax):
        player.index = player.client.attach_trial(asked)
        player.tell(told)
