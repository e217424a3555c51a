"""Saddle points in the expression language: one player minimizes what another maximizes. Options and answer."""

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

PLAYERS: tuple[Literal["minimize_over", "maximize_over"], ...] = ("minimize_over", "maximize_over")


class SaddleProblem(Model):
    """``min_x max_y f(x, y)``: x are the variables of ``minimize_over``, y those of ``maximize_over``.

    Each player has bounds and constraints of its own: a constraint uses the variables of one of them only.
    """

    kind: Literal["saddle"]
    name: Line = ""
    data: DataArrays = {}
    let: Lets = {}
    objective: Text
    minimize_over: Variables
    maximize_over: Variables
    constraints: Constraints = []

    @model_validator(mode="after")
    def _check(self) -> SaddleProblem:
        scope = Scope()
        declare_data(scope, self.data)
        pointers = {name: f"/data/{name}" for name in self.data}
        for player in PLAYERS:
            variables = getattr(self, player)
            declare_variables(scope, variables, f"/{player}", player)
            pointers |= {name: f"/{player}/{name}" for name in variables}
            for name, variable in variables.items():
                if variable.integer:
                    hint = "a bilevel problem takes integer upper variables"
                    raise fail(f"/{player}/{name}/integer", "players of a saddle problem choose real numbers", hint)
        declare_lets(scope, self.let)
        root = objective(scope, self.objective, "/objective")
        for player in PLAYERS:
            names = set(getattr(self, player))
            if not structure_of(scope.operations, scope.inputs, root, names).variables:
                raise fail(
                    "/objective", f"the objective uses none of the variables of {player}", "use them, or Minimize"
                )
        roots = [root]
        for k, item in enumerate(constraints(scope, self.constraints, "/constraints")):
            roots.append(item.root)
            users = [
                player
                for player in PLAYERS
                if structure_of(scope.operations, scope.inputs, item.root, set(getattr(self, player))).variables
            ]
            if len(users) != 1:
                words = "uses variables of both players" if users else "uses no variable"
                hint = "each player has constraints of its own; where one limits the other, state a bilevel problem"
                raise fail(f"/constraints/{k}", f"this constraint {words}", hint)
        check_used(scope, roots, pointers)
        return self


class SaddleOptions(SolveOptions):
    """Options of every engine for saddle problems. Absent means the default that ``kantor engines`` shows."""

    iteration_limit: Annotated[int, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=1e-12, le=1.0)] | None = None
    """Largest projected gradient of either player."""
    feasibility_tolerance: Annotated[float, Field(ge=1e-12, le=1e-2)] | None = None
    relative_gap: Annotated[float, Field(ge=0)] | None = None
    """Largest |upper - lower| / max(1, |objective|) of a saddle point called globally optimal; more than 0.1
    never is."""


class SaddleAnswer(Reply):
    """The answer to a saddle problem."""

    kind: Literal["saddle"] = "saddle"
    status: MinimizeStatus
    """globally-optimal: the duality gap proves the saddle point. locally-stationary: no first-order step helps either
    player. feasible: both players' constraints hold."""
    limit: Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"] | None = None
    message: str = ""
    objective: Extended | None = None
    """f at the point."""
    lower: Extended | None = None
    """Proved: the maximizing player gets at least this with its part of the answer, whatever the other does."""
    upper: Extended | None = None
    """Proved: the minimizing player pays at most this with its part of the answer, whatever the other does."""
    gap: Extended | None = None
    """(upper - lower) / max(1, |objective|)."""
    minimizer_residual: Extended | None = None
    """Largest entry of the minimizing player's projected gradient."""
    maximizer_residual: Extended | None = None
    violation: Extended | None = None
    """Largest violation of constraints and bounds."""
    second_order: Literal["local-minimax", "not-a-local-minimax", "unknown"] = "unknown"
    """local-minimax: the second-order conditions of a strict local minimax point hold (Jin, Netrapalli, Jordan
    2020)."""
    minimizer: dict[str, Numbers] | None = None
    """Values of the minimizing player's variables by name, each in its shape."""
    maximizer: dict[str, Numbers] | None = None
    structure: str = ""
    """What was inferred: "convex-concave", "bilinear"..."""
    engine: str = ""
    engine_version: str = ""
    why: str = ""
    statistics: dict[str, Any] = {}
    certificate: Certificate | None = None
    arrays_artifact: str | None = None
