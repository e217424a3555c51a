"""What can be said of a bilevel problem before solving it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from solvers.bilevel.certificates.functions import lower_hessian
from solvers.bilevel.problem import Bilevel
from solvers.bilevel.select import describe, pairs

#: Up to this many lower variables the lower Hessian is looked at.
DENSE = 400


def inspect(problem: Bilevel) -> dict[str, Any]:
    """``summary``, ``details`` and ``warnings``, as JSON has them."""
    x, y = torch.tensor(problem.upper.start), torch.tensor(problem.lower.start)
    warnings: list[str] = []
    values: dict[str, Any] = {}
    for which in ("upper", "lower"):
        level = problem.upper if which == "upper" else problem.lower
        value = float(level.objective(x, y).detach())
        values[which] = problem.signed(value, which) if np.isfinite(value) else None
        if not np.isfinite(value):
            warnings.append(f"the {which} objective is {value} at the start")
    details: dict[str, Any] = {
        "upper_variables": problem.n,
        "lower_variables": problem.m,
        "integer_variables": int(problem.upper.integrality.sum()),
        "upper_constraints": _count(problem, "upper"),
        "lower_constraints": _count(problem, "lower"),
        "quadratic": problem.structure.quadratic,
        "linear": bool(problem.forms is not None and problem.forms.linear),
        "lower_convex": problem.lower_convex,
        "lower_strongly_convex": problem.lower_strongly_convex,
        "complementarity_pairs": pairs(problem) if problem.forms is not None else None,
        "features": sorted(problem.features),
        "objective_at_start": values,
        "notes": list(problem.structure.notes),
    }
    details |= _curvature(problem, x, y, warnings)
    return {"summary": describe(problem), "details": details, "warnings": warnings}


def _count(problem: Bilevel, which: str) -> int:
    level = problem.upper if which == "upper" else problem.lower
    x, y = torch.tensor(problem.upper.start), torch.tensor(problem.lower.start)
    parts = [part(x, y) for part in (level.inequalities, level.equalities) if part is not None]
    return sum(int(part.numel()) for part in parts)


def _curvature(problem: Bilevel, x: torch.Tensor, y: torch.Tensor, warnings: list[str]) -> dict[str, Any]:
    """Extreme eigenvalues of the lower objective's Hessian at the start."""
    if problem.m > DENSE:
        return {}
    hessian = lower_hessian(problem, x.numpy(), y.numpy())
    if not np.isfinite(hessian).all():
        return {}
    values = np.linalg.eigvalsh(hessian)
    smallest, largest = float(values[0]), float(values[-1])
    flat = smallest <= 1e-12 * max(1.0, abs(largest))
    if flat and not problem.lower.constrained and not problem.lower.bounded:
        words = "is flat in some direction" if smallest > -1e-9 else "curves downwards"
        warnings.append(f"the lower objective {words} at the start: its solution may not be unique, or not exist")
    return {
        "lower_curvature": [smallest, largest],
        "lower_condition": None if flat else largest / smallest,
    }
