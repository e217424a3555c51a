"""Interleaved measurement: each round times every side once, in changing order, so that drift hits all alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping


def interleaved(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 3,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of every call of each side, in rounds; the first ``warm_up`` rounds are not kept."""
    order = list(sides)
    shuffle = random.Random(seed).shuffle
    taken: dict[str, list[float]] = {name: [] for name in order}
    for k in range(rounds + warm_up):
        shuffle(order)
        for name in order:
            begin = clock()
            sides[name]()
            seconds = clock() - begin
            if k >= warm_up:
                taken[name].append(seconds)
    return taken
