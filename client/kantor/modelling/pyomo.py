"""Pyomo: linear models with a linear or quadratic objective travel as arrays, with their names; nonlinear ones as
``.nl``, written by Pyomo's own writer. Values, duals and reduced costs go back into variables and suffixes."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyomo.core.base import Block, Constraint, Objective, Param, RangeSet, Set, SOSConstraint, Suffix, Var, maximize
from pyomo.core.base.component import ActiveComponent
from pyomo.core.base.expression import Expression
from pyomo.core.expr.numvalue import value as evaluate
from pyomo.repn.standard_repn import generate_standard_repn

from kantor.errors import NoPoint
from kantor.modelling import unsupported, usable_names
from kantor.parts import SOS
from kantor.program import Program

if TYPE_CHECKING:
    from kantor.answer import Answer

_KNOWN = (Block, Constraint, Objective, SOSConstraint, Suffix, Var, Param, Set, RangeSet, Expression)


@dataclass
class PyomoOrigin:
    model: Any
    variables: list[Any]
    constraints: list[Any]

    def value(self, answer: Answer, item: Any) -> Any:
        """A number; for an indexed variable a dictionary."""
        position = {id(variable): j for j, variable in enumerate(self.variables)}
        if hasattr(item, "is_indexed") and item.is_indexed():
            return {index: answer[position[id(item[index])]] for index in item if id(item[index]) in position}
        if id(item) not in position:
            raise KeyError(
                f"{getattr(item, 'name', item)!s:.80} is not a variable of this Pyomo model, or no row uses it"
            )
        return answer[position[id(item)]]

    def load(self, answer: Answer) -> None:
        if answer.primal is None:
            raise NoPoint(f"the answer has no point to load: its status is {answer.status}")
        for variable, number in zip(self.variables, _list(answer.primal), strict=True):
            variable.set_value(number, skip_validation=True)
            variable.stale = False
        for suffix in self.model.component_objects(Suffix, active=True, descend_into=True):
            if not suffix.import_enabled():
                continue
            if suffix.local_name == "dual" and answer.duals is not None:
                suffix.update(zip(self.constraints, _list(answer.duals), strict=True))
            if suffix.local_name == "rc" and answer.reduced_costs is not None:
                suffix.update(zip(self.variables, _list(answer.reduced_costs), strict=True))


@dataclass
class _Arrays:
    """Collects a linear model; variables in the order in which they are met."""

    variables: list[Any] = field(default_factory=list)
    position: dict[int, int] = field(default_factory=dict)
    data: list[float] = field(default_factory=list)
    indices: list[int] = field(default_factory=list)
    indptr: list[int] = field(default_factory=lambda: [0])

    def index(self, variable: Any) -> int:
        j = self.position.get(id(variable))
        if j is None:
            j = self.position[id(variable)] = len(self.variables)
            self.variables.append(variable)
        return j

    def add_row(self, variables: Any, coefficients: Any) -> None:
        for variable, coefficient in zip(variables, coefficients, strict=True):
            self.indices.append(self.index(variable))
            self.data.append(float(coefficient))
        self.indptr.append(len(self.data))


def to_program(model: Any) -> Program:
    """A ``ConcreteModel`` (or block) with one active objective, or none."""
    for component in model.component_objects(active=True, descend_into=True):
        if (
            isinstance(component, ActiveComponent)
            and not isinstance(component, _KNOWN)
            and component.ctype not in _KNOWN
        ):
            raise unsupported(
                "Pyomo",
                f"an active {component.ctype.__name__} ({component.name})",
                "transform it with Pyomo's TransformationFactory first",
            )
    objectives = list(model.component_data_objects(Objective, active=True, descend_into=True))
    if len(objectives) > 1:
        raise unsupported("Pyomo", f"{len(objectives)} active objectives", "deactivate all but one")
    arrays = _Arrays()
    for variable in model.component_data_objects(Var, descend_into=True):
        if not variable.fixed:
            arrays.index(variable)
    form = generate_standard_repn(objectives[0].expr, quadratic=True) if objectives else None
    if form is not None and form.nonlinear_expr is not None:
        return _nonlinear(model)
    constraints, lower, upper = [], [], []
    for constraint in model.component_data_objects(Constraint, active=True, descend_into=True):
        body = generate_standard_repn(constraint.body, quadratic=False)
        if body.nonlinear_expr is not None:
            return _nonlinear(model)
        low, high = evaluate(constraint.lower), evaluate(constraint.upper)
        shift = float(evaluate(body.constant))
        constraints.append(constraint)
        lower.append(-math.inf if low is None else float(low) - shift)
        upper.append(math.inf if high is None else float(high) - shift)
        arrays.add_row(body.linear_vars, body.linear_coefs)
    groups = [
        SOS(
            group.level,
            [arrays.index(item) for item, _ in group.get_items()],
            [float(weight) for _, weight in group.get_items()],
        )
        for group in model.component_data_objects(SOSConstraint, active=True, descend_into=True)
    ]
    variables = arrays.variables
    n = len(variables)
    objective = [0.0] * n
    if form is not None:
        for variable, coefficient in zip(form.linear_vars, form.linear_coefs, strict=True):
            objective[arrays.index(variable)] += float(coefficient)
    program = Program(
        sense="max" if objectives and objectives[0].sense == maximize else "min",
        objective=objective,
        offset=float(evaluate(form.constant)) if form is not None else 0.0,
        Q=_quadratic(form, arrays) if form is not None and form.quadratic_vars else None,
        A={
            "format": "csr",
            "shape": (len(constraints), n),
            "data": arrays.data,
            "indices": arrays.indices,
            "indptr": arrays.indptr,
        },
        row_lower=lower,
        row_upper=upper,
        lower=[variable.lb for variable in variables],
        upper=[variable.ub for variable in variables],
        integrality=[0 if variable.is_continuous() else 1 for variable in variables],
        sos=groups,
        variable_names=usable_names([variable.name for variable in variables]),
        constraint_names=usable_names([constraint.name for constraint in constraints]),
        name="" if model.name in (None, "unknown") else str(model.name),
    )
    program.origin = PyomoOrigin(model, variables, constraints)
    return program


def _quadratic(form: Any, arrays: _Arrays) -> dict[str, Any]:
    """Pyomo counts each product once; the program has x'Qx/2 with Q symmetric."""
    row, col, data = [], [], []
    for (first, second), value in zip(form.quadratic_vars, form.quadratic_coefs, strict=True):
        i, j = arrays.index(first), arrays.index(second)
        row += [i, j]
        col += [j, i]
        data += [float(value), float(value)]
    n = len(arrays.variables)
    return {"format": "coo", "shape": (n, n), "data": data, "row": row, "col": col}


def _nonlinear(model: Any) -> Program:
    from pyomo.repn.plugins.nl_writer import NLWriter

    stream = io.StringIO()
    info = NLWriter().write(model, stream, linear_presolve=False, scale_model=False, skip_trivial_constraints=False)
    program = Program.from_file(
        stream.getvalue().encode(), format="nl", filename="model.nl", name=str(model.name or "")
    )
    program.variable_names = usable_names([variable.name for variable in info.variables])
    program.constraint_names = usable_names([constraint.name for constraint in info.constraints])
    program.origin = PyomoOrigin(model, list(info.variables), list(info.constraints))
    return program


def _list(values: Any) -> list[float]:
    plain: list[float] = values.tolist() if hasattr(values, "tolist") else values
    return plain
