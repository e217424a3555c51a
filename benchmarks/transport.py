"""Optimal transport: CPU time to marginals of 1e-9, time to a certified gap, and batches, against other libraries.

``python -m benchmarks --only transport``, or in parts, each of which goes on where the last was cut, and prints the
tables of all that is there: ``python -m benchmarks.transport --kept FILE --for 600``.

Each library runs in a process of its own with one thread; who needs longer than the cap is stopped, and is not tried
again with other seeds or more points of the same dimension and epsilon (caps grow more slowly than the number of
pairs). A cell where a peer is faster than Kantor is printed as lost.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.kept import Kept
from benchmarks.harness.report import RESULTS, Report
from benchmarks.harness.scale import Scale
from benchmarks.transport_peers import BATCHED, installed
from benchmarks.transport_runner import Runner
from benchmarks.transport_tables import batches_table, gaps_table, marginals_table

#: CPU seconds for one solve of one library, by the number of points.
CAPS = {60: 2.0, 500: 3.0, 1000: 6.0, 2000: 12.0, 5000: 30.0}

#: Most seeds by the number of points: a cell of 5,000 takes minutes of every peer.
SEEDS = {1000: 3, 2000: 2, 5000: 1}

#: Points from which libraries get a fresh process for each cell, for their memory.
MANY = 2000

#: Problems of a batch that a loop is measured on, and the cap for each problem of a batch.
LOOP, SMALL_CAP = 10, 0.03


@dataclass(frozen=True)
class Sizes:
    """What is measured at one scale; fewer seeds where there are many points."""

    points: tuple[int, ...]
    dimensions: tuple[int, ...]
    epsilons: tuple[float, ...]
    seeds: int
    batches: tuple[int, ...]
    gaps: tuple[float, ...]
    wanted: tuple[int, ...] = ()

    def seeds_of(self, n: int) -> range:
        return range(min(self.seeds, SEEDS.get(n, self.seeds)))


SIZES = {
    "tiny": Sizes((60,), (2,), (1e-2,), 1, (10,), (1e-2,)),
    "quick": Sizes((500,), (2, 64), (1e-2, 1e-3), 1, (100,), (1e-2,)),
    "full": Sizes((500, 1000, 2000, 5000), (2, 64), (1e-1, 1e-2, 1e-3), 5, (100, 1000), (1e-2, 1e-3)),
}
PARTS = ("marginals", "gaps", "batches")


def run(
    scale: Scale, report: Report, kept: Kept | None = None, points: Sequence[int] = (), parts: Sequence[str] = PARTS
) -> None:
    """Adds three tables, of what could be measured in the time that ``kept`` grants, and what was there already.

    Args:
        points: sizes that are measured; by default all of the scale.
    """
    sizes = SIZES[scale.name]
    sizes = replace(sizes, wanted=tuple(points) or sizes.points)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    kept = kept or Kept()
    found: dict[str, list[dict[str, Any]]] = {part: [] for part in PARTS}
    runners = [Runner(name) for name in installed()]
    try:
        with kept.part():
            for part, measure in (("marginals", _marginals), ("gaps", _gaps), ("batches", _batches)):
                if part in parts:
                    measure(sizes, kept, found[part], runners)
    finally:
        for runner in runners:
            runner.close()
    for part, table in (("marginals", marginals_table), ("gaps", gaps_table), ("batches", batches_table)):
        if found[part]:
            report.data[f"transport_{part}"] = found[part]
            report.add(table(found[part]))


def clouds(n: int, d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Low dimension: uniform against three clusters; high: a Gaussian against two modes."""
    r = np.random.default_rng(seed)
    if d <= 3:
        x, centres = r.random((n, d)), r.random((3, d))
        return x, centres[r.integers(0, 3, n)] + 0.1 * r.standard_normal((n, d))
    x = r.standard_normal((n, d))
    return x, 0.8 * r.standard_normal((n, d)) + 0.5 * (r.integers(0, 2, (n, 1)) * 2 - 1)


def _costs(n: int, d: int, seed: int) -> np.ndarray:
    x, y = clouds(n, d, seed)
    M: np.ndarray = np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1) - 2.0 * x @ y.T, 0.0)
    return M


def _marginals(sizes: Sizes, kept: Kept, rows: list[dict[str, Any]], runners: list[Runner]) -> None:
    hopeless: set[tuple[str, int, float]] = set()
    for n, d, epsilon in itertools.product(sizes.points, sizes.dimensions, sizes.epsilons):
        for runner in runners:
            for seed in sizes.seeds_of(n):
                cell = {"n": n, "d": d, "epsilon": epsilon, "seed": seed, "peer": runner.name, "cap": CAPS[n]}
                found: dict[str, Any] = {"failure": "cap"}
                if (runner.name, d, epsilon) not in hopeless:
                    name = f"marginals/{n}/{d}/{epsilon:g}/{seed}/{runner.name}"
                    if n not in sizes.wanted and name not in kept.results:
                        continue
                    found = kept.get(name, partial(_marginal, runner, n, d, seed, epsilon))
                rows.append({**cell, **found})
                if found.get("failure") == "cap":
                    hopeless.add((runner.name, d, epsilon))
            if n >= MANY:
                runner.close()


def _marginal(runner: Runner, n: int, d: int, seed: int, epsilon: float) -> dict[str, Any]:
    return runner.solve(_costs(n, d, seed), epsilon, CAPS[n])


def _gaps(sizes: Sizes, kept: Kept, rows: list[dict[str, Any]], _: list[Runner]) -> None:
    """Without an epsilon from the user: the planner's engine and Sinkhorn-Newton against POT's exact simplex."""
    for n, d in itertools.product(sizes.points, sizes.dimensions):
        for seed in sizes.seeds_of(n):
            if n not in sizes.wanted and f"gaps/{n}/{d}/{seed}/{sizes.gaps[-1]:g}" not in kept.results:
                continue
            exact = kept.get(f"gaps/{n}/{d}/{seed}/POT", partial(_simplex, n, d, seed))
            for gap in sizes.gaps:
                found = kept.get(f"gaps/{n}/{d}/{seed}/{gap:g}", partial(_to_gap, n, d, seed, gap))
                rows.append({"n": n, "d": d, "seed": seed, "gap": gap, "POT emd": exact, **found})


def _simplex(n: int, d: int, seed: int) -> float:
    import ot

    weights, M = np.full(n, 1.0 / n), _costs(n, d, seed)
    began = time.process_time()
    ot.emd(weights, weights, M, numItermax=10**8)
    return time.process_time() - began


def _to_gap(n: int, d: int, seed: int, gap: float) -> dict[str, Any]:
    from solvers.core import registry
    from solvers.core.engine import LocalContext
    from solvers.transport.certificates import certify
    from solvers.transport.problem import Transport
    from solvers.transport.select import choose

    offered = [registry.load("transport", name).spec for name in registry.names("transport")]
    problem, options = Transport.build(*clouds(n, d, seed)), {"tolerance": gap}
    found: dict[str, Any] = {"auto": choose(problem, options, offered).engine}
    for name in dict.fromkeys((found["auto"], "sinkhorn-newton")):
        engine = registry.load("transport", name)
        engine.solve(Transport.build(*clouds(60, d, seed)), options, LocalContext(CAPS[n]))  # imports are not counted
        began = time.process_time()
        answer = engine.solve(problem, options, LocalContext(CAPS[n]))
        seconds = time.process_time() - began
        answer, certificate = certify(problem, answer, options)
        proved = answer.status == "optimal" and certificate.verified
        found[name] = seconds if proved else None
        found[f"{name}, certificate"] = certificate.seconds
    return found


def _batches(sizes: Sizes, kept: Kept, rows: list[dict[str, Any]], runners: list[Runner]) -> None:
    """Many problems at once; libraries that take one are called in a loop, on a few of them."""
    for d, epsilon in itertools.product(sizes.dimensions, (5e-2, 1e-2)):
        hopeless: set[str] = set()
        for count, runner in itertools.product(sizes.batches, runners):
            peer = runner.name
            many = count if peer in BATCHED else min(count, LOOP)
            cell = {"count": count, "d": d, "epsilon": epsilon, "peer": peer, "cap": SMALL_CAP * count}
            found: dict[str, Any] = {"failure": "cap"}
            if peer not in hopeless:
                found = kept.get(f"batches/{count}/{d}/{epsilon:g}/{peer}", partial(_batch, runner, many, d, epsilon))
            if found.get("failure") == "cap":
                hopeless.add(peer)
            if "seconds" in found:
                found = {**found, "seconds": found["seconds"] * count / many}
            rows.append({**cell, **found})


def _batch(runner: Runner, many: int, d: int, epsilon: float) -> dict[str, Any]:
    costs = np.stack([_costs(64, d, seed) for seed in range(many)])
    return runner.solve(costs, epsilon, SMALL_CAP * many)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transport")
    parser.add_argument("--scale", choices=sorted(SIZES), default="full")
    parser.add_argument("--only", action="append", choices=PARTS, help="this table (may be given several times)")
    parser.add_argument("--points", action="append", type=int, help="this size (may be given several times)")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="keep results there, and go on from what it holds")
    parser.add_argument("--for", dest="part", type=float, metavar="SECONDS", help="end this part after so long")
    options = parser.parse_args(arguments)
    from benchmarks.harness.facts import summary
    from benchmarks.harness.scale import SCALES

    report = Report(options.scale, " ".join(["python -m benchmarks.transport", *(arguments or sys.argv[1:])]))
    print(f"{report.command}\n{summary()}", flush=True)
    kept = Kept(options.kept, options.part)
    run(SCALES[options.scale], report, kept, options.points or (), options.only or PARTS)
    print(f"\n{report.write(RESULTS)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
