"""Studies: regret over seeds and CPU time of a suggestion, Kantor's engines beside those of the peers that are
installed.

``python -m benchmarks --only studies``, or ``python -m benchmarks.studies --help`` in an environment that has only
numpy, scipy and the peers (extra ``bench``): neither database nor service is needed. Every player is given one thread.
Long runs go in parts: ``--kept FILE --for 600`` ends after ten minutes, and goes on when it is called again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  - after the number of threads is set

from benchmarks import studies_latency  # noqa: E402
from benchmarks.harness.kept import Kept  # noqa: E402
from benchmarks.harness.report import RESULTS, Report, Table  # noqa: E402
from benchmarks.studies_engines import Unfit, finite, players  # noqa: E402
from benchmarks.studies_problems import Problem, constrained, problems  # noqa: E402

MARKS = (20, 40, 60)
OURS = "Kantor auto"
#: Seeds, players at regret, sizes of the history for the times.
SIZES = {
    "tiny": (1, (OURS,), (10,)),
    "quick": (2, (OURS, "Optuna TPE", "Optuna GP"), (10, 50, 200)),
    "full": (10, None, (10, 50, 200, 1000)),
}


def run(
    scale: str,
    report: Report,
    only: Sequence[str] = (),
    seeds: int | None = None,
    who: Sequence[str] = (),
    first_seed: int = 0,
    kept: Kept | None = None,
    cap: float | None = None,
) -> None:
    """Measure and add two tables; ``report.data["studies"]`` gets every regret.

    Args:
        only: "latency", "regret", "constrained" (more problems with constraints), or problems by name.
        first_seed: seeds count from it. Engines were made looking at the first ones: claims rest on later ones.
        cap: CPU seconds after which a player gets no further seed of a problem, nor a longer history.
    """
    kept = kept or Kept()
    planned, names, sizes = SIZES[scale]
    chosen = [n for n in players() if n in who or (not who and (names is None or n in names))]
    if not only or "latency" in only:
        studies_latency.run(report, chosen, sizes, kept, cap)
    wanted = [p for p in problems() if p.name in only or "regret" in only or not only]
    wanted += [p for p in constrained() if p.name in only or "constrained" in only]
    if scale == "tiny" and not only:
        wanted = [p for p in wanted if p.name in ("Branin", "nested choices")]
    if wanted:
        trials = 20 if scale == "tiny" else max(MARKS)
        _regret(report, wanted, chosen, range(first_seed, first_seed + (seeds or planned)), trials, kept, cap)


def _regret(
    report: Report,
    wanted: Sequence[Problem],
    chosen: Sequence[str],
    seeds: range,
    trials: int,
    kept: Kept,
    cap: float | None,
) -> None:
    marks = [mark for mark in MARKS if mark <= trials]
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    unfit: set[tuple[str, str]] = set()
    with kept.part():
        for seed in seeds:  # the outer loop: a run that is cut has as many seeds of every problem
            for problem in wanted:
                for name in chosen:
                    key = problem.name, name
                    runs = cells.setdefault(key, [])
                    spent = sum(float(run["seconds"]) * trials for run in runs)
                    if key in unfit or (cap is not None and spent >= cap):
                        continue
                    try:
                        runs.append(
                            kept.get(
                                f"{problem.name} | {name} | {trials} | {seed}",
                                lambda p=problem, n=name, s=seed: _one(n, p, s, trials, marks),  # type: ignore[misc]
                            )
                        )
                    except Unfit:
                        unfit.add(key)
    table = Table(
        f"Regret: median [worst] of seeds {seeds.start} to {seeds[-1]} after {', '.join(map(str, marks))} evaluations; "
        "CPU s a suggestion",
        ["problem", "engine", "seeds", *map(str, marks), "CPU s", "lost"],
        note="Two objectives: what is missing of the best hypervolume. Noisy: the best true value of the points."
        + ("" if cap is None else f" A player gets no further seed of a problem after {cap:g} CPU s."),
    )
    for problem in wanted:
        rows = {name: cells[problem.name, name] for name in chosen if cells.get((problem.name, name))}
        for name, runs in rows.items():
            regrets = np.array([[np.inf if r is None else r for r in run["regrets"]] for run in runs])
            columns = [f"{np.median(column):.2g} [{column.max():.2g}]" for column in regrets.T]
            cost = float(np.mean([run["seconds"] for run in runs]))
            lost = _lost(rows) if name == OURS else ""
            table.rows.append([problem.name, name, len(runs), *columns, round(cost, 3), lost])
            report.data.setdefault("studies_regret", {}).setdefault(problem.name, {})[name] = runs
    if table.rows:
        report.add(table)


def _lost(rows: dict[str, list[dict[str, Any]]]) -> str:
    """To whom our default loses at the last mark, by the median or by the worst seed; 5 % and less is a tie."""
    ends = {
        name: np.array([np.inf if run["regrets"][-1] is None else run["regrets"][-1] for run in runs])
        for name, runs in rows.items()
    }
    ours = ends.pop(OURS)
    found = []
    for word, figure in (("median", np.median), ("worst", np.max)):
        better = {name: float(figure(e)) for name, e in ends.items() if figure(e) < 0.95 * figure(ours) - 1e-12}
        if better:
            found.append(f"{word}: {min(better, key=lambda name: better[name])}")
    return ", ".join(found)


def _one(name: str, problem: Problem, seed: int, trials: int, marks: Sequence[int]) -> dict[str, Any]:
    """Regrets at the marks, and CPU seconds a suggestion (telling included)."""
    began = time.process_time()
    player = players()[name](problem, seed)
    spent = time.process_time() - began
    rng = np.random.default_rng(1000 + seed)
    points: list[Mapping[str, Any]] = []
    regrets: list[float | None] = []
    for i in range(1, trials + 1):
        began = time.process_time()
        point = player.ask()
        spent += time.process_time() - began
        points.append(dict(point))
        told = problem.measure(point, rng)
        began = time.process_time()
        player.tell(told)
        spent += time.process_time() - began
        if i in marks:
            regrets.append(finite(problem.regret(points)))
    print(f"{problem.name}, {name}, seed {seed}: {regrets}, {spent / trials:.3f} CPU s", flush=True)
    return {"regrets": regrets, "seconds": spent / trials}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--scale", choices=list(SIZES), default="quick")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--only", action="append", default=[], help='"latency", "regret", "constrained", or a problem (repeat it)'
    )
    parser.add_argument("--engine", action="append", default=[], help="only this player (repeat it)")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep results there, and go on from what it holds")
    parser.add_argument("--for", dest="part", type=float, metavar="SECONDS", help="end this part after so long")
    parser.add_argument("--cap", type=float, metavar="SECONDS", help="CPU seconds of a player at a problem")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else list(arguments)
    report = Report(options.scale, " ".join(["python -m benchmarks.studies", *given]))
    kept = Kept(options.kept, options.part)
    run(options.scale, report, options.only, options.seeds, options.engine, options.first_seed, kept, options.cap)
    print(report.write(options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
