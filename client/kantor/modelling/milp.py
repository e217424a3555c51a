"""The arguments of ``scipy.optimize.milp`` (and ``linprog``'s bounds): duck-typed, scipy itself is not imported."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from kantor.arrays import Matrix, Numbers, matrix, vector, wrong
from kantor.program import Program


def to_program(c: Any, *, integrality: Any = None, bounds: Any = None, constraints: Any = None, **more: Any) -> Program:
    """Args:
        bounds: ``scipy.optimize.Bounds``, a pair (lower, upper), or None for x >= 0.
        constraints: ``scipy.optimize.LinearConstraint``, a tuple of its arguments (A, lb, ub), or a sequence of either.
        more: further arguments of ``Program``.

    Raises:
        InvalidProblem: what does not fit.
    """
    n = len(vector(c, "/objective"))
    blocks = [_block(item, k, n) for k, item in enumerate(_each(constraints))]
    rows: dict[str, Any] = {}
    if len(blocks) == 1:
        A, lower, upper = blocks[0]
        rows = {"A": A, "row_lower": lower.values, "row_upper": upper.values}
    elif blocks:
        rows = {
            "A": _stack([A for A, _, _ in blocks], n),
            "row_lower": [x for _, lower, _ in blocks for x in lower.tolist()],
            "row_upper": [x for _, _, upper in blocks for x in upper.tolist()],
        }
    if bounds is not None:
        lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
        rows |= {"lower": _spread(lower), "upper": _spread(upper)}
    return Program(objective=c, integrality=_spread(integrality), **rows, **more)


def _each(constraints: Any) -> Iterable[Any]:
    if constraints is None:
        return []
    if hasattr(constraints, "lb"):
        return [constraints]
    if isinstance(constraints, tuple) and not any(
        hasattr(item, "lb") or isinstance(item, tuple) for item in constraints
    ):
        return [constraints]
    return list(constraints)


def _block(item: Any, k: int, n: int) -> tuple[Matrix, Numbers, Numbers]:
    if hasattr(item, "lb"):
        A, lb, ub = item.A, item.lb, item.ub
    else:
        parts = tuple(item)
        if not 1 <= len(parts) <= 3:
            raise wrong("/A", f"constraint {k} is (A, lb, ub), not {len(parts)} things")
        A = parts[0]
        lb = parts[1] if len(parts) > 1 else -math.inf
        ub = parts[2] if len(parts) > 2 else math.inf
    rows = matrix(A, "/A", n)
    m = rows.shape[0]
    lower, upper = (vector(_spread(side), name, length=m) for side, name in ((lb, "/row_lower"), (ub, "/row_upper")))
    for side, name in ((lower, "/row_lower"), (upper, "/row_upper")):
        if len(side) != m:
            raise wrong(name, f"constraint {k} has {len(side)} sides for {m} rows")
    return rows, lower, upper


def _spread(value: Any) -> Any:
    """scipy writes one number for all as a number, or as an array of no dimension or of one entry."""
    if getattr(value, "ndim", None) == 0 or (hasattr(value, "__array__") and getattr(value, "size", 0) == 1):
        return value.item()
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    return value


def _stack(blocks: list[Matrix], n: int) -> dict[str, Any]:
    data: list[float] = []
    indices: list[int] = []
    indptr = [0]
    for A in blocks:
        if A.shape[1] != n:
            raise wrong("/A", f"a constraint has {A.shape[1]} columns, but there are {n} variables")
        parts = {name: numbers.tolist() for name, numbers in A.parts.items()}
        indptr += [len(data) + end for end in parts["indptr"][1:]]
        data += parts["data"]
        indices += parts["indices"]
    return {"format": "csr", "shape": (len(indptr) - 1, n), "data": data, "indices": indices, "indptr": indptr}
