"""Percentiles, shifted geometric means and the spread of a paired ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Latency:
    """Percentiles of durations, in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    mean: float
    least: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Of at least one duration in seconds."""
        ms = np.asarray(seconds, dtype=float) * 1e3
        p50, p95, p99 = np.percentile(ms, (50, 95, 99))
        return cls(len(ms), float(p50), float(p95), float(p99), float(ms.mean()), float(ms.min()))


@dataclass(frozen=True)
class Spread:
    """A median with the least and the greatest of the repetitions."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(float(np.median(values)), float(min(values)), float(max(values)))

    def text(self, digits: int = 0) -> str:
        """ "median [least, greatest]"; only the median where all are the same."""
        if self.least == self.greatest:
            return f"{self.median:.{digits}f}"
        return f"{self.median:.{digits}f} [{self.least:.{digits}f}, {self.greatest:.{digits}f}]"


def shifted_geometric_mean(seconds: Sequence[float], shift: float) -> float:
    """``(prod(t_i + shift))^(1/n) - shift``: the mean of the solver benchmarks, in which small times don't dominate."""
    logs = np.log(np.asarray(seconds, dtype=float) + shift)
    return float(np.exp(logs.mean()) - shift)


@dataclass(frozen=True)
class Ratio:
    """Ratio of two shifted geometric means over the same instances, with a 95% interval (paired bootstrap)."""

    count: int
    value: float
    low: float
    high: float

    def text(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.count > 1 else f"{self.value:.3f}"


def paired_ratio(
    ours: Sequence[float], theirs: Sequence[float], shift: float, *, draws: int = 2000, seed: int = 0
) -> Ratio:
    """SGM(ours) / SGM(theirs); above 1: we are slower. ``ours[i]`` and ``theirs[i]`` belong to one instance."""
    if not ours:
        return Ratio(0, float("nan"), float("nan"), float("nan"))
    a = np.log(np.asarray(ours, dtype=float) + shift)
    b = np.log(np.asarray(theirs, dtype=float) + shift)
    picks = np.random.default_rng(seed).integers(0, len(a), size=(draws, len(a)))
    values = (np.exp(a[picks].mean(axis=1)) - shift) / (np.exp(b[picks].mean(axis=1)) - shift)
    low, high = np.percentile(values, (2.5, 97.5))
    return Ratio(
        len(a), shifted_geometric_mean(ours, shift) / shifted_geometric_mean(theirs, shift), float(low), float(high)
    )


def plain(value: Any) -> Any:
    """Numpy scalars and dataclasses as what JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
