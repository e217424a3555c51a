"""How much memory a solve needs, before it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport, TransportBatch, TransportProblem

#: Matrices of the plan's size (of doubles) that an engine keeps at once.
MATRICES: dict[str, float] = {
    "network-simplex": 4.0,
    "sparse": 5.0,
    "quadratic": 5.0,
    "pot-low-rank": 2.0,
    "pot-gromov": 8.0,
}

#: Engines that do without such matrices where they do not fit, if costs come from points.
STREAMING = frozenset({"sinkhorn", "sinkhorn-newton", "multiscale", "line", "light-bridge", "sliced"})


def estimate(problem: TransportProblem, engine: str) -> float:
    """Bytes that the engine needs for the problem, beside the problem itself and the process."""
    if isinstance(problem, TransportBatch):
        sizes = [one.n * one.m for one in problem.problems]
        if engine == "batched-newton":
            return 8.0 * 6.0 * min(len(sizes) * max(sizes), 20_000_000)
        return max(estimate(one, engine) for one in problem.problems)
    if isinstance(problem, Barycenter):
        return 8.0 * 4.0 * len(problem.support) * sum(len(measure.weights) for measure in problem.measures)
    if isinstance(problem, Gromov):
        return 8.0 * MATRICES["pot-gromov"] * problem.n * problem.m
    if isinstance(problem, Sliced):
        return 8.0 * 4.0 * (problem.n + problem.m) * min(problem.projections, 100)
    return _single(problem, engine)


def _single(problem: Transport, engine: str) -> float:
    vectors = 8.0 * 50.0 * (problem.n + problem.m) * max(1, problem.d)
    if engine in STREAMING and problem.cost != "matrix":
        return vectors
    return vectors + 8.0 * MATRICES.get(engine, 4.0) * problem.n * problem.m


def available(options: Mapping[str, Any]) -> float:
    """Bytes that a solve may use: the memory limit, otherwise half of what is free."""
    return budget(options)


def budget(options: Mapping[str, Any]) -> float:
    """Bytes that matrices may take: the memory limit, otherwise half of what is free, less a fixed part for the
    process."""
    limit = options.get("memory_limit")
    if limit is not None:
        return max(0.0, float(limit) * 1e6)
    return 0.5 * free_memory()


def free_memory() -> float:
    """Bytes of memory that could be had on this machine now; 4e9 where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024.0
    except OSError:
        return 4e9
    return 4e9
