"""What can be said of a transport problem before it is solved: sizes, masses, costs, memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport, TransportBatch, TransportProblem

#: Pairs of points from which the distribution of costs is estimated.
SAMPLE = 20_000

#: Ratio of the largest to the smallest positive weight from which a warning is given.
UNEVEN = 1e12

#: Matrices of doubles that a dense engine keeps at a time.
DENSE_MATRICES = 4


def inspect(problem: TransportProblem) -> dict[str, Any]:
    """JSON of ``api_schemas.jobs.Inspection``."""
    if isinstance(problem, Transport):
        details, warnings, summary = _coupling(problem)
    elif isinstance(problem, TransportBatch):
        details, warnings, summary = _batch(problem)
    elif isinstance(problem, Barycenter):
        details, warnings, summary = _barycenter(problem)
    elif isinstance(problem, Gromov):
        details, warnings, summary = _gromov(problem)
    else:
        details, warnings, summary = _sliced(problem)
    details["features"] = sorted(problem.features)
    return {"kind": "transport", "summary": summary, "details": details, "warnings": warnings}


Report = tuple[dict[str, Any], list[str], str]


def _coupling(problem: Transport) -> Report:
    n, m = problem.n, problem.m
    costs = _costs(problem)
    details: dict[str, Any] = {
        "n": n,
        "m": m,
        "dimension": problem.d,
        "variant": problem.variant,
        "cost": problem.cost,
        "mass_a": float(problem.a.sum()),
        "mass_b": float(problem.b.sum()),
        "zero_weights": int((problem.a == 0.0).sum() + (problem.b == 0.0).sum()),
        "duplicates": _duplicates(problem.x) + _duplicates(problem.y),
        "costs": costs,
        "memory_mb": {
            "cost_matrix": _megabytes(n * m),
            "dense_engines": _megabytes(DENSE_MATRICES * n * m),
            "streaming_engines": _megabytes(40 * (n + m) + (n + m) * problem.d + (1 << 22)),
            "exact_plan": _megabytes(2 * (n + m)),
        },
    }
    warnings = []
    for side, weights in (("a", problem.a), ("b", problem.b)):
        positive = weights[weights > 0.0]
        if positive.max() > UNEVEN * positive.min():
            warnings.append(
                f"The weights of {side} range from {positive.min():.2g} to {positive.max():.2g}: the smallest are lost"
                " in the rounding of the largest."
            )
    found = problem.regularization
    if found is not None and found.kind == "entropic":
        epsilon = found.strength * costs["mean"] if found.relative else found.strength
        details["epsilon"] = epsilon
        if epsilon and costs["largest"] / epsilon > 1e8:
            warnings.append(
                f"Epsilon is {epsilon:.2g}, the largest cost {costs['largest']:.2g}: in double precision marginals"
                f" can be right to about {2e-16 * costs['largest'] / epsilon:.0e} only; the exact problem may do."
            )
    if n * m > 1e9:
        warnings.append(
            f"The cost matrix would take {_megabytes(n * m):,.0f} MB; engines that stream the costs need"
            f" {details['memory_mb']['streaming_engines']:,.0f} MB."
        )
    space = f"in dimension {problem.d}" if problem.cost != "matrix" else "by a cost matrix"
    variant = "" if problem.variant == "balanced" else f", {problem.variant}"
    added = "" if found is None else f", {found.kind} regularization"
    return details, warnings, f"Transport from {n:,} to {m:,} points {space}{variant}{added}."


def _costs(problem: Transport) -> dict[str, float]:
    """Of pairs drawn by their weights; of all, if there are few."""
    from solvers.transport.certificates.costs import Costs

    costs = Costs(problem.cost, problem.x, problem.y, problem.M if problem.cost == "matrix" else None, problem.p)
    rng = np.random.default_rng(0)
    rows = rng.choice(problem.n, SAMPLE, p=problem.a / problem.a.sum())
    columns = rng.choice(problem.m, SAMPLE, p=problem.b / problem.b.sum())
    values, _ = costs.entries(rows, columns)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "deviation": float(values.std()),
        "largest": float(costs.largest),
    }


def _duplicates(points: np.ndarray | None) -> int:
    return 0 if points is None else len(points) - len(np.unique(points, axis=0))


def _batch(problem: TransportBatch) -> Report:
    sizes = np.array([(one.n, one.m) for one in problem.problems])
    details = {
        "problems": len(sizes),
        "n": {"smallest": int(sizes[:, 0].min()), "largest": int(sizes[:, 0].max())},
        "m": {"smallest": int(sizes[:, 1].min()), "largest": int(sizes[:, 1].max())},
        "pairs_of_points": int(sizes.prod(axis=1).sum()),
        "memory_mb": {"padded": _megabytes(int(sizes[:, 0].max() * sizes[:, 1].max()) * min(len(sizes), 256))},
    }
    largest = f"{sizes[:, 0].max():,} by {sizes[:, 1].max():,}"
    return details, [], f"{len(sizes):,} transport problems, the largest {largest} points."


def _barycenter(problem: Barycenter) -> Report:
    sizes = [len(measure.weights) for measure in problem.measures]
    s = len(problem.support)
    details = {
        "measures": len(sizes),
        "points": sum(sizes),
        "support": s,
        "dimension": problem.support.shape[1],
        "memory_mb": {"cost_matrices": _megabytes(s * sum(sizes))},
    }
    moving = "moving" if problem.free else "given"
    return details, [], f"The barycenter of {len(sizes):,} measures on {s:,} {moving} points."


def _gromov(problem: Gromov) -> Report:
    n, m = problem.n, problem.m
    details = {
        "n": n,
        "m": m,
        "alpha": problem.alpha,
        "memory_mb": {"matrices": _megabytes(n * n + m * m + 4 * n * m)},
    }
    warnings = ["The problem is not convex: engines find local minima, and no lower bound can be given."]
    fused = "Fused Gromov" if problem.M is not None else "Gromov"
    return details, warnings, f"{fused}-Wasserstein matching of {n:,} with {m:,} points."


def _sliced(problem: Sliced) -> Report:
    details = {"n": problem.n, "m": problem.m, "dimension": problem.x.shape[1], "projections": problem.projections}
    words = f"{problem.n:,} and {problem.m:,} points over {problem.projections:,} directions"
    return details, [], f"Sliced transport between {words}."


def _megabytes(doubles: float) -> float:
    return round(8.0 * doubles / 1e6, 3)
