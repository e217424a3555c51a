"""Points that meet the constraints on the inputs, also where next to no random point does.

First points are found by driving the violation down from random places (L-BFGS-B on the squared excess over the smooth
parameters, random changes of the discrete ones); from there walkers go on in random directions, as far as the
constraints allow, after hit and run (Smith, Operations Research 32, 1984): of steps that are halved again and again the
first that stays within is taken, which needs no convexity.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from solvers.studies.acquisition.maximise import Region
from solvers.studies.encoding import Array, Encoding

_STARTS = 12
_WALKERS = 32
_HALVES = 24


def inside(encoding: Encoding, region: Region, count: int, rng: np.random.Generator, centres: Array) -> Array:
    """Up to ``count`` places of the region (rows without NaN) that meet the constraints; none if no first was found.

    Args:
        centres: rows to begin from if they meet the constraints (evaluated trials), (k, parameters).
    """
    width = len(encoding.names)
    if region.margins is None:
        return np.empty((0, width))
    search = _Search(encoding, region, rng)
    begun = region.pin(np.nan_to_num(centres, nan=0.5))
    places = list(begun[search.excess(begun) <= 0.0]) if len(begun) else []
    for attempt in range(_STARTS):
        if len(places) >= 4 or (places and attempt >= 4):
            break
        found = search.descend(region.pin(rng.random((1, width)))[0], tries=10 if attempt < 4 else 60)
        if found is not None:
            places.append(found)
    if not places:
        return np.empty((0, width))
    walkers = np.array([places[k % len(places)] for k in range(_WALKERS)])
    walked: list[Array] = []
    for _ in range(2 + -(-count // _WALKERS)):
        walkers = search.walk(walkers)
        walked.append(walkers)
    return np.vstack([*walked[2:], np.array(places)])[:count]


class _Search:
    def __init__(self, encoding: Encoding, region: Region, rng: np.random.Generator) -> None:
        self.encoding, self.region, self.rng = encoding, region, rng
        self.free = [int(i) for i in encoding.smooth if int(i) not in region.fixed and region.high[i] > region.low[i]]
        self.loose = [int(i) for i in encoding.discrete if int(i) not in region.fixed]

    def margins(self, places: Array) -> Array:
        assert self.region.margins is not None
        return self.region.margins(self.encoding.complete(places))

    def excess(self, places: Array) -> Array:
        """(q,) what all constraints are broken by; 0 where all are met."""
        return np.asarray(np.maximum(self.margins(places), 0.0).sum(axis=1))

    def descend(self, place: Array, tries: int) -> Array | None:
        """A place that is allowed, or None."""
        best, low = place, float(self.excess(place[None])[0])
        for _ in range(tries):
            if low <= 0.0:
                return best
            base = best.copy()
            if self.loose:
                chosen = self.rng.choice(self.loose, size=min(len(self.loose), 1 + int(self.rng.integers(3))))
                base[chosen] = self.rng.random(len(chosen))
            base = self._slide(base)
            now = float(self.excess(base[None])[0])
            if now < low or (now <= low and self.loose):
                best, low = base, now
            elif not self.loose:  # stuck: begin elsewhere
                best = self.region.pin(self.rng.random((1, len(place))))[0]
                low = float(self.excess(best[None])[0])
        return best if low <= 0.0 else None

    def _slide(self, base: Array) -> Array:
        """The smooth columns moved down the squared excess."""
        scale = float(self.excess(base[None])[0])
        if not self.free or not scale > 0.0:
            return base
        free, count = self.free, len(self.free)
        aim = 1e-6 * min(1.0, scale)  # a little more than is asked for, since the descent ends at the edge

        def loss(x: Array) -> tuple[float, Array]:
            block = np.repeat(base[None], count + 1, axis=0)
            block[:, free] = x
            steps = np.where(x > 0.5, -1e-7, 1e-7)
            block[np.arange(1, count + 1), free] += steps
            values = (np.maximum(self.margins(block) + aim, 0.0) ** 2).sum(axis=1) / scale**2
            return float(values[0]), np.asarray((values[1:] - values[0]) / steps)

        bounds = [(self.region.low[i], self.region.high[i]) for i in free]
        result = minimize(loss, base[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
        moved = base.copy()
        moved[free] = np.clip(result.x, self.region.low[free], self.region.high[free])
        return moved

    def walk(self, places: Array) -> Array:
        """Every place moved to another one that is allowed, where one was found."""
        places = places.copy()
        count = len(places)
        if self.loose:
            moved = places.copy()
            moved[np.arange(count), self.rng.choice(self.loose, size=count)] = self.rng.random(count)
            fine = self.excess(moved) <= 0.0
            places[fine] = moved[fine]
        if not self.free:
            return places
        width = len(self.free)
        directions = self.rng.standard_normal((count, 1, width))
        directions /= np.linalg.norm(directions, axis=2, keepdims=True)
        sizes = 2.0 * 0.5 ** np.arange(_HALVES) * self.rng.uniform(0.5, 1.0, (count, _HALVES))
        block = np.repeat(places[:, None, :], _HALVES, axis=1)
        block[:, :, self.free] += sizes[:, :, None] * directions
        flat = block.reshape(count * _HALVES, -1)
        within = np.all((flat >= self.region.low) & (flat <= self.region.high), axis=1)
        fine = np.zeros(len(flat), dtype=bool)
        if within.any():
            fine[within] = self.excess(flat[within]) <= 0.0
        fine = fine.reshape(count, _HALVES)
        first = np.argmax(fine, axis=1)
        found = fine.any(axis=1)
        places[found] = block[np.flatnonzero(found), first[found]]
        return places
