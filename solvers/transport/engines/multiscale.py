"""``multiscale``: squared distances in two or three dimensions for 1e5 points and more, without looking at every pair.

Both clouds are divided into cells of equal mass, transport between the cells' centres is solved exactly, and carried
back: the plan of the cells becomes one of the points by joining, in each pair of cells, their points in order along
the main direction (at most n + m + pairs non-zeros); the potentials are made feasible on all points by c-transforms
(``numerics.transform``). Cells are halved until the gap between the two is small enough.

Floor: sorts, one or two c-transforms of n points a scale, and the simplex on the cells (0.15 s for 1,000, then the
power 2.6). The gap falls like the squared diameter of a cell: predicted 0.5% for 512 cells in the plane from 1.1% for
256 (uniform against three clusters), measured 0.27% at 1e5 points, and 0.4% in space.

Sources: Merigot, A multiscale approach to optimal transport (2011); Aurenhammer (1987) for the search in one more
dimension among few cells, ``min_i |x_i - y_j|^2 - f_i = min_i |(x_i, sqrt(F - f_i)) - (y_j, 0)|^2 - F``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin, stopped_early
from solvers.transport.engines.each import Quiet
from solvers.transport.numerics.transform import transform
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.plan import SparsePlan
from solvers.transport.problem import Transport

#: Dimensions in which cells help.
DIMENSIONS = (1, 2, 3)

#: Cells at the first and (if nothing else is asked) the last scale.
FIRST, LAST = 512, 4096

#: With fewer seconds a point than this, a scale of so few cells comes first, whose bound is left to the certificate.
HASTE, HASTY = 1e-5, 64

#: Cells that count for the potential of a point.
NEIGHBOURS = 16

#: So few cells are looked at all.
FEW = 64

#: Points of one search between two looks at the clock.
SEARCH = 20_000


class Multiscale:
    """See the module."""

    spec = EngineSpec(
        id="multiscale",
        family="transport",
        version="1",
        title="Multiscale (cells of points)",
        summary="A certified gap for 1e5 points and more in two or three dimensions, squared distances",
        solves=frozenset({"points", "balanced", "unregularized"}),
        capabilities=frozenset({"potentials", "progress", "deterministic", "streaming"}),
        options=(Option("cells", "integer", LAST, "Cells of each side at the last scale", minimum=2, maximum=20_000),),
        process_group="torch",
        citation="doi:10.1111/j.1467-8659.2011.02032.x",
    )

    def check(self, problem: Transport) -> None:
        """Raises UnsupportedProblem for other costs than squared distances, and for more than three dimensions."""
        if problem.cost != "sqeuclidean" or problem.d not in DIMENSIONS:
            raise UnsupportedProblem(
                "engine multiscale takes squared distances in up to three dimensions",
                pointer="/engine",
                hint="engine 'auto' chooses one that does",
            )

    def solve(self, problem: Transport, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``.

        Raises:
            UnsupportedProblem, InvalidOption.
        """
        values = begin(self.spec, problem, options)
        self.check(problem)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        run = _Run(problem, values, watch, context)
        try:
            run.work()
        except Stopped:
            run.limit = watch.limit
        statistics = {"seconds": watch.seconds, "cells": run.cells, "iterations": run.scales}
        if not run.best:
            words = "stopped before the first scale"
            return stopped_early(self.spec, problem, watch.limit, words, statistics)
        if not np.isfinite(run.best["bound"]):
            run.best["bound"] = None
        watch.end(objective=run.best["cost"], bound=run.best["bound"])
        statistics["nonzeros"] = int(run.best["plan"].matrix.nnz)
        return answered(
            self.spec,
            "optimal" if run.reached else "feasible",
            None if run.reached else run.limit or "slow-progress",
            **run.best,
            epsilon_from="",
            marginal_error=0.0,
            statistics=statistics,
            message=run.words(),
        )


class _Run:
    """One solve; ``best`` has the cheapest plan and the potentials of the highest bound so far."""

    def __init__(self, problem: Transport, values: dict[str, Any], watch: Watch, context: Context) -> None:
        assert problem.x is not None
        assert problem.y is not None
        self.problem, self.values, self.watch, self.context = problem, values, watch, context
        self.rows, self.columns = np.flatnonzero(problem.a > 0.0), np.flatnonzero(problem.b > 0.0)
        self.x, self.y = problem.x[self.rows], problem.y[self.columns]
        self.a, self.b = problem.a[self.rows], problem.b[self.columns]
        # without a tolerance nothing is claimed: every scale is used, and the gap is said
        self.tolerance = values["tolerance"] or 0.0
        self.best: dict[str, Any] = {}
        self.limit: Any = None
        self.reached = False
        self.gap = np.inf
        self.cells = self.scales = 0

    def words(self) -> str:
        if not np.isfinite(self.gap):
            return "stopped at the first scale: the plan and potentials are there, their bound is the certificate's"
        more = "" if self.reached else "; more cells, or sinkhorn-newton, come nearer"
        return f"a gap of {self.gap:.2g} with {self.cells:,} cells{more}"

    def work(self) -> None:
        most = max(len(self.a), len(self.b))
        count = min(FIRST, self.values["cells"])
        if self.watch.deadline - time.monotonic() < HASTE * (len(self.a) + len(self.b)):
            count = min(HASTY, count)
            self._scale(count, bounded=False)
            count = min(FIRST, self.values["cells"])
        while True:
            self._scale(count)
            scale = max(abs(self.best["cost"]), abs(self.best["bound"]))
            self.gap = (self.best["cost"] - self.best["bound"]) / scale if scale > 0.0 else 0.0
            self.reached = self.gap <= self.tolerance
            if not self.reached:
                self.watch.check()
            if self.reached or count >= min(self.values["cells"], most):
                return
            if self.values["iteration_limit"] is not None and self.scales >= self.values["iteration_limit"]:
                self.limit = "iterations"
                return
            count = min(4 * count, self.values["cells"])

    def _scale(self, count: int, *, bounded: bool = True) -> None:
        """The plan and the potentials that this many cells give; ``bounded``: and their bound."""
        from solvers.transport.engines.network_simplex import ENGINE as EXACT

        left = cells(self.x, self.a, count, self.watch)
        right = cells(self.y, self.b, count, self.watch)
        coarse = [_centres(*side) for side in ((self.x, self.a, left), (self.y, self.b, right))]
        (places_x, masses_x), (places_y, masses_y) = coarse
        between = Transport.build(places_x, places_y, a=masses_x, b=masses_y * (masses_x.sum() / masses_y.sum()))
        found = EXACT.solve(between, {"memory_limit": self.values["memory_limit"]}, _Patient(self.context, self.watch))
        if not isinstance(found.plan, SparsePlan) or found.g is None:
            self.watch.check()
            raise Stopped
        pairs = sp.coo_array(found.plan.matrix)
        self.cells, self.scales = count, self.scales + 1
        self._primal(left, right, places_x, places_y, pairs)
        if "f" not in self.best and found.f is not None:  # who stops now still has those of cells
            self.best["f"] = np.zeros(self.problem.n)
            self.best["f"][self.rows] = found.f[left]
        width = float(self.b @ ((self.y - places_y[right]) ** 2).sum(axis=1)) / float(self.b.sum())
        self._dual(places_y, masses_y, found.g, width, bounded)
        self.watch.note(objective=self.best["cost"], bound=self.best["bound"], cells=count, iterations=self.scales)

    def _primal(
        self, left: np.ndarray, right: np.ndarray, places_x: np.ndarray, places_y: np.ndarray, pairs: sp.coo_array
    ) -> None:
        centred = self.y - self.y.mean(axis=0)
        way = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        order_x, order_y = np.lexsort((self.x @ way, left)), np.lexsort((self.y @ way, right))
        k, m = pairs.coords
        i, j, mass = joined(
            self.a[order_x],
            self.b[order_y],
            pairs.data,
            np.lexsort((places_y[m] @ way, k)),
            np.lexsort((places_x[k] @ way, m)),
        )
        self.watch.check()
        i, j = order_x[i], order_y[j]
        cost = float(mass @ ((self.x[i] - self.y[j]) ** 2).sum(axis=1))
        if self.best and cost >= self.best["cost"]:
            return
        shape = self.problem.n, self.problem.m
        matrix = sp.coo_array((mass, (self.rows[i], self.columns[j])), shape=shape).tocsr()
        matrix.sum_duplicates()
        self.best = {"bound": -np.inf, **self.best, "cost": cost, "plan": SparsePlan(matrix)}

    def _dual(self, places: np.ndarray, masses: np.ndarray, potential: np.ndarray, width: float, bounded: bool) -> None:
        problem = self.problem
        assert problem.x is not None
        assert problem.y is not None
        f = softened(places, masses, potential, self.x, width, self.watch)
        if not np.isfinite(self.best["bound"]):  # who stops now still has them: the certificate transforms them anew
            self.best["f"] = np.zeros(problem.n)
            self.best["f"][self.rows] = f
        if not bounded:
            return
        g = transform(self.x, f, problem.y, self.watch)
        bound = float(self.a @ f + problem.b @ g)
        whole = len(self.rows) == problem.n
        if not whole or self.best["cost"] - bound > self.tolerance * max(abs(self.best["cost"]), abs(bound)):
            f = transform(self.y, g[self.columns], problem.x, self.watch)
            bound = float(problem.a @ f + problem.b @ g)
        if bound > self.best["bound"]:
            self.best |= {"bound": bound, "f": f, "g": g}


class _Patient(Quiet):
    """The context of the simplex on the cells, which need not make a plan first: a coarser scale has."""

    def __init__(self, outer: Context, watch: Watch) -> None:
        super().__init__(outer, None)
        self._watch = watch

    def should_stop(self) -> Any:
        return self._outer.should_stop() or ("time" if time.monotonic() > self._watch.deadline else None)


def cells(points: np.ndarray, weights: np.ndarray, count: int, watch: Watch) -> np.ndarray:
    """The cell 0, 1, ... of each point: halved by mass across the widest axis until there are ``count`` (or each point
    has its own). Neighbouring numbers are neighbouring cells."""
    label = np.zeros(len(points), dtype=np.int64)
    number = 1
    while number < count:
        watch.check()
        spread = [_range(points[:, axis], label, number) for axis in range(points.shape[1])]
        widest = np.argmax(spread, axis=0)
        order = np.lexsort((points[np.arange(len(points)), widest[label]], label))
        sorted_label, mass = label[order], weights[order]
        ends = np.cumsum(mass)
        begins = np.concatenate([[0], np.flatnonzero(np.diff(sorted_label)) + 1])
        before = np.concatenate([[0.0], ends])[begins]
        total = np.add.reduceat(mass, begins)
        upper = ends - 0.5 * mass - before[sorted_label] > 0.5 * total[sorted_label]
        label[order] = 2 * sorted_label + upper
        _, label = np.unique(label, return_inverse=True)
        found = int(label.max()) + 1
        if found == number:
            break
        number = found
    return label


def _range(values: np.ndarray, label: np.ndarray, number: int) -> np.ndarray:
    low, high = np.full(number, np.inf), np.full(number, -np.inf)
    np.minimum.at(low, label, values)
    np.maximum.at(high, label, values)
    return np.asarray(high - low)


def _centres(points: np.ndarray, weights: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of mass and masses of the cells."""
    masses = np.bincount(label, weights)
    sums = [np.bincount(label, weights * points[:, axis]) for axis in range(points.shape[1])]
    return np.stack(sums, axis=1) / masses[:, None], masses


def joined(
    a: np.ndarray, b: np.ndarray, pairs: np.ndarray, order_a: np.ndarray, order_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries (i, j, mass) of a plan between a and b that passes through pairs of cells.

    Args:
        a, b: masses of points, cell by cell.
        pairs: masses of the pairs of cells; their totals over a cell are those of the cell's points.
        order_a, order_b: the pairs, cell by cell of a's and of b's.
    """
    ends_a, ends_b = np.cumsum(a), np.cumsum(b)
    ends_b *= ends_a[-1] / ends_b[-1]
    slots_a, slots_b = np.cumsum(pairs[order_a]), np.cumsum(pairs[order_b])
    slots_a *= ends_a[-1] / slots_a[-1]
    slots_b *= ends_a[-1] / slots_b[-1]
    begin_a, begin_b = np.empty(len(pairs)), np.empty(len(pairs))
    begin_a[order_a] = np.concatenate([[0.0], slots_a[:-1]])
    begin_b[order_b] = np.concatenate([[0.0], slots_b[:-1]])
    # b's cuts, moved to where their pair lies among a's
    holder = order_b[np.minimum(np.searchsorted(slots_b, ends_b, side="left"), len(pairs) - 1)]
    moved = begin_a[holder] + (ends_b - begin_b[holder])
    cuts = np.unique(np.clip(np.concatenate([ends_a, slots_a, moved]), 0.0, ends_a[-1]))
    mass = np.diff(cuts, prepend=0.0)
    middle = cuts - 0.5 * mass
    i = np.minimum(np.searchsorted(ends_a, middle, side="right"), len(a) - 1)
    slot = order_a[np.minimum(np.searchsorted(slots_a, middle, side="right"), len(pairs) - 1)]
    there = begin_b[slot] + (middle - begin_a[slot])
    j = np.minimum(np.searchsorted(ends_b, there, side="right"), len(b) - 1)
    return i, j, mass


def softened(
    points: np.ndarray, masses: np.ndarray, potential: np.ndarray, where: np.ndarray, width: float, watch: Watch
) -> np.ndarray:
    """``-w log sum_i m_i exp((potential_i - |points_i - where_j|^2) / w)`` over the few least terms, with w the mean
    squared radius of cells: the hard minimum has the same worth all over a cell, where trees cannot prune; this curves
    like the potential of the points, and gives a higher bound."""
    if len(points) <= FEW:
        return _softened_over_all(points, masses, potential, where, width, watch)
    top = float(potential.max())
    tree = cKDTree(np.column_stack([points, np.sqrt(np.maximum(top - potential, 0.0))]))
    found = np.empty(len(where))
    few = min(NEIGHBOURS, len(points))
    for first in range(0, len(where), SEARCH):
        watch.check()
        part = where[first : first + SEARCH]
        nearest = tree.query(np.column_stack([part, np.zeros(len(part))]), k=[*range(1, few + 1)])[1]
        reach = ((points[nearest] - part[:, None]) ** 2).sum(axis=2) - potential[nearest]
        least = reach.min(axis=1)
        if width > 0.0:
            shares = masses[nearest] / masses.mean() * np.exp((least[:, None] - reach) / width)
            least = least - width * np.log(shares.sum(axis=1))
        found[first : first + SEARCH] = least
    return found


def _softened_over_all(
    points: np.ndarray, masses: np.ndarray, potential: np.ndarray, where: np.ndarray, width: float, watch: Watch
) -> np.ndarray:
    """The same over all terms: of few points, sooner than a search."""
    found = np.empty(len(where))
    for first in range(0, len(where), SEARCH):
        watch.check()
        reach = cdist(where[first : first + SEARCH], points, "sqeuclidean")
        reach -= potential
        least = reach.min(axis=1)
        if width > 0.0:
            shares = np.exp((least[:, None] - reach) / width) @ (masses / masses.mean())
            least = least - width * np.log(shares)
        found[first : first + SEARCH] = least
    return found


ENGINE = Multiscale()
