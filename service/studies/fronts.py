"""Pareto fronts, in plain Python. All objectives are to be small."""

from __future__ import annotations

from collections.abc import Sequence

Named = tuple[int, tuple[float, ...]]


def front(points: Sequence[Named]) -> list[Named]:
    """The points that no other one dominates (at least as good everywhere, better somewhere); of equal ones all.

    Sorted lexicographically, only earlier points can dominate later ones: so each is compared with the front so far.
    """
    found: list[Named] = []
    lowest = float("inf")
    for number, point in sorted(points, key=lambda named: named[1]):
        if len(point) <= 2:
            # by the second objective alone: all before are as good in the first
            last = point[-1]
            if last < lowest or (found and found[-1][1] == point):
                found.append((number, point))
                lowest = min(lowest, last)
        elif not any(_dominates(other, point) for _, other in found):
            found.append((number, point))
    return found


def area(points: Sequence[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    """The hypervolume that a front of two objectives dominates, up to the reference."""
    total, height = 0.0, reference[1]
    for x, y in sorted(points):
        if y < height:
            total += (reference[0] - x) * (height - y)
            height = y
    return total


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
