"""When a search that nobody has limited should end: its gap no longer closes."""

from __future__ import annotations

import time

#: Seconds of CPU time within which the gap must halve.
SECONDS = 60.0


class Patience:
    """Watches the gap of one solve."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []

    def over(self, gap: float) -> bool:
        """Whether at least ``SECONDS`` of work closed less than half of the gap."""
        now = time.process_time()
        self._seen.append((now, gap))
        before = [then for at, then in self._seen if at <= now - SECONDS]
        return bool(before) and gap > 0.5 * before[-1]

    @staticmethod
    def words(gap: float) -> str:
        return (
            f"Stopped at a gap of {gap:.2g} to the bound: the last {SECONDS:g} s of work closed less than half of it. "
            "Give a time_limit to search on."
        )
