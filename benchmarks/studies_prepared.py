"""How long an ask takes that finds a suggestion prepared, after so many trials, through a whole Kantor.

``python -m benchmarks.studies_prepared``. One evaluator; before each ask the job that the last tell began has ended.

Floor: one HTTP request of the Python client and five short statements in PostgreSQL, about 6 ms on an idle machine,
whatever the number of trials.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import kantor
import numpy as np

from benchmarks.harness.report import RESULTS, Report, Table
from benchmarks.harness.statistics import Latency
from benchmarks.harness.system import System, kantor_system

WIDTHS, SIZES, ROUNDS = (6, 20), (10, 50, 200, 1000), 10
PATIENCE = 30.0


def run(report: Report, system: System, rounds: int = ROUNDS) -> None:
    """Measure, and add a table."""
    table = Table(
        "Milliseconds of an ask that finds a suggestion prepared: p50 (worst)",
        ["parameters", *(f"n={size}" for size in SIZES), "by engine"],
    )
    with system.client() as client:
        for width in WIDTHS:
            rng = np.random.default_rng(width)
            study = client.studies.create(
                f"prepared {width}",
                {f"x{i}": kantor.Float(0.0, 1.0) for i in range(width)},
                {"f": "min"},
                seed=1,
                evaluation_seconds=60.0,
            )
            row: list[object] = [width]
            told = made = 0
            for size in SIZES:
                points = [{f"x{i}": float(v) for i, v in enumerate(rng.random(width))} for _ in range(size - told)]
                study.add_trials([{"params": p, "values": {"f": sum(v * v for v in p.values())}} for p in points])
                told = size
                seconds = []
                for k in range(rounds + 1):
                    _await_prepared(study)
                    began = time.perf_counter()
                    (trial,) = study.ask()
                    if k:  # the first one may still have been prepared before the points came in
                        seconds.append(time.perf_counter() - began)
                        made += trial.info.origin == "engine"
                    study.tell(trial, sum(v * v for v in trial.values()))
                    told += 1
                found = Latency.of(seconds)
                row.append(f"{found.p50:.0f} ({1e3 * max(seconds):.0f})")
            table.rows.append([*row, f"{made} of {len(SIZES) * rounds}"])
    report.add(table)


def _await_prepared(study: kantor.Study) -> None:
    """Until the newest results are in a suggestion that waits."""
    end = time.monotonic() + PATIENCE
    while study.refresh().info.prepared == 0:
        if time.monotonic() > end:
            return
        time.sleep(0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies_prepared")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    report = Report("full", " ".join(["python -m benchmarks.studies_prepared", *given]))
    with kantor_system() as system:
        run(report, system, options.rounds)
    print(report.write(options.output), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
