"""Optimal transport: the problems, their options, their answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, FiniteFloat, Tag, model_validator

from api_schemas.arrays import ArrayReference, Integers, RawArray, Vector
from api_schemas.base import Extended, Line, Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.options import SolveOptions

Row = Annotated[list[Annotated[float, Field(strict=True, allow_inf_nan=False)]], Field(fail_fast=True)]
Matrix = Annotated[list[Row], Field(fail_fast=True)] | RawArray | ArrayReference
"""Rows of finite numbers, all of one length."""

Points = Matrix | Vector
"""n rows of d coordinates; a plain list of n numbers is n points on a line."""

Image = Annotated[list[Any], Field(min_length=1)] | RawArray | ArrayReference
"""Nested lists of non-negative numbers: a histogram, an image, a volume."""

Metric = Literal["sqeuclidean", "euclidean", "l1", "lp", "cosine"]
"""|x-y|^2; |x-y|; sum |x_k-y_k|; sum |x_k-y_k|^p; 1 - x.y/(|x||y|)."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Strength = Annotated[float, Field(gt=0)]
Name = Line


class _Regularized(Model):
    """What is added to the cost of a plan."""

    regularization: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Strength e. Entropic: e * KL(P | a b'); quadratic: e/2 * sum P_ij^2. Absent or 0: none."""
    relative: bool = False
    """The strength is in units of the mean cost."""


class Coupling(_Regularized):
    """Move the measure a on the points x to b on y as cheaply as possible: minimize ``<M, P>`` over plans P.

    Given are points ``x`` and ``y`` (then M is their ``cost``), or the matrix ``M``, or images ``A`` and ``B``.
    Variants: balanced (P 1 = a, P' 1 = b); unbalanced (adds ``strength_a * D(P 1 | a) + strength_b * D(P' 1 | b)``);
    semi-relaxed (P 1 = a, adds ``strength_b * D(P' 1 | b)``); partial (P 1 <= a, P' 1 <= b, total ``mass``).
    """

    kind: Literal["transport"] = "transport"
    type: Literal["coupling"] = "coupling"
    name: Name = ""
    x: Points | None = None
    y: Points | None = None
    M: Matrix | None = None
    """n by m costs."""
    A: Image | None = None
    """Its pixels, divided by their sum, are the weights; their indices (times ``spacing``) the points."""
    B: Image | None = None
    spacing: Positive = 1.0
    a: Vector | None = None
    """n weights, not negative; missing means uniform with total 1."""
    b: Vector | None = None
    normalize: bool = False
    """Divide a and b by their sums."""
    cost: Metric | Literal["matrix"] | None = None
    """By default sqeuclidean, or the matrix if M is given."""
    p: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    """The power of the cost "lp"."""
    variant: Literal["balanced", "unbalanced", "semi-relaxed", "partial"] = "balanced"
    divergence: Literal["kl", "tv"] | None = None
    """D of unbalanced and semi-relaxed problems: Kullback-Leibler, or total variation."""
    strength: Strength | None = None
    """Of both sides."""
    strength_a: Strength | None = None
    strength_b: Strength | None = None
    mass: Positive | None = None
    regularizer: Literal["entropic", "quadratic"] | None = None
    max_nonzeros: Annotated[int, Field(ge=1)] | None = None
    """At most so many non-zeros in each column of the plan; needs the quadratic regularizer."""
    rank: Annotated[int, Field(ge=1)] | None = None
    """The plan's non-negative rank is at most this."""


class Collection(Model):
    """Many measures. On common points: ``points`` (n by d) and ``weights`` (k by n). Each on its own: all points below
    each other, all weights one after the other, and ``offsets`` (k + 1): measure i has the rows ``offsets[i]`` to
    ``offsets[i+1]``."""

    points: Points
    weights: Matrix | Vector | None = None
    offsets: Integers | None = None


class Batch(Model):
    """Many couplings, solved as one job: a list of them, or pairs of measures of a collection."""

    kind: Literal["transport"] = "transport"
    type: Literal["batch"]
    name: Name = ""
    problems: Annotated[list[Coupling], Field(min_length=1, max_length=100_000, fail_fast=True)] | None = None
    collection: Collection | None = None
    pairs: Integers | None = None
    """Of a collection: 2 numbers for each pair, one pair after the other; missing means every pair i < j."""
    cost: Metric = "sqeuclidean"
    """Of a collection."""
    p: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0

    @model_validator(mode="after")
    def _one_source(self) -> Batch:
        if (self.problems is None) == (self.collection is None):
            raise ValueError("give either problems or a collection")
        return self


class MeasureInput(Model):
    """A measure: points, and weights that are divided by their sum; missing means uniform."""

    points: Points
    weights: Vector | None = None


class Barycenter(_Regularized):
    """The measure with the least weighted sum of transport costs to the given ones: its weights on fixed points, or
    (free) its points with uniform weights."""

    kind: Literal["transport"] = "transport"
    type: Literal["barycenter"]
    name: Name = ""
    measures: Annotated[list[MeasureInput], Field(min_length=1, fail_fast=True)] | None = None
    images: Annotated[list[Image], Field(min_length=1)] | None = None
    """Instead of measures: images of one shape; the barycenter is one too."""
    weights: Vector | None = None
    """Of the measures; missing means uniform."""
    support: Points | None = None
    support_size: Annotated[int, Field(ge=1)] | None = None
    free: bool = False
    cost: Metric = "sqeuclidean"
    p: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0

    @model_validator(mode="after")
    def _one_source(self) -> Barycenter:
        if (self.measures is None) == (self.images is None):
            raise ValueError("give either measures or images")
        return self


class Gromov(_Regularized):
    """Match two spaces by their inner distances: minimize ``alpha * sum (C_ik - D_jl)^2 P_ij P_kl + (1 - alpha) * <M,
    P>`` over P 1 = a, P' 1 = b. Not convex: local minima."""

    kind: Literal["transport"] = "transport"
    type: Literal["gromov"]
    name: Name = ""
    C: Matrix | None = None
    """n by n, symmetric; or points x."""
    D: Matrix | None = None
    """m by m, symmetric; or points y."""
    x: Points | None = None
    y: Points | None = None
    a: Vector | None = None
    b: Vector | None = None
    M: Matrix | None = None
    """n by m costs: fused Gromov."""
    alpha: Annotated[float, Field(gt=0, le=1)] | None = None


class Sliced(Model):
    """The mean over random directions of transport costs between the projections: ``E W_p^p``."""

    kind: Literal["transport"] = "transport"
    type: Literal["sliced"]
    name: Name = ""
    x: Points
    y: Points
    a: Vector | None = None
    b: Vector | None = None
    p: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 2.0
    projections: Annotated[int, Field(ge=1, le=10_000_000)] = 1000


def _type(value: Any) -> Any:
    """What a transport problem says that it is; a coupling need not say it."""
    return value.get("type", "coupling") if isinstance(value, dict) else getattr(value, "type", None)


TransportProblem = Annotated[
    Annotated[Coupling, Tag("coupling")]
    | Annotated[Batch, Tag("batch")]
    | Annotated[Barycenter, Tag("barycenter")]
    | Annotated[Gromov, Tag("gromov")]
    | Annotated[Sliced, Tag("sliced")],
    Discriminator(
        _type,
        custom_error_type="unknown_type",
        custom_error_message="type is one of coupling, batch, barycenter, gromov and sliced",
    ),
]
"""The union of all transport problems on ``type``."""


class PotentialStart(Model):
    """Potentials that are known before the solve, where ``f_i + g_j <= M_ij`` is dual feasible."""

    f: Vector | None = None
    g: Vector | None = None


TransportPart = Literal["plan", "potentials", "trace"]


class TransportOptions(SolveOptions):
    """Options of every engine for transport. Absent means the default that ``kantor engines`` shows."""

    tolerance: Annotated[float, Field(ge=1e-12, le=1)] | None = None
    """Stop at this relative gap between cost and bound; engines that regularize choose their epsilon for it."""
    marginal_tolerance: Annotated[float, Field(ge=1e-14, le=1)] | None = None
    """Largest accepted sum of marginal errors of a regularized plan, relative to the mass."""
    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    device: Literal["auto", "cpu", "cuda"] | None = None
    regularization: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """The problem's own, given here instead."""
    relative: bool | None = None
    """The regularization is in units of the mean cost."""
    regularizer: Literal["entropic", "quadratic"] | None = None
    start: PotentialStart | None = None
    include: Annotated[list[TransportPart], Field(max_length=16)] | None = None
    """Parts of the answer to keep; by default all; of a batch of a collection none."""


Numbers = list[Any] | RawArray | ArrayReference
"""A list (of lists, for a matrix), or an array in an artifact."""


class SparsePlanAnswer(Reply):
    """CSR: row i has the entries ``indptr[i]`` to ``indptr[i+1]``."""

    form: Literal["sparse"] = "sparse"
    shape: tuple[int, int]
    data: Numbers
    indices: Numbers
    indptr: Numbers


class PotentialPlanAnswer(Reply):
    """``P_ij = a_i b_j exp((f_i + g_j - M_ij) / epsilon) + row_rest_i column_rest_j``."""

    form: Literal["potential"] = "potential"
    shape: tuple[int, int]
    f: Numbers
    g: Numbers
    epsilon: float
    row_rest: Numbers
    column_rest: Numbers


class LowRankPlanAnswer(Reply):
    """``P = Q diag(1 / weights) R'``."""

    form: Literal["low-rank"] = "low-rank"
    shape: tuple[int, int]
    Q: Numbers
    R: Numbers
    weights: Numbers


PlanAnswer = Annotated[SparsePlanAnswer | PotentialPlanAnswer | LowRankPlanAnswer, Field(discriminator="form")]

TransportStatus = Literal["optimal", "feasible", "imprecise", "no-solution", "error"]
"""How the solve ended. "optimal": the certificate shows the gap to be within the tolerance; "feasible": a plan that is
not shown to be so good; "imprecise": a check failed; "no-solution": a limit came before a plan."""

TransportLimit = Literal["time", "iterations", "memory", "cancelled", "beaten", "slow-progress", "other"]


class TransportNumbers(Reply):
    """What is known of an optimum: ``bound <= optimum <= cost`` without the regularization,
    ``objective_bound <= optimum <= objective`` with it, all roundings included."""

    status: TransportStatus
    limit: TransportLimit | None = None
    message: str = ""
    cost: Extended | None = None
    bound: Extended | None = None
    gap: Extended | None = None
    """(cost - bound) / max(|cost|, |bound|)."""
    objective: Extended | None = None
    objective_bound: Extended | None = None
    objective_gap: Extended | None = None
    epsilon: float | None = None
    """Strength of the regularization, in units of the cost."""
    epsilon_from: str = ""
    """"problem", "relative" (times the mean cost), "tolerance" (chosen), or ""."""
    marginal_error: Extended | None = None
    """Of the plan that the potentials describe, before repair."""
    plan: PlanAnswer | None = None
    f: Numbers | None = None
    """n potentials, where ``f_i + g_j <= M_ij`` is dual feasible."""
    g: Numbers | None = None


class BatchAnswer(Reply):
    """The answers to a batch, as columns."""

    count: int
    status: list[TransportStatus]
    cost: Numbers
    """"NaN" where unknown."""
    bound: Numbers
    answers: list[TransportNumbers] = []
    """Each in full; empty for the pairs of a collection, where only the numbers above are kept."""


class TransportAnswer(TransportNumbers):
    """The answer to a transport problem."""

    kind: Literal["transport"] = "transport"
    type: str = "coupling"
    """Of the problem."""
    support: Numbers | None = None
    """Points of a barycenter."""
    weights: Numbers | None = None
    """Weights of a barycenter."""
    parameters: dict[str, Numbers] = {}
    """Of a fitted model."""
    batch: BatchAnswer | None = None
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    """Why this engine (and epsilon) was chosen."""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
    """The .npz artifact that holds the arrays given by reference, if any."""
