"""Several objectives at once in the expression language: problems, options, answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api_schemas.base import Extended, Line, Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.expression import Scope
from api_schemas.expression import structure as structure_of
from api_schemas.expression_models import (
    Constraints,
    DataArrays,
    Lets,
    Names,
    Text,
    Variables,
    check_used,
    constraints,
    declare_data,
    declare_lets,
    declare_variables,
    fail,
    objective,
)
from api_schemas.minimize import MinimizeStatus, Numbers
from api_schemas.options import SolveOptions


class Goal(Model):
    """One objective."""

    minimize: Text | None = None
    """Exactly one of ``minimize`` and ``maximize``."""
    maximize: Text | None = None

    @property
    def objective(self) -> tuple[Literal["minimize", "maximize"], str]:
        """Which of the two, and the expression."""
        return ("minimize", self.minimize) if self.minimize is not None else ("maximize", self.maximize or "")


class ParetoProblem(Model):
    """The points that no other point betters in one objective without being worse in another."""

    kind: Literal["pareto"]
    name: Line = ""
    data: DataArrays = {}
    let: Lets = {}
    variables: Variables
    objectives: Annotated[dict[Names, Goal], Field(min_length=2, max_length=10)]
    constraints: Constraints = []

    @model_validator(mode="after")
    def _check(self) -> ParetoProblem:
        scope = Scope()
        declare_data(scope, self.data)
        declare_variables(scope, self.variables, "/variables")
        declare_lets(scope, self.let)
        roots = []
        for name, goal in self.objectives.items():
            if (goal.minimize is None) == (goal.maximize is None):
                raise fail(f"/objectives/{name}", "an objective is minimized or maximized", "give one of the two")
            word, source = goal.objective
            root = objective(scope, source, f"/objectives/{name}/{word}")
            if not structure_of(scope.operations, scope.inputs, root, set(self.variables)).variables:
                raise fail(f"/objectives/{name}/{word}", "this objective uses no variable", "it would never change")
            roots.append(root)
        for name, variable in self.variables.items():
            if variable.integer:
                raise fail(
                    f"/variables/{name}/integer",
                    "the engines for several objectives take real variables only",
                    "fix the whole numbers and state one problem for each choice",
                )
        roots += [item.root for item in constraints(scope, self.constraints, "/constraints")]
        pointers = {name: f"/data/{name}" for name in self.data}
        pointers |= {name: f"/variables/{name}" for name in self.variables}
        check_used(scope, roots, pointers)
        return self


class ParetoOptions(SolveOptions):
    """Options of every engine for several objectives. Absent means the default that ``kantor engines`` shows."""

    points: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many points of the front are wanted."""
    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=1e-12, le=1.0)] | None = None
    """Largest residual of Pareto stationarity: min |J'w| over weights w >= 0 that sum to 1."""
    feasibility_tolerance: Annotated[float, Field(ge=1e-12, le=1e-2)] | None = None
    relative_gap: Annotated[float, Field(ge=0)] | None = None
    """Largest |weighted sum - its bound| / max(1, |weighted sum|) of a point called globally optimal; more than 0.1
    never is."""
    reference: Annotated[dict[Names, float], Field(min_length=2, max_length=10)] | None = None
    """Where hypervolume is measured from, by objective; worse than the points that shall count."""
    preferences: Annotated[list[dict[Names, float]], Field(min_length=1, max_length=10_000)] | None = None
    """Weights >= 0 by objective: one point for each, instead of points spread over the front."""


class FrontPoint(Reply):
    """What the certificate says of one point."""

    status: MinimizeStatus
    """globally-optimal: no feasible point is better in all objectives by more than the gap, and every objective has a
    weight (or strong convexity leaves no other point). locally-stationary: no first-order step improves all
    objectives."""
    stationarity: Extended | None = None
    """min |J'w| over weights w >= 0 that sum to 1 (projected where bounds or constraints are active)."""
    gap: Extended | None = None
    """Proved, for convex problems: no feasible point is better in all objectives by more than this."""
    weights: list[Extended]
    """The w of ``stationarity``, in the order of the objectives."""


class ParetoAnswer(Reply):
    """A front. Rows of the arrays are its points, sorted by the first objective."""

    kind: Literal["pareto"] = "pareto"
    status: MinimizeStatus
    """The worst one of the points."""
    limit: Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"] | None = None
    message: str = ""
    objectives: list[str]
    """Names, in the order of the columns of ``values``."""
    senses: list[Literal["min", "max"]]
    values: Numbers | None = None
    """(points, objectives), each in the user's sense."""
    variables: dict[str, Numbers] | None = None
    """By name: (points, *shape)."""
    points: list[FrontPoint] = []
    hypervolume: Extended | None = None
    """Of the objective space between the front and ``reference``."""
    hypervolume_bound: Extended | None = None
    """Proved, for convex problems of two objectives: no front has more than this hypervolume."""
    reference: list[Extended] | None = None
    """The point that hypervolume is measured from, in the order of ``objectives``."""
    violation: Extended | None = None
    structure: str = ""
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
