"""A transport problem as the user sent it, on numpy arrays: two measures, a cost, and what is asked of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

Cost = Literal["sqeuclidean", "euclidean", "l1", "lp", "cosine", "matrix"]
COSTS: tuple[Cost, ...] = ("sqeuclidean", "euclidean", "l1", "lp", "cosine", "matrix")
Variant = Literal["balanced", "unbalanced", "semi-relaxed", "partial"]
VARIANTS: tuple[Variant, ...] = ("balanced", "unbalanced", "semi-relaxed", "partial")
Divergence = Literal["kl", "tv"]
RegularizationKind = Literal["entropic", "quadratic"]


@dataclass(frozen=True)
class Regularization:
    """What is added to the cost of a plan P.

    ``entropic``: ``e * sum_ij (P_ij log(P_ij / (a_i b_j)) - P_ij + a_i b_j)`` (KL to the independent coupling).
    ``quadratic``: ``e / 2 * sum_ij P_ij^2``.

    Attributes:
        kind: ``"entropic"`` or ``"quadratic"``.
        strength: positive; e itself, or e divided by the mean cost where ``relative``.
        relative: e = strength * mean cost, with ``mean cost = sum_ij a_i b_j M_ij / (sum a * sum b)``.
    """

    kind: RegularizationKind
    strength: float
    relative: bool = False


@dataclass(frozen=True)
class Transport:
    """Minimize ``<M, P>`` (+ regularization, + penalties) over plans P >= 0 of shape (n, m).

    Variants, with r = P 1 and c = P' 1:
        balanced: r = a, c = b.
        unbalanced: adds ``strength_a * D(r | a) + strength_b * D(c | b)``, where D is
            ``kl``: ``sum r log(r / a) - r + a``, or ``tv``: ``sum |r - a|``.
        semi-relaxed: r = a; adds ``strength_b * D(c | b)``.
        partial: r <= a, c <= b, sum P = mass.

    Build it with ``Transport.build``, which fills in defaults and checks everything. Arrays must not be changed later.

    Attributes:
        a, b: (n,) and (m,) weights, non-negative, not all zero; as given (not normalized).
        x, y: (n, d) and (m, d) points; None for ``cost="matrix"`` unless given for pictures.
        M: (n, m) cost matrix, for ``cost="matrix"``; otherwise None.
        cost: of moving x_i to y_j: ``sqeuclidean`` |x-y|^2, ``euclidean`` |x-y|, ``l1`` sum_k |x_k-y_k|,
            ``lp`` sum_k |x_k-y_k|^p, ``cosine`` 1 - x.y/(|x||y|), or ``matrix``.
        p: the power of ``lp``, >= 1.
        variant, divergence, strength_a, strength_b, mass: see above; infinite strength: the marginal is exact.
        regularization: None for the unregularized problem.
        max_nonzeros: at most so many non-zeros in each column of the plan, or None. With it the regularization is
            quadratic.
        rank: the plan's non-negative rank is at most this (low-rank transport), or None.
        grid_a, grid_b: shapes of the images of which a and b are the pixels in C order, or None.
    """

    a: np.ndarray
    b: np.ndarray
    x: np.ndarray | None
    y: np.ndarray | None
    M: np.ndarray | None = None
    cost: Cost = "sqeuclidean"
    p: float = 2.0
    variant: Variant = "balanced"
    divergence: Divergence = "kl"
    strength_a: float = np.inf
    strength_b: float = np.inf
    mass: float | None = None
    regularization: Regularization | None = None
    max_nonzeros: int | None = None
    rank: int | None = None
    grid_a: tuple[int, ...] | None = None
    grid_b: tuple[int, ...] | None = None
    name: str = ""

    @classmethod
    def build(cls, x: Any = None, y: Any = None, **fields: Any) -> Transport:
        """A checked problem from points ``x`` (n, d) and ``y`` (m, d), or a cost matrix ``M``, or images ``A`` and
        ``B``.

        Args:
            x, y: points; one-dimensional arrays are n points on a line.
            fields: ``M``; ``A`` and ``B``: histograms or images on grids, whose points are the pixels' index
                coordinates (times ``spacing``, default 1); ``a``, ``b``: weights, default uniform with total 1
                (images: their pixels divided by their sum); ``normalize`` (default False): divide a and b by their
                sums; ``cost``, ``p``; ``variant``, ``divergence``, ``strength`` (both sides), ``strength_a``,
                ``strength_b``, ``mass``; ``regularization`` (a number or a Regularization), ``relative`` and ``kind``
                if it is a number; ``max_nonzeros``, ``rank``, ``name``.

        Raises:
            InvalidProblem: with a JSON pointer to the first thing that is wrong.
        """
        from solvers.transport.validation import checked_transport

        return checked_transport(cls, x=x, y=y, **fields)

    @staticmethod
    def batch(problems: Sequence[Transport]) -> TransportBatch:
        """Many problems in one job; sizes may differ.

        Raises:
            InvalidProblem: none at all, or what is not a Transport.
        """
        from solvers.transport.validation import checked_batch

        return checked_batch(problems)

    @property
    def n(self) -> int:
        """Number of sources."""
        return int(self.a.shape[0])

    @property
    def m(self) -> int:
        """Number of targets."""
        return int(self.b.shape[0])

    @property
    def d(self) -> int:
        """Dimension of the points; 0 without points."""
        return 0 if self.x is None else int(self.x.shape[1])

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must be able to take: one of ``points`` and ``matrix``; the variant: ``balanced``,
        ``partial``, ``unbalanced-kl``, ``unbalanced-tv``, ``semi-relaxed-kl``, ``semi-relaxed-tv``; one of
        ``unregularized``, ``entropic``, ``quadratic``; ``tv-on-zeros`` where mass may be made at nodes of weight zero;
        ``sparse`` for max_nonzeros, ``low-rank`` for rank."""
        found = {"matrix" if self.cost == "matrix" else "points"}
        penalised = self.variant in ("unbalanced", "semi-relaxed")
        found.add(f"{self.variant}-{self.divergence}" if penalised else self.variant)
        found.add("unregularized" if self.regularization is None else self.regularization.kind)
        if penalised and self.divergence == "tv" and not (self.a.all() and self.b.all()):
            found.add("tv-on-zeros")
        if self.max_nonzeros is not None:
            found.add("sparse")
        if self.rank is not None:
            found.add("low-rank")
        return frozenset(found)


@dataclass(frozen=True)
class TransportBatch:
    """Independent problems that are solved in one run. Build it with ``Transport.batch``."""

    problems: tuple[Transport, ...]
    name: str = ""

    @cached_property
    def features(self) -> frozenset[str]:
        """``batch`` and what any of its problems needs."""
        return frozenset({"batch"}).union(*(problem.features for problem in self.problems))


@dataclass(frozen=True)
class Measure:
    """A discrete measure: (n,) non-negative weights of total 1, and (n, d) points."""

    weights: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Barycenter:
    """Minimize over measures q the weighted sum of transport costs ``sum_k weights_k * T(q, measure_k)``.

    Fixed support: the points of q are given, its weights are sought. Free support: the points are sought too (q has
    uniform weights), from the given ones as a start.

    Attributes:
        measures: at least one, all of one dimension d.
        weights: (k,) non-negative, of total 1.
        support: (s, d) points of q, or where they start.
        free: whether the points move.
        cost, p: as in Transport, but no matrix; free supports need ``sqeuclidean``.
        regularization: entropic, or None.
        grid: shape of the image of which q's weights are the pixels, or None.
    """

    measures: tuple[Measure, ...]
    weights: np.ndarray
    support: np.ndarray
    free: bool = False
    cost: Cost = "sqeuclidean"
    p: float = 2.0
    regularization: Regularization | None = None
    grid: tuple[int, ...] | None = None
    name: str = ""

    @classmethod
    def build(cls, measures: Any, **fields: Any) -> Barycenter:
        """A checked problem.

        Args:
            measures: a sequence of (n_k, d) point arrays, of (weights, points) pairs, of Measure, or of images of one
                shape (``images=True``: then q lives on the same grid).
            fields: ``weights`` (default uniform), ``support`` or ``support_size`` (free only: start from that many
                points of the measures, spread evenly), ``free``, ``cost``, ``p``, ``regularization``, ``relative``,
                ``name``.

        Raises:
            InvalidProblem: with a JSON pointer.
        """
        from solvers.transport.validation_more import checked_barycenter

        return checked_barycenter(cls, measures, **fields)

    @property
    def features(self) -> frozenset[str]:
        kind = "free-barycenter" if self.free else "barycenter"
        return frozenset({kind, "unregularized" if self.regularization is None else self.regularization.kind})


@dataclass(frozen=True)
class Gromov:
    """Match two spaces by their inner distances:
    minimize ``alpha * sum_ijkl (C_ik - D_jl)^2 P_ij P_kl + (1 - alpha) * <M, P>`` over P 1 = a, P' 1 = b.

    Not convex: engines find local minima, and no certificate claims more than an upper bound.

    Attributes:
        C, D: (n, n) and (m, m), symmetric.
        a, b: (n,) and (m,) weights of total 1.
        M: (n, m) cost of the linear part (fused), or None: then alpha is 1.
        alpha: in (0, 1].
        regularization: entropic, or None.
    """

    C: np.ndarray
    D: np.ndarray
    a: np.ndarray
    b: np.ndarray
    M: np.ndarray | None = None
    alpha: float = 1.0
    regularization: Regularization | None = None
    name: str = ""

    @classmethod
    def build(cls, C: Any = None, D: Any = None, **fields: Any) -> Gromov:
        """A checked problem from distance matrices, or from points ``x`` and ``y`` (Euclidean distances between them).

        Args:
            fields: ``x``, ``y``, ``a``, ``b`` (default uniform), ``M``, ``alpha`` (default 1, or 0.5 with M),
                ``regularization``, ``relative``, ``name``.

        Raises:
            InvalidProblem: with a JSON pointer.
        """
        from solvers.transport.validation_more import checked_gromov

        return checked_gromov(cls, C, D, **fields)

    @property
    def n(self) -> int:
        return int(self.a.shape[0])

    @property
    def m(self) -> int:
        return int(self.b.shape[0])

    @property
    def features(self) -> frozenset[str]:
        kind = "gromov" if self.M is None else "fused-gromov"
        return frozenset({kind, "unregularized" if self.regularization is None else self.regularization.kind})


@dataclass(frozen=True)
class Sliced:
    """The mean over directions of one-dimensional transport costs: ``E_theta W_p^p(theta.x, theta.y)``, by Monte Carlo.

    Attributes:
        x, y, a, b: as in Transport; weights of total 1.
        p: >= 1.
        projections: number of directions, drawn uniformly on the sphere with the seed of the options.
    """

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    p: float = 2.0
    projections: int = 1000
    name: str = ""

    @classmethod
    def build(cls, x: Any, y: Any, **fields: Any) -> Sliced:
        """A checked problem; fields: ``a``, ``b`` (default uniform), ``p``, ``projections``, ``name``.

        Raises:
            InvalidProblem: with a JSON pointer.
        """
        from solvers.transport.validation_more import checked_sliced

        return checked_sliced(cls, x, y, **fields)

    @property
    def n(self) -> int:
        return int(self.a.shape[0])

    @property
    def m(self) -> int:
        return int(self.b.shape[0])

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"sliced"})


#: Everything an engine of the family may be given.
TransportProblem = Transport | TransportBatch | Barycenter | Gromov | Sliced
