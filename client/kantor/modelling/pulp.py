"""PuLP: objective, constraints and variables are read from the model; values go back into its variables and
constraints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kantor.modelling import usable_names
from kantor.parts import SOS
from kantor.program import Program

if TYPE_CHECKING:
    from kantor.answer import Answer

_MAXIMIZE = -1
_STATUS = {"optimal": (1, 1), "feasible": (1, 2), "infeasible": (-1, -1), "unbounded": (-2, -2), "no-solution": (0, 0)}
"""PuLP's codes of status and solution status; else undefined (-3, 0)."""


@dataclass
class PulpOrigin:
    model: Any
    variables: list[Any]
    constraints: list[Any]

    def value(self, answer: Answer, item: Any) -> Any:
        for j, variable in enumerate(self.variables):
            if variable is item:
                return answer[j]
        raise KeyError(f"{item!r:.80} is not a variable of this PuLP problem")

    def load(self, answer: Answer) -> None:
        if answer.primal is not None:
            for variable, value in zip(self.variables, _list(answer.primal), strict=True):
                variable.varValue = (
                    round(value) if variable.cat == "Integer" and abs(value - round(value)) < 1e-5 else value
                )
        if answer.reduced_costs is not None:
            for variable, value in zip(self.variables, _list(answer.reduced_costs), strict=True):
                variable.dj = value
        if answer.duals is not None:
            for constraint, value in zip(self.constraints, _list(answer.duals), strict=True):
                constraint.pi = value
        if answer.row_activity is not None:
            for constraint, value in zip(self.constraints, _list(answer.row_activity), strict=True):
                constraint.slack = -(constraint.constant + value)
        self.model.assignStatus(*_STATUS.get(answer.status, (-3, 0)))


def to_program(problem: Any) -> Program:
    """A ``pulp.LpProblem``; its SOS1 and SOS2 too."""
    constraints = problem.constraints() if callable(problem.constraints) else list(problem.constraints.values())
    variables = list(problem.variables())
    position = {id(variable): j for j, variable in enumerate(variables)}
    objective = [0.0] * len(variables)
    offset = 0.0
    if problem.objective is not None:
        offset = float(problem.objective.constant or 0.0)
        for variable, coefficient in problem.objective.items():
            objective[position[id(variable)]] += coefficient
    data: list[float] = []
    indices: list[int] = []
    indptr = [0]
    lower, upper = [], []
    for constraint in constraints:
        for variable, coefficient in constraint.items():
            indices.append(position[id(variable)])
            data.append(float(coefficient))
        indptr.append(len(data))
        side = -float(constraint.constant)
        lower.append(side if constraint.sense >= 0 else -math.inf)
        upper.append(side if constraint.sense <= 0 else math.inf)
    groups = [SOS(1, *_group(group, position)) for group in problem.sos1.values()]
    groups += [SOS(2, *_group(group, position)) for group in problem.sos2.values()]
    program = Program(
        sense="max" if problem.sense == _MAXIMIZE else "min",
        objective=objective,
        offset=offset,
        A={
            "format": "csr",
            "shape": (len(constraints), len(variables)),
            "data": data,
            "indices": indices,
            "indptr": indptr,
        },
        row_lower=lower,
        row_upper=upper,
        lower=[variable.lowBound for variable in variables],
        upper=[variable.upBound for variable in variables],
        integrality=[1 if variable.cat in ("Integer", "Binary") else 0 for variable in variables],
        sos=groups,
        variable_names=usable_names([variable.name for variable in variables]),
        constraint_names=usable_names([constraint.name or f"_C{i + 1}" for i, constraint in enumerate(constraints)]),
        name=str(problem.name or ""),
    )
    program.origin = PulpOrigin(problem, variables, constraints)
    return program


def _group(group: Any, position: dict[int, int]) -> tuple[list[int], list[float]]:
    return [position[id(variable)] for variable in group], [float(weight) for weight in group.values()]


def _list(values: Any) -> list[float]:
    plain: list[float] = values.tolist() if hasattr(values, "tolist") else values
    return plain
