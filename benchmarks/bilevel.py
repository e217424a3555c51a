"""Bilevel: CPU time to 90% and 99% of the hyper-objective's gap against other libraries, `exact` against big-M.

Each method runs in a process of its own with one thread, import excluded and compilation counted; what it tries is
recorded with its CPU time, and the exact hyper-objective F(x) = f(x, y*(x)) is evaluated afterwards. The score is the
first time at which the best F so far has closed a share of the gap between the start and the best F that any method
found.

``python -m benchmarks.bilevel ridge --seeds 0 1 --to FILE`` measures a part (ridge, digits or linear) and keeps its
rows in a file; ``--from FILE...`` prints the tables of many parts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bilevel_linear import compare
from benchmarks.bilevel_problems import Task, available, task
from benchmarks.bilevel_runs import METHODS, serve
from benchmarks.harness.report import Report, Table
from benchmarks.harness.scale import Scale


@dataclass(frozen=True)
class Sizes:
    """``budget``: CPU seconds of each method; ``linear``: sizes of the linear problems, ``cap`` seconds each."""

    seeds: int
    budget: float
    shrink: float
    linear: tuple[int, ...]
    linear_seeds: int
    cap: float
    methods: tuple[str, ...] = METHODS


SIZES = {
    "tiny": Sizes(1, 0.5, 0.1, (4,), 1, 5.0, ("kantor auto",)),
    "quick": Sizes(1, 4.0, 1.0, (10, 20), 2, 10.0),
    "full": Sizes(5, 10.0, 1.0, (10, 20, 40), 3, 60.0),
}


def run(scale: Scale, report: Report) -> None:
    """Adds a table for each problem, and one for linear bilevel problems."""
    sizes = SIZES[scale.name]
    _one_thread()
    for name in available():
        rows = [row for seed in range(sizes.seeds) for row in _methods(name, seed, sizes)]
        report.data[f"bilevel_{name}"] = rows
        report.add(_table(name, rows, sizes))
    rows = compare(sizes.linear, sizes.linear_seeds, sizes.cap)
    report.data["bilevel_linear"] = rows
    report.add(_linear_table(rows, sizes.cap))


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _methods(name: str, seed: int, sizes: Sizes) -> list[dict[str, Any]]:
    made = task(name, seed, sizes.shrink)
    traces: dict[str, list[tuple[float, np.ndarray]]] = {}
    notes: dict[str, str] = {}
    for method in sizes.methods:
        found = _apart(method, name, seed, sizes)
        if isinstance(found, str):
            notes[method] = found
        else:
            traces[method] = found
    rows = []
    for method in sizes.methods:
        row: dict[str, Any] = {"method": method, "seed": seed, "note": notes.get(method, "")}
        if method in traces:
            times, values = _best(made, traces[method])
            row |= {"times": times, "values": values, "start": made.value(made.x0)}
        rows.append(row)
    return rows


def _shares(rows: list[dict[str, Any]]) -> None:
    """Adds to each row the last value and the times to both shares of the gap to the best of all rows of its seed."""
    for row in rows:
        if "values" not in row:
            continue
        start = row["start"]
        others = [other["values"][-1] for other in rows if other["seed"] == row["seed"] and other.get("values")]
        least = min([start, *others])
        row["final"] = row["values"][-1] if row["values"] else start
        for share in (0.9, 0.99):
            hit = np.flatnonzero(np.array(row["values"]) <= start - share * (start - least))
            row[f"t{share:g}"] = row["times"][hit[0]] if hit.size else None


def _apart(method: str, name: str, seed: int, sizes: Sizes) -> list[tuple[float, np.ndarray]] | str:
    """The trace of a method, or why there is none."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, method, name, seed, sizes.shrink, sizes.budget), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(90.0 + 12.0 * sizes.budget):
            return "cut off"
        found: list[tuple[float, np.ndarray]] | str = ours.recv()
        return found
    except EOFError:
        return "ended by itself"
    finally:
        process.kill()
        process.join()


def _best(made: Task, trace: list[tuple[float, np.ndarray]]) -> tuple[list[float], list[float]]:
    """Times and the least exact F so far, at no more than 40 points of the trace."""
    if len(trace) > 40:
        places = np.unique(np.geomspace(1, len(trace), 40).astype(int) - 1)
        trace = [trace[k] for k in places]
    times, values, best = [], [], np.inf
    for at, x in trace:
        value = made.value(x)
        if np.isfinite(value) and value < best:
            best = value
        times.append(at)
        values.append(best)
    return times, values


def _table(name: str, rows: list[dict[str, Any]], sizes: Sizes) -> Table:
    _shares(rows)
    table = Table(
        f"{name}: CPU seconds to a share of the gap, median of {len({row['seed'] for row in rows})} seeds"
        f" ({sizes.budget:g} s each)",
        ("method", "to 90%", "to 99%", "final F", "note"),
        note="-: not within the budget. Compilation is counted, imports are not.",
    )
    for method in sizes.methods:
        mine = [row for row in rows if row["method"] == method]
        if not mine:
            continue
        if not any("final" in row for row in mine):
            table.rows.append((method, "-", "-", "-", mine[0]["note"]))
            continue
        cells = []
        for key in ("t0.9", "t0.99"):
            times = [row.get(key) for row in mine]
            cells.append("-" if None in times else f"{median([time for time in times if time is not None]):.2f}")
        final = median([row["final"] for row in mine if "final" in row])
        notes = {row["note"] for row in mine if row["note"]}
        table.rows.append((method, *cells, f"{final:.4f}", "; ".join(sorted(notes))))
    return table


def _linear_table(rows: list[dict[str, Any]], cap: float) -> Table:
    table = Table(
        f"Linear bilevel problems: exact (SOS1) and HiGHS with big-M = 1000, CPU seconds (cap {cap:g} s of wall-clock)",
        ("variables", "seed", "exact", "big-M", "optimum", "big-M's", "note"),
        note="The certificate of `exact` is not in its time. big-M is right only if 1000 bounds every multiplier.",
    )
    for row in rows:
        table.rows.append(
            (
                row["size"],
                row["seed"],
                f"{row['exact']:.2f}",
                f"{row['big_m']:.2f}",
                f"{row['objective']:.4f}",
                f"{row['big_m_objective']:.4f}",
                row["note"],
            )
        )
    return table


def main() -> None:
    """Parts of the full comparison, so that none of them takes the machine for long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bilevel", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("ridge", "digits", "linear"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", default=METHODS, metavar="METHOD")
    parser.add_argument("--budget", type=float, default=SIZES["full"].budget, help="CPU seconds (%(default)g)")
    parser.add_argument("--to", type=Path, metavar="FILE", help="where the rows go, as JSON")
    parser.add_argument("--from", dest="parts", type=Path, nargs="+", metavar="FILE", help="only print what is there")
    given = parser.parse_args()
    sizes = replace(SIZES["full"], methods=tuple(given.methods), budget=given.budget)
    _one_thread()
    found: dict[str, list[dict[str, Any]]] = {}
    for path in given.parts or ():
        for name, rows in json.loads(path.read_text()).items():
            found.setdefault(name, []).extend(rows)
    if given.part == "linear":
        found["linear"] = compare(sizes.linear, sizes.linear_seeds, sizes.cap)
    elif given.part:
        found[given.part] = [row for seed in given.seeds for row in _methods(given.part, seed, sizes)]
    if given.to is not None:
        given.to.write_text(json.dumps(found))
    for name, rows in found.items():
        table = _linear_table(rows, sizes.cap) if name == "linear" else _table(name, rows, sizes)
        print("\n" + table.text(), flush=True)


if __name__ == "__main__":
    main()
