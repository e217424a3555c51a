"""Plans with at most k entries a column by their masses: columns are bins that must be filled to the brim, sources are
items that may be cut.

Bins are filled one after the other with the k - 1 smallest items that leave room and one that fills the rest, whose
other part is an item again: each bin uses up k - 1 items, so that few are left for the last. What goes wrong in one
order of the bins may go well in another, so several are tried. To find out whether any plan exists is strongly NP-hard
(for k = 1 it is partition): none found does not mean none there.

Source: Chung, Graham, Mao, Varghese, Parallelism versus memory allocation in pipelined router forwarding engines
(2006), for bins of equal size and items that may exceed them.
"""

from __future__ import annotations

import numpy as np

#: Orders of the bins that are tried, and the part of the mass that counts as nothing.
ORDERS, NOTHING = 60, 1e-14

Entries = list[tuple[int, int, float]]


def packed(
    a: np.ndarray, b: np.ndarray, k: int, random: np.random.Generator, costs: np.ndarray | None = None
) -> np.ndarray | None:
    """A plan (n, m) with row sums a, column sums b (of the same total) and at most k entries in each column, or None.

    Args:
        costs: (n, m); then the cheapest of those found in all orders, otherwise the first.
    """
    orders = [np.argsort(-b, kind="stable"), np.argsort(b, kind="stable")]
    orders += [random.permutation(len(b)) for _ in range(ORDERS - 2)]
    best, least = None, np.inf
    for order in orders:
        found = _filled(a, b, k, order)
        if found is None:
            continue
        if costs is None:
            return found
        value = float((costs * found).sum())
        if value < least:
            best, least = found, value
    return best


def repacked(
    plan: np.ndarray, a: np.ndarray, b: np.ndarray, k: int, random: np.random.Generator, costs: np.ndarray
) -> np.ndarray | None:
    """Like ``packed``, with most columns as they are in ``plan``, whose column sums are b: those that are too full, and
    if it must be more and more of those that share sources with them, are filled anew."""
    support = plan > 0.0
    counts = support.sum(axis=0)
    heavy = np.flatnonzero(counts > k)
    order = _around(support, heavy)
    more = 0
    while True:
        touched = np.concatenate([heavy, order[:more]])
        kept = np.setdiff1d(np.arange(len(b)), touched)
        free = np.maximum(a - plan[:, kept].sum(axis=1), 0.0)
        wanted = b[touched]
        part = None
        if free.sum() > 0.0:
            part = packed(free * (wanted.sum() / free.sum()), wanted, k, random, costs[:, touched])
        if part is not None:
            found: np.ndarray = plan.copy()
            found[:, touched] = part
            return found
        if more >= len(order):
            return None
        more = 2 * more + 1


def _around(support: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The other columns, those that share sources with the given ones first, then those that share with these."""
    order: list[int] = []
    seen = np.zeros(support.shape[1], dtype=bool)
    seen[columns] = True
    layer = columns
    while len(layer):
        layer = np.flatnonzero(support[support[:, layer].any(axis=1)].any(axis=0) & ~seen)
        seen[layer] = True
        order += layer.tolist()
    return np.array(order + np.flatnonzero(~seen).tolist(), dtype=np.int64)


def _filled(a: np.ndarray, b: np.ndarray, k: int, order: np.ndarray) -> np.ndarray | None:
    nothing = NOTHING * float(b.sum())
    items = np.flatnonzero(a > nothing)
    items = items[np.argsort(a[items], kind="stable")]
    masses = a[items]
    plan = np.zeros((len(a), len(b)))
    for position, j in enumerate(order):
        if position == len(order) - 1:
            if len(items) > k:
                return None
            plan[items, j] = masses
            break
        chosen = _choice(masses, float(b[j]), k, nothing)
        if chosen is None:
            return None
        room, taken = float(b[j]), np.zeros(len(chosen))
        for spot, index in enumerate(chosen):
            taken[spot] = min(room, masses[index])
            room -= taken[spot]
        if room > nothing * 8:
            return None
        plan[items[chosen], j] = taken
        masses = masses.copy()
        masses[chosen] -= taken
        left = masses > nothing
        items, masses = items[left], masses[left]
        again = np.argsort(masses, kind="stable")
        items, masses = items[again], masses[again]
    return plan


def _choice(masses: np.ndarray, wanted: float, k: int, nothing: float) -> np.ndarray | None:
    """At most k of the sorted items, in the order in which they are used up, that can fill a bin."""
    count = min(k, len(masses))
    sums = np.concatenate([[0.0], np.cumsum(masses)])
    windows = sums[count:] - sums[:-count]
    enough = np.flatnonzero(windows >= wanted - nothing)
    if not len(enough):
        return None
    first = int(enough[0])
    if first == 0 or count < k:
        return np.arange(first, first + count)
    # the window before leaves room: all of it but its largest, and one that fills the rest
    small = np.arange(first - 1, first + count - 2)
    rest = wanted - float(masses[small].sum())
    filler = max(int(np.searchsorted(masses, rest - nothing)), first + count - 2)
    if filler < len(masses):
        return np.append(small, filler)
    return np.arange(first, first + count)
