"""``auto``: which engine, and which epsilon, for which transport problem; with the reason in words.

Times are predicted from measurements on one core (docstrings of the engines), sizes from the arrays that an engine
keeps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from solvers.core import registry
from solvers.core.engine import EngineSpec
from solvers.core.errors import OutOfMemory, UnsupportedProblem
from solvers.transport.engines.common import WORDS
from solvers.transport.memory import available, estimate
from solvers.transport.problem import Barycenter, Gromov, Sliced, Transport, TransportBatch, TransportProblem

#: Seconds from which another way is looked for, and from which any that ends is better.
LONG, HOPELESS = 20.0, 600.0

#: From this dimension on Sinkhorn-Newton reaches gaps of 1e-3 in less time than the simplex from some 700 points on:
#: measured at d = 16 and 64, 0.14 and 0.24 s for 1,000 points, 1.1 and 1.2 s for 2,000; at 1e-2, 0.10 and 0.6 s. In
#: pictures and in the plane the simplex is ahead.
HIGH_DIMENSION = 8

#: Batches of problems up to this size are padded and solved together.
SMALL = 400


class Choice(NamedTuple):
    """``epsilon`` is None where the engine finds it by the gap, or needs none."""

    engine: str
    epsilon: float | None
    why: str


def choose(problem: TransportProblem, options: Mapping[str, Any], offered: Sequence[EngineSpec]) -> Choice:
    """The engine for this problem, and why, in a sentence for people.

    Args:
        options: of the solve; ``tolerance``, ``time_limit`` and ``memory_limit`` matter.
        offered: specifications of the engines that can be had, in the order in which ties are broken.

    Raises:
        UnsupportedProblem: no offered engine takes the problem; the hint says which are there.
        OutOfMemory: every engine that takes it needs more memory than there is; the message has the estimate.
    """
    fits = [spec for spec in offered if takes(spec, problem)]
    if not fits:
        words = " and ".join(sorted(WORDS.get(feature, feature) for feature in problem.features))
        raise UnsupportedProblem(
            f"no offered engine solves this transport problem with {words}",
            pointer="/engine",
            hint=f"offered: {', '.join(spec.id for spec in offered) or 'none'}",
        )
    room = available(options)
    needs = {spec.id: estimate(problem, spec.id) for spec in fits}
    small = [spec for spec in fits if needs[spec.id] <= room]
    if not small:
        least = min(needs, key=lambda name: needs[name])
        raise OutOfMemory(
            f"{describe(problem)}: {least} needs about {needs[least] / 1e6:,.0f} MB, there are {room / 1e6:,.0f} MB",
            pointer="/memory_limit",
            hint="points instead of a matrix, fewer points, or more memory",
        )
    by_id = {spec.id: spec for spec in small}
    epsilon = _epsilon(problem)
    for name, reason in _preferences(problem, options):
        if name in by_id:
            return Choice(name, epsilon, f"{describe(problem)}: {reason}")
    first = small[0]
    return Choice(
        first.id, epsilon, f"{describe(problem)}: {first.title}, the first engine that takes it and fits in memory"
    )


def takes(spec: EngineSpec, problem: TransportProblem) -> bool:
    """True if the engine takes the problem: by its specification, and by its own ``check`` where it has one.

    Engines on torch say all in their features: to choose one must not cost an import of torch.
    """
    if not spec.accepts(problem.features):
        return False
    if "torch" in spec.requires or spec.id not in registry.names(spec.family):
        return True
    check: Callable[[Any], None] | None = getattr(registry.load(spec.family, spec.id), "check", None)
    if check is not None:
        try:
            check(problem)
        except UnsupportedProblem:
            return False
    return True


def race_candidates(problem: TransportProblem, offered: Sequence[EngineSpec]) -> tuple[str, ...]:
    """Ids of the engines worth racing on this problem, the most promising first."""
    fits = [spec.id for spec in offered if takes(spec, problem)]
    order = [name for name, _ in _preferences(problem, {}) if name in fits]
    return tuple(dict.fromkeys([*order, *fits]))


def simplex_seconds(n: int, m: int) -> float:
    """Predicted seconds of the network simplex: 0.15 s at n = m = 1000, growing with the power 2.6 of the side."""
    return 0.15 * math.pow(math.sqrt(n * m) / 1000.0, 2.6)


def newton_seconds(n: int, m: int, d: int = 0) -> float:
    """Predicted seconds of Sinkhorn-Newton down to a gap of 1e-3: some 100 passes of 4 ns an element; in high
    dimension, where distances differ less and plans are denser, a quarter of that."""
    return (1e-7 if d >= HIGH_DIMENSION else 4e-7) * n * m


def _preferences(problem: TransportProblem, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Engines with the reason for each, best first."""
    if isinstance(problem, TransportBatch):
        return _batch(problem)
    if isinstance(problem, Transport):
        return _transport(problem, options)
    kind = {Barycenter: "barycenters", Gromov: "Gromov-Wasserstein problems", Sliced: "sliced distances"}[type(problem)]
    names = {Barycenter: "barycenter", Gromov: "pot-gromov", Sliced: "sliced"}
    return [(names[type(problem)], f"the engine for {kind}")]


def _batch(batch: TransportBatch) -> list[tuple[str, str]]:
    largest = max(max(problem.n, problem.m) for problem in batch.problems)
    exact = ("network-simplex", "the network simplex, one after the other: the fastest way to exact small problems")
    padded = ("batched-newton", "padded to one size and solved together")
    newton = ("sinkhorn-newton", "Sinkhorn-Newton, one after the other, since they are large")
    sweeps = ("sinkhorn", "Sinkhorn, one after the other, which takes all their variants")
    if "unregularized" in batch.features:
        return [exact, newton, sweeps]
    return [padded, newton, sweeps] if largest <= SMALL else [newton, padded, sweeps]


def _transport(problem: Transport, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    if problem.max_nonzeros is not None:
        return [("sparse", f"the semi-dual with at most {problem.max_nonzeros} non-zeros a column")]
    if problem.rank is not None:
        return [("pot-low-rank", f"low-rank Sinkhorn with rank {problem.rank}")]
    if problem.regularization is not None and problem.regularization.kind == "quadratic":
        return [("quadratic", "a semi-smooth Newton method for the quadratically regularized dual")]
    if problem.regularization is not None:
        newton = ("sinkhorn-newton", "Newton's method reaches small marginal errors where sweeps stall")
        return [newton, ("sinkhorn", "annealed sweeps, which take this variant")]
    return _unregularized(problem, options)


def _unregularized(problem: Transport, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    exact = simplex_seconds(problem.n, problem.m)
    approximate = newton_seconds(problem.n, problem.m, problem.d)
    limit = options.get("time_limit") or math.inf
    tolerance = options.get("tolerance")
    simplex = ("network-simplex", f"the network simplex, exact in about {_seconds(exact)}")
    newton = (
        "sinkhorn-newton",
        "Sinkhorn-Newton with a falling epsilon until the gap is reached: "
        f"the network simplex would take about {_seconds(exact)}",
    )
    rest = [("sinkhorn", "annealed sweeps until the gap is reached")]
    line = [("line", "points on a line are sorted")]
    if _by_cells(problem, tolerance, min(exact, approximate), limit):
        line.append(
            ("multiscale", f"cells of points: looking at every pair would take {_seconds(min(exact, approximate))}")
        )
    elif problem.cost != "matrix" and problem.d != 1:
        _refuse_hopeless(problem, min(exact, fewest_seconds(problem)), limit)
    high = problem.d >= HIGH_DIMENSION and tolerance is not None and tolerance >= 1e-3
    worth = exact > (1.0 if high else 2.0) * approximate
    if exact > 0.7 * limit or (tolerance is not None and tolerance >= 1e-4 and worth):
        return [*line, newton, simplex, *rest]
    return [*line, simplex, newton, *rest]


def fewest_seconds(problem: Transport) -> float:
    """Predicted seconds of one sweep and of what is needed to evaluate its plan and bound: three passes over all pairs
    of 4 ns and 0.15 ns a dimension."""
    return 3.0 * problem.n * problem.m * (4e-9 + 1.5e-10 * problem.d)


def _refuse_hopeless(problem: Transport, least: float, limit: float) -> None:
    """Raises UnsupportedProblem where no plan can be had within the time limit: said at once, not when it is over."""
    if least > limit:
        raise UnsupportedProblem(
            f"{describe(problem)}: a plan takes at least about {_seconds(least)}, the limit is {limit:,.0f} s",
            pointer="/options/time_limit",
            hint="more time, fewer points, a sliced distance (type 'sliced'), or an engine by name",
        )


def _by_cells(problem: Transport, tolerance: float | None, otherwise: float, limit: float) -> bool:
    """Squared distances in two or three dimensions, so many points that looking at every pair takes long, and a
    tolerance that cells reach (see the engine); otherwise only where nothing else would end in time."""
    if problem.cost != "sqeuclidean" or problem.d not in (2, 3):
        return False
    if tolerance is None:
        return otherwise > min(HOPELESS, max(LONG, limit))
    return otherwise > min(HOPELESS, max(LONG, limit)) or (
        otherwise > LONG and tolerance >= (3e-3 if problem.d == 2 else 1e-2)
    )


def _epsilon(problem: TransportProblem) -> float | None:
    found = getattr(problem, "regularization", None)
    return None if found is None or found.relative else float(found.strength)


def _seconds(seconds: float) -> str:
    if seconds < 1.0:
        return "a second" if seconds > 0.5 else "a moment"
    return f"{seconds:,.0f} s" if seconds < 600.0 else f"{seconds / 60.0:,.0f} minutes"


def describe(problem: TransportProblem) -> str:
    """The problem in words: kind and size."""
    if isinstance(problem, TransportBatch):
        sizes = [max(one.n, one.m) for one in problem.problems]
        return f"batch of {len(sizes):,} problems with up to {max(sizes):,} points"
    if isinstance(problem, Barycenter):
        return f"barycenter of {len(problem.measures):,} measures on {len(problem.support):,} points"
    if isinstance(problem, Sliced):
        return f"sliced transport of {problem.n:,} to {problem.m:,} points"
    if isinstance(problem, Gromov):
        return f"Gromov-Wasserstein problem of {problem.n:,} and {problem.m:,} points"
    kind = "" if problem.regularization is None else f"{problem.regularization.kind} "
    where = f" in dimension {problem.d}" if problem.cost != "matrix" else ""
    return f"{problem.variant} {kind}transport of {problem.n:,} to {problem.m:,} points{where}"
