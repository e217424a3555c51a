"""Claimed vectors that are plain functions of others, against recomputed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from solvers.core.certificate import Check
from solvers.programs.certificates.arithmetic import Bounded
from solvers.programs.certificates.reading import read_vector
from solvers.programs.certificates.violations import verdict


def check_agreement(
    check: str, what: str, claimed: Any, recomputed: Bounded, name: Callable[[int], str], tolerance: float
) -> Check:
    """Each entry must agree up to ``tolerance * max(1, |value|)`` and the rounding error of recomputing it."""
    vector, complaint = read_vector(claimed, recomputed.value.size, "the vector")
    if vector is None:
        return Check(check, "failed", f"What was claimed is unusable: {complaint}.")
    if not vector.size:
        return Check(check, "passed", "There is nothing to compare.", 0.0, tolerance)
    differences = np.abs(vector - recomputed.value)
    allowed = tolerance * np.maximum(1.0, np.abs(recomputed.value)) + recomputed.error
    excess = differences - allowed
    worst = int(np.where(np.isnan(excess), np.inf, excess).argmax())
    difference = float(differences[worst])
    passed = bool(excess[worst] <= 0)
    if passed:
        text = f"All {vector.size} claimed values agree with recomputed ones; they differ by {difference:.3g} at most."
    else:
        text = (
            f"{what} {name(worst)!r} was claimed to be {vector[worst]:.9g}, but is {recomputed.value[worst]:.9g}; "
            f"{int((~(excess <= 0)).sum())} of {vector.size} values are off."
        )
    return Check(check, verdict(passed), text, difference, float(allowed[worst]))
