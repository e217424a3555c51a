"""Checks of what the other problems of the family are built from: barycenters, Gromov, sliced."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from solvers.core.errors import InvalidProblem
from solvers.transport.problem import COSTS, Barycenter, Gromov, Measure, Regularization, Sliced
from solvers.transport.validation import check_cost, checked_regularization, finite_matrix, image, points, weights


def checked_barycenter(
    cls: type[Barycenter],
    measures: Any,
    *,
    images: bool = False,
    weights: Any = None,
    support: Any = None,
    support_size: int | None = None,
    free: bool = False,
    cost: str = "sqeuclidean",
    p: float = 2.0,
    regularization: Any = None,
    relative: bool = False,
    name: str = "",
) -> Barycenter:
    """See ``Barycenter.build``."""
    given = list(measures)
    if not given:
        raise InvalidProblem("a barycenter needs at least one measure", pointer="/measures")
    if cost not in COSTS or cost == "matrix" or (free and cost != "sqeuclidean"):
        allowed = "sqeuclidean" if free else ", ".join(one for one in COSTS if one != "matrix")
        raise InvalidProblem(f"cost {cost!r} is not for this barycenter", pointer="/cost", hint=f"one of: {allowed}")
    found: list[Measure] = []
    grid: tuple[int, ...] | None = None
    for k, one in enumerate(given):
        measure, shape = _measure(one, f"/measures/{k}", images)
        if found and measure.points.shape[1] != found[0].points.shape[1]:
            raise InvalidProblem(f"measure {k} has another dimension than measure 0", pointer=f"/measures/{k}")
        if images and found and shape != grid:
            raise InvalidProblem(f"image {k} has shape {shape}, image 0 {grid}", pointer=f"/measures/{k}")
        grid = shape
        found.append(measure)
    where = _support(found, support, support_size, free, images)
    for measure in found:
        check_cost(measure.points, where, cost, p)
    return cls(
        measures=tuple(found),
        weights=_shares(weights, len(found)),
        support=where,
        free=bool(free),
        cost=cost,
        p=float(p),
        regularization=_entropic(regularization, relative),
        grid=grid if images and not free and support is None else None,
        name=str(name),
    )


def _measure(one: Any, pointer: str, images: bool) -> tuple[Measure, tuple[int, ...] | None]:
    if isinstance(one, Measure):
        where = points(one.points, f"{pointer}/points")
        return Measure(weights(one.weights, len(where), f"{pointer}/weights", normalize=True), where), None
    if images:
        mass, where, shape = image(one, pointer)
        return Measure(mass, where), shape
    if isinstance(one, tuple) and len(one) == 2:
        where = points(one[1], f"{pointer}/points")
        return Measure(weights(one[0], len(where), f"{pointer}/weights", normalize=True), where), None
    where = points(one, f"{pointer}/points")
    return Measure(weights(None, len(where), pointer), where), None


def _support(found: list[Measure], support: Any, size: int | None, free: bool, images: bool) -> np.ndarray:
    if support is not None:
        where = points(support, "/support")
        if where.shape[1] != found[0].points.shape[1]:
            raise InvalidProblem("support has another dimension than the measures", pointer="/support")
        return where
    if images and not free:
        return found[0].points
    everything = np.concatenate([measure.points for measure in found])
    if not free:
        return np.unique(everything, axis=0)
    if size is None:
        size = round(np.mean([len(measure.weights) for measure in found]))
    if size != int(size) or not 1 <= size <= len(everything):
        raise InvalidProblem(
            f"support_size is {size}",
            pointer="/support_size",
            hint=f"1 to {len(everything)}, the number of given points",
        )
    chosen: np.ndarray = everything[np.linspace(0, len(everything) - 1, int(size)).astype(int)]
    return chosen


def _shares(value: Any, size: int) -> np.ndarray:
    return weights(value, size, "/weights", normalize=True)


def _entropic(value: Any, relative: bool) -> Regularization | None:
    found = checked_regularization(value, relative, None)
    if found is not None and found.kind != "entropic":
        raise InvalidProblem("only entropic regularization is possible here", pointer="/regularization")
    return found


def checked_gromov(
    cls: type[Gromov],
    C: Any,
    D: Any,
    *,
    x: Any = None,
    y: Any = None,
    a: Any = None,
    b: Any = None,
    M: Any = None,
    alpha: float | None = None,
    regularization: Any = None,
    relative: bool = False,
    name: str = "",
) -> Gromov:
    """See ``Gromov.build``."""
    inner = [_distances(given, where, side) for given, where, side in ((C, x, "C"), (D, y, "D"))]
    n, m = len(inner[0]), len(inner[1])
    linear = None if M is None else finite_matrix(M, "/M")
    if linear is not None and linear.shape != (n, m):
        raise InvalidProblem(f"M has shape {linear.shape}", pointer="/M", hint=f"({n}, {m})")
    share = (1.0 if linear is None else 0.5) if alpha is None else float(alpha)
    if not 0.0 < share <= 1.0 or (linear is None and share != 1.0):
        raise InvalidProblem(f"alpha is {share}", pointer="/alpha", hint="above 0, at most 1; 1 without M")
    return cls(
        C=inner[0],
        D=inner[1],
        a=weights(a, n, "/a", normalize=True),
        b=weights(b, m, "/b", normalize=True),
        M=linear,
        alpha=share,
        regularization=_entropic(regularization, relative),
        name=str(name),
    )


def _distances(given: Any, where: Any, side: str) -> np.ndarray:
    if given is None:
        if where is None:
            raise InvalidProblem(f"{side} is missing", pointer=f"/{side}", hint="distances C and D, or points x and y")
        spots = points(where, "/x" if side == "C" else "/y")
        found: np.ndarray = cdist(spots, spots)
        return found
    matrix = finite_matrix(given, f"/{side}")
    if matrix.shape[0] != matrix.shape[1]:
        raise InvalidProblem(f"{side} has shape {matrix.shape}", pointer=f"/{side}", hint="a square matrix")
    if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * float(np.abs(matrix).max())):
        raise InvalidProblem(f"{side} is not symmetric", pointer=f"/{side}")
    return matrix


def checked_sliced(
    cls: type[Sliced],
    x: Any,
    y: Any,
    *,
    a: Any = None,
    b: Any = None,
    p: float = 2.0,
    projections: int = 1000,
    name: str = "",
) -> Sliced:
    """See ``Sliced.build``."""
    left, right = points(x, "/x"), points(y, "/y")
    if left.shape[1] != right.shape[1]:
        raise InvalidProblem(f"x has dimension {left.shape[1]}, y {right.shape[1]}", pointer="/y")
    if int(projections) != projections or not 1 <= projections <= 10_000_000:
        raise InvalidProblem(f"projections is {projections}", pointer="/projections", hint="1 to 10,000,000")
    check_cost(left, right, "lp", p)
    return cls(
        x=left,
        y=right,
        a=weights(a, len(left), "/a", normalize=True),
        b=weights(b, len(right), "/b", normalize=True),
        p=float(p),
        projections=int(projections),
        name=str(name),
    )
