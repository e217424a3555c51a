"""OR-Tools MathOpt: read from the model's own proto (linear, quadratic objective, second-order cones, SOS,
indicators)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kantor.modelling import unsupported, usable_names
from kantor.parts import SOS, Indicator
from kantor.program import Program

if TYPE_CHECKING:
    from kantor.answer import Answer


@dataclass
class MathOptOrigin:
    model: Any
    position: dict[int, int]

    def value(self, answer: Answer, item: Any) -> Any:
        identifier = getattr(item, "id", None)
        if identifier not in self.position or not type(item).__module__.startswith("ortools."):
            raise KeyError(f"{item!r:.80} is not a variable of this MathOpt model")
        return answer[self.position[identifier]]

    def load(self, answer: Answer) -> None:  # noqa: ARG002
        raise TypeError("a MathOpt model holds no values; look them up by its variables: answer[x]")


def to_program(model: Any) -> Program:
    """A ``mathopt.Model`` or its ``ModelProto``."""
    proto = model.export_model() if hasattr(model, "export_model") else model
    if proto.quadratic_constraints:
        raise unsupported("MathOpt", "quadratic constraints", "write them as second-order cones")
    if proto.auxiliary_objectives:
        raise unsupported("MathOpt", "more than one objective")
    variables, rows = proto.variables, proto.linear_constraints
    position = {identifier: j for j, identifier in enumerate(variables.ids)}
    row_position = {identifier: i for i, identifier in enumerate(rows.ids)}
    n, m = len(variables.ids), len(rows.ids)
    objective = [0.0] * n
    for identifier, value in zip(
        proto.objective.linear_coefficients.ids, proto.objective.linear_coefficients.values, strict=True
    ):
        objective[position[identifier]] = value
    matrix = proto.linear_constraint_matrix
    program = Program(
        sense="max" if proto.objective.maximize else "min",
        objective=objective,
        offset=proto.objective.offset,
        Q=_quadratic(proto.objective.quadratic_coefficients, position),
        A={
            "format": "coo",
            "shape": (m, n),
            "data": list(matrix.coefficients),
            "row": [row_position[identifier] for identifier in matrix.row_ids],
            "col": [position[identifier] for identifier in matrix.column_ids],
        },
        row_lower=list(rows.lower_bounds),
        row_upper=list(rows.upper_bounds),
        lower=list(variables.lower_bounds),
        upper=list(variables.upper_bounds),
        integrality=[int(kind) for kind in variables.integers],
        cones=[_cone(cone, position) for _, cone in sorted(proto.second_order_cone_constraints.items())],
        sos=[
            *(_sos(1, group, position) for _, group in sorted(proto.sos1_constraints.items())),
            *(_sos(2, group, position) for _, group in sorted(proto.sos2_constraints.items())),
        ],
        indicators=[_indicator(item, position) for _, item in sorted(proto.indicator_constraints.items())],
        variable_names=_names(variables.names, variables.ids, "x"),
        constraint_names=_names(rows.names, rows.ids, "c"),
        name=proto.name,
    )
    program.origin = MathOptOrigin(model, position)
    return program


def _names(names: Any, identifiers: Any, letter: str) -> list[str] | None:
    if not any(names):
        return None
    return usable_names([name or f"{letter}{identifier}" for name, identifier in zip(names, identifiers, strict=True)])


def _quadratic(terms: Any, position: dict[int, int]) -> dict[str, Any] | None:
    """MathOpt counts each product once; the program has x'Qx/2 with Q symmetric."""
    if not terms.coefficients:
        return None
    row: list[int] = []
    col: list[int] = []
    data: list[float] = []
    for first, second, value in zip(terms.row_ids, terms.column_ids, terms.coefficients, strict=True):
        i, j = position[first], position[second]
        if i == j:
            value *= 2.0
        else:
            row.append(j)
            col.append(i)
            data.append(value)
        row.append(i)
        col.append(j)
        data.append(value)
    return {"format": "coo", "shape": (len(position), len(position)), "data": data, "row": row, "col": col}


def _cone(cone: Any, position: dict[int, int]) -> tuple[dict[str, Any], list[float]]:
    """||arguments|| <= upper_bound, all affine."""
    row: list[int] = []
    col: list[int] = []
    data: list[float] = []
    g = []
    for k, expression in enumerate([cone.upper_bound, *cone.arguments_to_norm]):
        for identifier, value in zip(expression.ids, expression.coefficients, strict=True):
            row.append(k)
            col.append(position[identifier])
            data.append(value)
        g.append(expression.offset)
    return {"format": "coo", "shape": (len(g), len(position)), "data": data, "row": row, "col": col}, g


def _sos(kind: Any, group: Any, position: dict[int, int]) -> SOS:
    indices: list[int | str] = []
    for expression in group.expressions:
        if list(expression.coefficients) != [1.0] or expression.offset:
            raise unsupported("MathOpt", "a special ordered set over expressions", "use one variable for each")
        indices.append(position[expression.ids[0]])
    return SOS(kind, indices, list(group.weights) or None)


def _indicator(item: Any, position: dict[int, int]) -> Indicator:
    if not item.HasField("indicator_id"):
        raise unsupported("MathOpt", "an indicator constraint without an indicator")
    coefficients: dict[int | str, float] = {
        position[identifier]: value
        for identifier, value in zip(item.expression.ids, item.expression.values, strict=True)
    }
    return Indicator(
        binary=position[item.indicator_id],
        coefficients=coefficients,
        lower=item.lower_bound,
        upper=item.upper_bound,
        active=0 if item.activate_on_zero else 1,
        name=item.name,
    )
