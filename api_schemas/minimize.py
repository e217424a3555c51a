"""Problems of one level in the expression language, their options, their answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api_schemas.arrays import ArrayReference, RawArray
from api_schemas.base import Extended, Line, Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.expression import Scope
from api_schemas.expression_models import (
    Constraints,
    DataArrays,
    Lets,
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
from api_schemas.options import SolveOptions


class MinimizeProblem(Model):
    """Minimize (or maximize) an expression of variables, subject to constraints and bounds.

    Expressions: docs/reference/expression-language.md.
    """

    kind: Literal["minimize"]
    name: Line = ""
    data: DataArrays = {}
    let: Lets = {}
    variables: Variables
    minimize: Text | None = None
    """Exactly one of ``minimize`` and ``maximize``."""
    maximize: Text | None = None
    constraints: Constraints = []

    @model_validator(mode="after")
    def _check(self) -> MinimizeProblem:
        if (self.minimize is None) == (self.maximize is None):
            raise fail("/minimize", "a problem has exactly one objective", "give either minimize or maximize")
        scope = Scope()
        declare_data(scope, self.data)
        declare_variables(scope, self.variables, "/variables")
        declare_lets(scope, self.let)
        if self.minimize is not None:
            roots = [objective(scope, self.minimize, "/minimize")]
        else:
            roots = [objective(scope, self.maximize or "", "/maximize")]
        roots += [item.root for item in constraints(scope, self.constraints, "/constraints")]
        pointers = {name: f"/data/{name}" for name in self.data}
        pointers |= {name: f"/variables/{name}" for name in self.variables}
        check_used(scope, roots, pointers)
        return self


class MinimizeOptions(SolveOptions):
    """Options of every engine for problems of one level. Absent means the default that ``kantor engines`` shows."""

    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=1e-12, le=1.0)] | None = None
    """Largest residual of the first-order conditions."""
    feasibility_tolerance: Annotated[float, Field(ge=1e-12, le=1e-2)] | None = None
    relative_gap: Annotated[float, Field(ge=0)] | None = None
    """Largest |objective - bound| / max(1, |objective|) of an answer called globally optimal; more than 0.1
    never is."""


Numbers = list[Any] | float | RawArray | ArrayReference
"""A number, nested lists, or an array of the variable's shape."""

MinimizeStatus = Literal[
    "globally-optimal",
    "locally-stationary",
    "feasible",
    "not-verified",
    "infeasible",
    "unbounded",
    "no-solution",
    "error",
]
"""Never a better word than the certificate gives. globally-optimal: a bound proves it. locally-stationary: feasible,
and no first-order step improves. feasible: constraints and bounds hold. not-verified: none of that could be shown.
infeasible, unbounded: the certificate says whether that was proved here or is the engine's word."""


class MinimizeAnswer(Reply):
    """The answer to a problem of one level."""

    kind: Literal["minimize"] = "minimize"
    status: MinimizeStatus
    limit: Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"] | None = None
    """Which limit ended the solve, if one did."""
    message: str = ""
    objective: Extended | None = None
    bound: Extended | None = None
    """On the optimal objective."""
    gap: Extended | None = None
    """|objective - bound| / max(1, |objective|)."""
    stationarity: Extended | None = None
    """Residual of the first-order conditions."""
    violation: Extended | None = None
    """Largest violation of constraints, bounds and integrality."""
    variables: dict[str, Numbers] | None = None
    """Values by name, each in its shape; None without a point."""
    multipliers: list[Numbers] | None = None
    """For each constraint, in its shape; >= 0 for inequalities."""
    ray: dict[str, Numbers] | None = None
    """Of an unbounded problem: from ``variables`` in this direction the objective improves without end."""
    structure: str = ""
    """What was inferred of the objective: "convex quadratic"..."""
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    """Why this engine was chosen."""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
    """The .npz artifact that holds the arrays given by reference, if any."""
