"""Mathematical programs: the problem, its options, its answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, model_validator

from api_schemas.arrays import ArtifactId, Bounds, Integers, SparseMatrix, Vector
from api_schemas.base import Extended, Line, Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.options import SolveOptions

Index = Annotated[int, Field(ge=0)]
Indices = Annotated[list[Index], Field(min_length=1, fail_fast=True)]
Numbers = Annotated[list[FiniteFloat], Field(fail_fast=True)]
Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=255)]], Field(fail_fast=True)]


class ProgramFile(Model):
    """A model file: exactly one of ``content``, ``base64`` and ``artifact``; .gz, .zst and .bz2 are recognised."""

    format: Literal["auto", "mps", "qps", "lp", "mof", "nl", "opb"] = "auto"
    """"auto" decides by file name and content."""
    filename: Annotated[str, Field(max_length=255)] = ""
    content: str | None = None
    """The file's text."""
    base64: str | None = None
    """The file's bytes in base 64."""
    artifact: ArtifactId | None = None
    """An uploaded artifact."""

    @model_validator(mode="after")
    def _one_source(self) -> ProgramFile:
        if sum(source is not None for source in (self.content, self.base64, self.artifact)) != 1:
            raise ValueError("give exactly one of content, base64 and artifact")
        return self


class SecondOrderCone(Model):
    """``||(F x + g)[1:]||_2 <= (F x + g)[0]``."""

    F: SparseMatrix
    g: Vector


class SpecialOrderedSet(Model):
    """SOS1: at most one variable is non-zero; SOS2: at most two, adjacent in the order of the weights."""

    type: Literal[1, 2]
    indices: Indices
    weights: Numbers


class Indicator(Model):
    """If the binary variable has the value ``active``, then ``lower <= coefficients . x[indices] <= upper``."""

    binary: Index
    active: Literal[0, 1] = 1
    indices: Indices
    coefficients: Numbers
    lower: Extended = float("-inf")
    upper: Extended = float("inf")
    name: str = ""


class ChangedVector(Model):
    """New values at the same places for each scenario: ``values[k][i]`` replaces entry ``indices[i]`` in scenario k."""

    indices: Indices
    values: Annotated[list[Annotated[list[Extended], Field(fail_fast=True)]], Field(fail_fast=True)]


class Scenarios(Model):
    """A table of changes to one base program; each row is solved in turn, warm-started from the one before."""

    count: Annotated[int, Field(ge=1, le=1_000_000)]
    objective: ChangedVector | None = None
    row_lower: ChangedVector | None = None
    row_upper: ChangedVector | None = None
    lower: ChangedVector | None = None
    upper: ChangedVector | None = None
    names: Names | None = None

    @model_validator(mode="after")
    def _fits(self) -> Scenarios:
        tables = ("objective", "row_lower", "row_upper", "lower", "upper")
        if all(getattr(self, table) is None for table in tables):
            raise ValueError(f"no change is given: set at least one of {', '.join(tables)}")
        for table in tables:
            change: ChangedVector | None = getattr(self, table)
            if change is None:
                continue
            if len(change.values) != self.count:
                raise ValueError(f"{table}.values has {len(change.values)} rows, but count is {self.count}")
            for k, row in enumerate(change.values):
                if len(row) != len(change.indices):
                    raise ValueError(
                        f"{table}.values[{k}] has {len(row)} entries, but indices has {len(change.indices)}"
                    )
        if self.names is not None and len(self.names) != self.count:
            raise ValueError(f"names has {len(self.names)} entries, but count is {self.count}")
        return self


class Program(Model):
    """Optimize ``offset + objective'x + x'Qx/2`` over ``row_lower <= A x <= row_upper`` and ``lower <= x <= upper``,
    with integrality, cones, special ordered sets and indicators: by arrays, or as a model file.
    """

    kind: Literal["program"] = "program"
    name: Line = ""
    file: ProgramFile | None = None
    """A model file. Then no array below may be given."""

    sense: Literal["min", "max"] = "min"
    objective: Vector | None = None
    """n coefficients. Required unless ``file`` is given."""
    offset: FiniteFloat = 0.0
    Q: SparseMatrix | None = None
    """n by n, one triangle or symmetric; the objective has x'Qx/2."""
    A: SparseMatrix | None = None
    """m by n."""
    row_lower: Bounds | None = None
    """m; missing means -Infinity."""
    row_upper: Bounds | None = None
    """m; missing means Infinity."""
    lower: Bounds | None = None
    """n; missing means 0."""
    upper: Bounds | None = None
    """n; missing means Infinity."""
    integrality: Integers | None = None
    """n: 0 continuous, 1 integer, 2 semi-continuous, 3 semi-integer; missing means all continuous."""
    cones: Annotated[list[SecondOrderCone], Field(fail_fast=True)] = []
    sos: Annotated[list[SpecialOrderedSet], Field(fail_fast=True)] = []
    indicators: Annotated[list[Indicator], Field(fail_fast=True)] = []
    variable_names: Names | None = None
    constraint_names: Names | None = None

    scenarios: Scenarios | None = None
    """A batch: changes to this program, solved as one job."""

    @model_validator(mode="after")
    def _consistent(self) -> Program:
        from api_schemas.program_checks import check_program

        check_program(self)
        return self


AnswerPart = Literal["primal", "row_duals", "reduced_costs", "row_activity", "basis", "rays", "pool", "names"]


class BasisStart(Model):
    """Basis status: 0 basic, 1 at lower, 2 at upper, 3 free, 4 fixed."""

    variables: Integers
    rows: Integers


class WarmStart(Model):
    """What is known of a good answer: by position, or by variable name (then others are unknown)."""

    primal: Bounds | dict[str, FiniteFloat] | None = None
    """n values; "NaN" where unknown."""
    row_duals: Vector | None = None
    basis: BasisStart | None = None


class ProgramOptions(SolveOptions):
    """Options of every engine for programs. Absent means the default that ``kantor engines`` shows."""

    relative_gap: Annotated[float, Field(ge=0)] | None = None
    absolute_gap: Annotated[float, Field(ge=0)] | None = None
    primal_tolerance: Annotated[float, Field(ge=1e-10, le=1e-2)] | None = None
    dual_tolerance: Annotated[float, Field(ge=1e-10, le=1e-2)] | None = None
    integrality_tolerance: Annotated[float, Field(ge=1e-10, le=1e-1)] | None = None
    node_limit: Annotated[int, Field(ge=0)] | None = None
    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    solution_limit: Annotated[int, Field(ge=1)] | None = None
    objective_limit: FiniteFloat | None = None
    cutoff: FiniteFloat | None = None
    method: Literal["auto", "simplex", "primal-simplex", "dual-simplex", "ipm", "pdlp", "branch-and-bound"] | None = (
        None
    )
    presolve: bool | None = None
    pool_size: Annotated[int, Field(ge=1, le=10_000)] | None = None
    ranging: bool | None = None
    iis: bool | None = None
    relax: bool | None = None
    start: WarmStart | None = None
    include: Annotated[list[AnswerPart], Field(max_length=16)] | None = None
    """Parts of the answer to keep; by default all."""


class BasisAnswer(Reply):
    """Basis status: 0 basic, 1 at lower, 2 at upper, 3 free, 4 fixed."""

    variables: Integers
    rows: Integers


class RangingAnswer(Reply):
    """How far one number may move before the optimal basis changes."""

    cost_down: Bounds
    cost_up: Bounds
    row_down: Bounds
    row_up: Bounds
    bound_down: Bounds
    bound_up: Bounds


class SubsystemMember(Reply):
    """One side of a row or of a variable's bounds."""

    index: int
    side: Literal["lower", "upper"]
    name: str = ""


class InfeasibleSubsystem(Reply):
    """Rows and bounds that contradict each other; if irreducible, no proper part of them does."""

    rows: list[SubsystemMember]
    bounds: list[SubsystemMember]
    integrality: list[int] = []
    irreducible: bool


class Relaxation(Reply):
    """The cheapest change of sides that makes the program feasible: index to signed movement."""

    violation: Extended
    rows: dict[int, Extended]
    bounds: dict[int, Extended]


class PoolSolution(Reply):
    """A feasible point."""

    objective: Extended
    primal: Bounds


class ScenarioAnswer(Reply):
    """The answer to one scenario of a batch."""

    status: str
    objective: Extended | None = None
    bound: Extended | None = None
    primal: Bounds | None = None
    row_duals: Bounds | None = None
    certified: bool = False
    iterations: int | None = None
    name: str = ""


ProgramStatus = Literal[
    "optimal",
    "feasible",
    "infeasible",
    "unbounded",
    "infeasible-or-unbounded",
    "imprecise",
    "no-solution",
    "error",
]
"""How the solve ended. "optimal" is said only when the certificate allows it; "imprecise": claimed, but not within the
tolerances; "no-solution": a limit came before a feasible point."""

ProgramLimit = Literal[
    "time",
    "iterations",
    "nodes",
    "solutions",
    "memory",
    "cutoff",
    "objective",
    "cancelled",
    "beaten",
    "slow-progress",
    "other",
]


class ProgramAnswer(Reply):
    """The answer to a program. Signs: a row dual is the change of the optimal objective per unit of the row's active
    side, in the user's own sense; ``reduced_costs = objective + Qx - A'row_duals``.
    """

    kind: Literal["program"] = "program"
    status: ProgramStatus
    limit: ProgramLimit | None = None
    """Which limit ended the solve, if one did."""
    message: str = ""
    objective: Extended | None = None
    bound: Extended | None = None
    gap: Extended | None = None
    """|objective - bound| / max(1, |objective|)."""
    primal: Bounds | None = None
    row_duals: Bounds | None = None
    reduced_costs: Bounds | None = None
    row_activity: Bounds | None = None
    row_slacks: Bounds | None = None
    """Distance of each row's activity from its nearer side: 0 where it is active, negative where it is violated."""
    cone_duals: list[Bounds] | None = None
    primal_ray: Bounds | None = None
    """For unbounded programs: a direction that improves the objective without end."""
    dual_ray: Bounds | None = None
    """For infeasible programs: Farkas multipliers of the rows."""
    basis: BasisAnswer | None = None
    ranging: RangingAnswer | None = None
    pool: list[PoolSolution] = []
    iis: InfeasibleSubsystem | None = None
    relaxation: Relaxation | None = None
    scenarios: list[ScenarioAnswer] = []
    variable_names: list[str] | None = None
    """None if the problem had none (then x0, x1...), or in ``names`` of the artifact when large."""
    constraint_names: list[str] | None = None
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    """Why this engine was chosen."""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
    """The .npz artifact that holds the arrays given by reference, if any."""
