"""Checks everything ``Transport.build`` is given and brings it into the one form that engines and certificates need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.transport.problem import (
    COSTS,
    VARIANTS,
    Regularization,
    Transport,
    TransportBatch,
)

#: Costs above this overflow when they are squared, summed or weighted in double precision.
LARGEST_COST = 1e100

#: Logarithm of the most that mass may grow by, where penalties allow it.
MOST_GROWTH = 200.0

#: Relative difference of total masses that is taken for rounding and repaired.
MASS_ROUNDING = 1e-9


def checked_transport(
    cls: type[Transport],
    *,
    x: Any = None,
    y: Any = None,
    M: Any = None,
    A: Any = None,
    B: Any = None,
    spacing: float = 1.0,
    a: Any = None,
    b: Any = None,
    normalize: bool = False,
    cost: str | None = None,
    p: float = 2.0,
    variant: str = "balanced",
    divergence: str | None = None,
    strength: float | None = None,
    strength_a: float | None = None,
    strength_b: float | None = None,
    mass: float | None = None,
    regularization: Any = None,
    relative: bool = False,
    kind: str | None = None,
    max_nonzeros: int | None = None,
    rank: int | None = None,
    name: str = "",
) -> Transport:
    """See ``Transport.build``."""
    grid_a = grid_b = None
    if A is not None or B is not None:
        if x is not None or y is not None or a is not None or b is not None or M is not None:
            raise InvalidProblem("images bring their own points and weights", pointer="/A", hint="A and B alone")
        a, x, grid_a = image(A, "/A", spacing)
        b, y, grid_b = image(B, "/B", spacing)
        if len(grid_a) != len(grid_b):
            raise InvalidProblem(
                f"A has {len(grid_a)} axes and B {len(grid_b)}", pointer="/B", hint="as many axes as A"
            )
    if M is not None:
        if cost not in (None, "matrix"):
            raise InvalidProblem(f"both a matrix M and cost {cost!r} are given", pointer="/cost", hint="one of the two")
        cost = "matrix"
        M = finite_matrix(M, "/M")
    cost = cost or "sqeuclidean"
    if cost not in COSTS:
        raise InvalidProblem(f"there is no cost {cost!r}", pointer="/cost", hint=f"one of: {', '.join(COSTS)}")
    if cost == "matrix" and M is None:
        raise InvalidProblem("cost 'matrix' needs the matrix M", pointer="/M")
    if M is None and (x is None or y is None):
        missing = "x" if x is None else "y"
        raise InvalidProblem(
            f"{missing} is missing", pointer=f"/{missing}", hint="points x and y, a cost matrix M, or images A and B"
        )
    points_x = None if x is None else points(x, "/x")
    points_y = None if y is None else points(y, "/y")
    if points_x is not None and points_y is not None and M is None:
        _same_dimension(points_x, points_y)
        check_cost(points_x, points_y, cost, p)
    if M is not None and np.abs(M).max() > LARGEST_COST:
        raise InvalidProblem("M has entries above 1e100", pointer="/M", hint="costs in other units")
    n = M.shape[0] if M is not None else len(points_x)  # type: ignore[arg-type]
    m = M.shape[1] if M is not None else len(points_y)  # type: ignore[arg-type]
    for given, size, side in ((points_x, n, "x"), (points_y, m, "y")):
        if given is not None and len(given) != size:
            raise InvalidProblem(
                f"M has {size} {'rows' if side == 'x' else 'columns'}, but {side} {len(given)} points",
                pointer=f"/{side}",
            )
    weights_a = weights(a, n, "/a", normalize)
    weights_b = weights(b, m, "/b", normalize)
    variant_fields = _variant(variant, divergence, strength, strength_a, strength_b, mass, weights_a, weights_b)
    if variant == "balanced":
        weights_b = _balanced(weights_a, weights_b)
    sparse = _count(max_nonzeros, "/max_nonzeros", "non-zeros a column")
    sources, targets = np.count_nonzero(weights_a), np.count_nonzero(weights_b)
    if sparse is not None and sparse * targets < sources:
        raise InvalidProblem(
            f"{sources} sources have no room in {targets} columns of at most {sparse} non-zeros",
            pointer="/max_nonzeros",
            hint=f"at least {-(-sources // targets)}",
        )
    if sparse is not None:
        _enough_room(sparse, weights_a, weights_b)
    if sparse is not None and kind is None and not isinstance(regularization, Regularization):
        kind = "quadratic"
    strengthened = _for_sparse(checked_regularization(regularization, relative, kind), sparse)
    if M is not None and variant == "unbalanced":
        _require_finite_mass(M, variant_fields, strengthened)
    return cls(
        a=weights_a,
        b=weights_b,
        x=points_x,
        y=points_y,
        M=M,
        cost=cost,
        p=float(p),
        regularization=strengthened,
        max_nonzeros=sparse,
        rank=_count(rank, "/rank", "rank"),
        grid_a=grid_a,
        grid_b=grid_b,
        name=str(name),
        **variant_fields,
    )


def checked_batch(problems: Sequence[Transport]) -> TransportBatch:
    """See ``Transport.batch``."""
    found = tuple(problems)
    if not found:
        raise InvalidProblem("a batch needs at least one problem", pointer="/problems")
    for k, problem in enumerate(found):
        if not isinstance(problem, Transport):
            raise InvalidProblem(f"problem {k} is no Transport", pointer=f"/problems/{k}")
    return TransportBatch(found)


def checked_regularization(value: Any, relative: bool, kind: str | None) -> Regularization | None:
    """None, or a regularization of positive, finite strength."""
    if value is None:
        return None
    if isinstance(value, Regularization):
        value, relative, kind = value.strength, value.relative, value.kind
    try:
        strength = float(value)
    except (TypeError, ValueError):
        raise InvalidProblem(f"regularization must be a number, not {value!r}", pointer="/regularization") from None
    if strength == 0.0:
        return None
    if not (math.isfinite(strength) and strength > 0.0):
        raise InvalidProblem(
            f"regularization is {strength}", pointer="/regularization", hint="a positive number, or 0 for none"
        )
    if kind not in (None, "entropic", "quadratic"):
        raise InvalidProblem(f"there is no regularization {kind!r}", pointer="/kind", hint="entropic or quadratic")
    return Regularization(kind or "entropic", strength, bool(relative))  # type: ignore[arg-type]


def _for_sparse(found: Regularization | None, sparse: int | None) -> Regularization | None:
    if sparse is not None and (found is None or found.kind != "quadratic"):
        raise InvalidProblem(
            "max_nonzeros needs a quadratic regularization",
            pointer="/regularization",
            hint="for example regularization=1.0",
        )
    return found


def _variant(
    variant: str,
    divergence: str | None,
    strength: float | None,
    strength_a: float | None,
    strength_b: float | None,
    mass: float | None,
    a: np.ndarray,
    b: np.ndarray,
) -> dict[str, Any]:
    if variant not in VARIANTS:
        raise InvalidProblem(
            f"there is no variant {variant!r}", pointer="/variant", hint=f"one of: {', '.join(VARIANTS)}"
        )
    if divergence not in (None, "kl", "tv"):
        raise InvalidProblem(f"there is no divergence {divergence!r}", pointer="/divergence", hint="kl or tv")
    fields: dict[str, Any] = {"variant": variant, "divergence": divergence or "kl"}
    given = {"strength": strength, "strength_a": strength_a, "strength_b": strength_b, "mass": mass}
    allowed = {
        "balanced": set(),
        "unbalanced": {"strength", "strength_a", "strength_b"},
        "semi-relaxed": {"strength", "strength_b"},
        "partial": {"mass"},
    }[variant]
    for key, value in given.items():
        if value is not None and key not in allowed:
            raise InvalidProblem(
                f"{key} has no meaning for variant {variant!r}",
                pointer=f"/{key}",
                hint="leave it out, or another variant",
            )
    if variant in ("unbalanced", "semi-relaxed"):
        for side in ("b",) if variant == "semi-relaxed" else ("a", "b"):
            own = given[f"strength_{side}"]
            value = own if own is not None else strength
            if value is None or math.isnan(float(value)) or float(value) <= 0.0:
                raise InvalidProblem(
                    f"variant {variant!r} needs a positive strength for {side}, not {value}",
                    pointer=f"/strength_{side}",
                    hint="how much a unit of missing mass costs, in units of the cost",
                )
            fields[f"strength_{side}"] = float(value)
    if variant == "partial":
        most = min(float(a.sum()), float(b.sum()))
        if mass is None or not 0.0 < float(mass) <= most * (1.0 + MASS_ROUNDING):
            raise InvalidProblem(
                f"mass is {mass}", pointer="/mass", hint=f"a number above 0 and at most {most:g}, the smaller total"
            )
        fields["mass"] = min(float(mass), most)
    return fields


def _require_finite_mass(M: np.ndarray, fields: dict[str, Any], regularization: Regularization | None) -> None:
    """Raises where costs are so negative that mass would be made, and moved, without end."""
    lowest, prices = float(M.min()), fields["strength_a"] + fields["strength_b"]
    if lowest >= 0.0 or not math.isfinite(prices):
        return
    if fields["divergence"] == "tv" and regularization is None and lowest < -prices:
        words = f"a cost of {lowest:g} is more than making and losing a unit of mass costs ({prices:g})"
        raise InvalidProblem(
            f"{words}: there is no least value", pointer="/M", hint="larger strengths, or costs that are not negative"
        )
    if fields["divergence"] == "kl" and -lowest > MOST_GROWTH * prices:
        words = f"with a cost of {lowest:g} and strengths of {prices:g} together"
        raise InvalidProblem(
            f"{words} mass would grow e^{-lowest / prices:.0f}-fold",
            pointer="/M",
            hint="larger strengths, or costs that are not negative",
        )


def _balanced(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """b with exactly the total of a, if they differ by rounding only."""
    total_a, total_b = math.fsum(a), math.fsum(b)
    if abs(total_a - total_b) > MASS_ROUNDING * max(total_a, total_b):
        raise InvalidProblem(
            f"a sums to {total_a:g} and b to {total_b:g}",
            pointer="/b",
            hint="equal totals; or normalize=True; or variant 'unbalanced' or 'partial'",
        )
    return b if total_a == total_b else b * (total_a / total_b)


def finite_matrix(value: Any, pointer: str) -> np.ndarray:
    """A finite two-dimensional array of doubles with at least one row and column."""
    try:
        matrix = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be a matrix of numbers", pointer=pointer) from None
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InvalidProblem(f"{pointer[1:]} has shape {matrix.shape}", pointer=pointer, hint="two axes, neither empty")
    _require_finite(matrix, pointer)
    return matrix


def points(value: Any, pointer: str) -> np.ndarray:
    """(n, d) finite doubles; a one-dimensional array is n points on a line."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be points: n rows of d numbers", pointer=pointer) from None
    if array.ndim == 1:
        array = array[:, None]
    return finite_matrix(array, pointer)


def weights(value: Any, size: int, pointer: str, normalize: bool = False) -> np.ndarray:
    """``size`` non-negative finite weights, not all zero; None is uniform of total 1."""
    if value is None:
        return np.full(size, 1.0 / size)
    try:
        array = np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be a list of weights", pointer=pointer) from None
    if array.shape != (size,):
        raise InvalidProblem(f"{pointer[1:]} has shape {array.shape} where {size} weights are needed", pointer=pointer)
    _require_finite(array, pointer)
    if (array < 0.0).any():
        k = int(np.argmax(array < 0.0))
        raise InvalidProblem(
            f"{pointer[1:]}[{k}] is {array[k]}", pointer=f"{pointer}/{k}", hint="a weight of at least 0"
        )
    total = math.fsum(array)
    if total <= 0.0:
        raise InvalidProblem(
            f"all weights of {pointer[1:]} are zero", pointer=pointer, hint="at least one positive weight"
        )
    if total > LARGEST_COST:
        raise InvalidProblem(f"{pointer[1:]} sums to {total:g}", pointer=pointer, hint="weights in other units")
    return array / total if normalize else array


def image(value: Any, pointer: str, spacing: float = 1.0) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Weights of total 1, points and shape of an image: the point of a pixel is its index times ``spacing``."""
    if value is None:
        raise InvalidProblem(f"{pointer[1:]} is missing", pointer=pointer)
    try:
        pixels = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidProblem(f"{pointer[1:]} must be an array of numbers", pointer=pointer) from None
    if pixels.ndim < 1 or pixels.size == 0:
        raise InvalidProblem(f"{pointer[1:]} has shape {pixels.shape}", pointer=pointer, hint="at least one pixel")
    flat = weights(pixels.reshape(-1), pixels.size, pointer, normalize=True)
    where = np.stack(np.unravel_index(np.arange(pixels.size), pixels.shape), axis=1) * float(spacing)
    return flat, where, tuple(int(k) for k in pixels.shape)


def check_cost(x: np.ndarray, y: np.ndarray, cost: str, p: float) -> None:
    """Raises where a cost between these points would overflow, or has no meaning."""
    reach = max(float(np.abs(x).max()), float(np.abs(y).max()))
    if cost == "lp" and not (math.isfinite(p) and p >= 1.0):
        raise InvalidProblem(f"p is {p}", pointer="/p", hint="a power of at least 1")
    if cost == "cosine":
        for side, given in (("x", x), ("y", y)):
            zero = ~given.any(axis=1)
            if zero.any():
                k = int(np.argmax(zero))
                raise InvalidProblem(f"{side}[{k}] is the zero vector, which has no direction", pointer=f"/{side}/{k}")
        return
    power = {"sqeuclidean": 2.0, "euclidean": 1.0, "l1": 1.0, "lp": p}[cost]
    if reach > 0.0 and power * math.log10(2.0 * reach) + math.log10(x.shape[1]) > math.log10(LARGEST_COST):
        raise InvalidProblem(
            f"coordinates up to {reach:g} give costs above 1e100", pointer="/x", hint="coordinates in other units"
        )


def _same_dimension(x: np.ndarray, y: np.ndarray) -> None:
    if x.shape[1] != y.shape[1]:
        raise InvalidProblem(
            f"x has points of dimension {x.shape[1]}, y of dimension {y.shape[1]}",
            pointer="/y",
            hint=f"points with {x.shape[1]} coordinates",
        )


def _count(value: Any, pointer: str, what: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or int(value) != value or int(value) < 1:
        raise InvalidProblem(f"{what}: {value!r}", pointer=pointer, hint="a whole number of at least 1")
    return int(value)


def _enough_room(most: int, a: np.ndarray, b: np.ndarray) -> None:
    """Raises InvalidProblem where the most heavy sources together cannot fill a column."""
    heaviest = np.cumsum(np.sort(a)[::-1])
    j = int(b.argmax())
    if most < len(a) and heaviest[most - 1] < b[j] * (1.0 - 1e-9):
        raise InvalidProblem(
            f"column {j} wants {b[j]:.6g}, and the {most} heaviest sources have {heaviest[most - 1]:.6g} together: "
            f"no plan has at most {most} non-zeros in each column",
            pointer="/max_nonzeros",
            hint=f"at least {int(np.searchsorted(heaviest, b[j] * (1.0 - 1e-9))) + 1}",
        )


def _require_finite(array: np.ndarray, pointer: str) -> None:
    wrong = ~np.isfinite(array)
    if wrong.any():
        where = np.unravel_index(int(np.argmax(wrong)), array.shape)
        place = "/".join(str(int(k)) for k in where)
        raise InvalidProblem(
            f"{pointer[1:]}[{place.replace('/', ', ')}] is {array[where]}",
            pointer=f"{pointer}/{place}",
            hint="a finite number",
        )
