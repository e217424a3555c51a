"""Bilevel problems in the expression language, their options, their answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from api_schemas.arrays import ArrayReference, RawArray
from api_schemas.base import Extended, Line, Model, Reply
from api_schemas.certificates import Certificate
from api_schemas.expression import ExpressionError, Scope
from api_schemas.expression import structure as structure_of
from api_schemas.expression_models import (
    Constraints,
    DataArrays,
    Lets,
    Names,
    Text,
    Value,
    Variables,
    check_used,
    constraints,
    declare_data,
    declare_lets,
    declare_variables,
    fail,
    objective,
    shape_of,
)
from api_schemas.options import SolveOptions


class Level(Model):
    """One level: its variables, what it minimizes (or maximizes), and what must hold."""

    variables: Variables
    minimize: Text | None = None
    """Exactly one of ``minimize`` and ``maximize``."""
    maximize: Text | None = None
    constraints: Constraints = []

    @property
    def objective(self) -> tuple[Literal["minimize", "maximize"], str]:
        """Which of the two, and the expression."""
        return ("minimize", self.minimize) if self.minimize is not None else ("maximize", self.maximize or "")


class BilevelProblem(Model):
    """``min_x F(x, y)`` where y solves ``min_y f(x, y)``: x are the upper variables, y the lower ones.

    Expressions of both levels may use all variables, data and let-bindings. Where the lower level has several
    solutions, the best one for the upper level is meant.
    """

    kind: Literal["bilevel"]
    name: Line = ""
    data: DataArrays = {}
    let: Lets = {}
    upper: Level
    lower: Level
    batches: dict[Names, Annotated[int, Field(ge=1)]] = {}
    """How many rows (of the first axis) of data a step of a stochastic engine (``soba``, ``f2sa``) looks at: data of
    one length are drawn together. The expressions must fit batches too, and should be means over rows. The
    certificate is always on all data."""

    @model_validator(mode="after")
    def _check(self) -> BilevelProblem:
        scope = Scope()
        declare_data(scope, self.data)
        pointers = {name: f"/data/{name}" for name in self.data}
        levels = (("upper", self.upper), ("lower", self.lower))
        for which, level in levels:
            if (level.minimize is None) == (level.maximize is None):
                raise fail(f"/{which}", "a level has exactly one objective", "give either minimize or maximize")
            declare_variables(scope, level.variables, f"/{which}/variables", which)
            pointers |= {name: f"/{which}/variables/{name}" for name in level.variables}
        declare_lets(scope, self.let)
        roots: dict[str, int] = {}
        used: list[int] = []
        for which, level in levels:
            word, source = level.objective
            roots[which] = objective(scope, source, f"/{which}/{word}")
            used += [
                roots[which],
                *(item.root for item in constraints(scope, level.constraints, f"/{which}/constraints")),
            ]
        self._check_lower(scope, roots["lower"])
        check_used(scope, used, pointers)
        self._check_batches()
        return self

    def _check_batches(self) -> None:
        """Rows that are there, the same for data of one length, and expressions that take them."""
        if not self.batches:
            return
        rows: dict[int, tuple[str, int]] = {}
        for name, count in self.batches.items():
            pointer = f"/batches/{name}"
            if name not in self.data:
                raise fail(pointer, f"there are no data {name!r}", f"data: {', '.join(sorted(self.data)) or 'none'}")
            shape, _ = shape_of(self.data[name])
            if not shape or count > shape[0]:
                raise fail(
                    pointer, f"{count} rows of {name!r}, whose shape is {list(shape)}", "at most as many as it has"
                )
            other, same = rows.setdefault(shape[0], (name, count))
            if same != count:
                words = f"{count} rows of {name!r}, but {same} of {other!r}, which is as long"
                raise fail(pointer, words, "data of one length are drawn together, so many rows of each")
        scope = Scope()
        for name, value in self.data.items():
            shape, dtype = shape_of(value)
            scope.data(name, (self.batches[name], *shape[1:]) if name in self.batches else shape, dtype)
        for which, level in (("upper", self.upper), ("lower", self.lower)):
            declare_variables(scope, level.variables, f"/{which}/variables", which)
        try:
            for name, source in self.let.items():
                scope.let(name, source)
            for level in (self.upper, self.lower):
                scope.objective(level.objective[1])
        except ExpressionError as error:
            hint = "name all data of the same rows; a variable with an entry for each row is taken by take(x, index)"
            raise fail("/batches", f"the expressions do not fit batches: {error.detail}", hint) from None

    def _check_lower(self, scope: Scope, root: int) -> None:
        """A lower level that plainly has no solution, or nothing to solve."""
        word, _ = self.lower.objective
        names = set(self.lower.variables)
        found = structure_of(scope.operations, scope.inputs, root, names)
        if not found.variables:
            raise fail(
                f"/lower/{word}",
                f"the lower objective uses none of the lower variables ({', '.join(sorted(names)[:5])})",
                "the lower level chooses its own variables; those that the upper level chooses belong to it",
            )
        if any(variable.integer for variable in self.lower.variables.values()) and (
            found.degree is None or found.degree > 1
        ):
            raise fail(
                f"/lower/{word}",
                "with integer lower variables the lower objective must be linear in them",
                "products and functions of lower variables are possible where these are continuous",
            )
        falling = "concave" if word == "minimize" else "convex"
        if found.curvature == falling and not self.lower.constraints:
            for name in sorted(found.variables):
                variable = self.lower.variables[name]
                if variable.lower is None and variable.upper is None:
                    raise fail(
                        f"/lower/{word}",
                        f"the lower level is unbounded: its objective is {falling} in {name!r}, which has no bounds",
                        f"give {name!r} bounds, or turn the sign of the objective",
                    )
        if found.curvature == "affine" and not self.lower.constraints:
            for name in sorted(found.variables):
                variable = self.lower.variables[name]
                if variable.lower is None and variable.upper is None:
                    raise fail(
                        f"/lower/{word}",
                        f"the lower level is unbounded: its objective is linear in {name!r}, which has no bounds",
                        f"give {name!r} bounds, or the lower level constraints",
                    )


class BilevelStart(Model):
    """Values by variable, of both levels; those that are missing begin at their ``start``."""

    upper: dict[str, Value] = {}
    lower: dict[str, Value] = {}


class BilevelOptions(SolveOptions):
    """Options of every engine for bilevel problems. Absent means the default that ``kantor engines`` shows."""

    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=1e-12, le=1.0)] | None = None
    """Largest projected gradient of the upper level."""
    lower_tolerance: Annotated[float, Field(ge=1e-13, le=1.0)] | None = None
    feasibility_tolerance: Annotated[float, Field(ge=1e-10, le=1e-2)] | None = None
    relative_gap: Annotated[float, Field(ge=0)] | None = None
    starts: Annotated[int, Field(ge=1, le=4096)] | None = None
    """How many starting points, in one vectorised run; the answer then has a map of the optima found."""
    start_radius: Annotated[float, Field(ge=0)] | None = None
    restart: Literal["warm", "cold"] | None = None
    """Where the lower level begins after a step of the upper one: at its last solution, or at its start."""
    start: BilevelStart | None = None


Numbers = list[Any] | float | RawArray | ArrayReference
"""A number, nested lists, or an array of the variable's shape."""

BilevelStatus = Literal[
    "globally-optimal",
    "locally-stationary",
    "feasible",
    "not-verified",
    "infeasible",
    "unbounded",
    "no-solution",
    "error",
]
"""What the certificate allows to be said. "globally-optimal": the bound proves it; "locally-stationary": the lower
level is solved, and the upper level's first-order conditions hold; "feasible": the lower level is solved, all
constraints hold; "not-verified": there is a point, but that it solves the lower level was not shown."""

BilevelLimit = Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"]


class LocalOptimum(Reply):
    """One of the optima to which many starts led."""

    objective: Extended
    starts: int
    """How many starts ended here."""
    upper: dict[str, Numbers]
    lower: dict[str, Numbers] = {}
    lower_residual: Extended | None = None


class BilevelAnswer(Reply):
    """The answer to a bilevel problem."""

    kind: Literal["bilevel"]
    status: BilevelStatus
    limit: BilevelLimit | None = None
    message: str = ""
    objective: Extended | None = None
    """Of the upper level, in the user's sense."""
    lower_objective: Extended | None = None
    bound: Extended | None = None
    """On the upper objective (``exact`` only)."""
    gap: Extended | None = None
    lower_gap: Extended | None = None
    """Lower objective above its optimal value at the same upper variables, relative, measured by the certificate."""
    stationarity: Extended | None = None
    """Largest entry of the projected hypergradient."""
    upper: dict[str, Numbers] | None = None
    lower: dict[str, Numbers] | None = None
    hypergradient: dict[str, Numbers] | None = None
    """Derivative of the upper objective along the lower level's solutions, by upper variable, in the user's sense."""
    optima: list[LocalOptimum] = []
    restart: Literal["warm", "cold"] = "warm"
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
