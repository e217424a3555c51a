"""A problem of one level, as stored, to ``solvers.onelevel`` types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from api_schemas.expression import Scope, structure
from api_schemas.expression.terms import Norm, regularized, residual
from solvers.core.errors import SolverError
from solvers.onelevel.options import OPTIONS
from solvers.onelevel.problem import Constraint, Minimize, Regularizer
from workers.families import Files, Work
from workers.families.expressions import declare, facts, read_data, refused, scalars, values_of
from workers.families.options import Options, limits

OPTION_RULES = Options(OPTIONS, {"memory_limit"})


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem and options of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    options = document.get("options") or {}
    problem = _problem(document["problem"], files)
    return Work(
        problem=problem,
        options=OPTION_RULES.settings(options),
        **limits(options),
        sense=problem.sense,
    )


def _problem(given: Mapping[str, Any], files: Files) -> Minimize:
    scope = Scope()
    data = read_data(scope, given.get("data") or {}, files)
    variables = given["variables"]
    declare(scope, variables, "/problem/variables")
    for name, source in (given.get("let") or {}).items():
        with refused(f"/problem/let/{name}"):
            scope.let(name, source)
    word = "maximize" if given.get("minimize") is None else "minimize"
    with refused(f"/problem/{word}"):
        root = scope.objective(given[word]).root
    if word == "maximize":
        root = scope.add("neg", (root,), ())
    outputs = {"objective": root}
    constraints = []
    for k, source in enumerate(given.get("constraints") or ()):
        with refused(f"/problem/constraints/{k}"):
            found = scope.constraint(source)
        outputs[f"constraint{k}"] = found.root
        constraints.append(Constraint(f"constraint{k}", found.sense, facts(scope, found.root, variables), source))
    norms = _parts(scope, root, data, outputs, constrained=bool(constraints))
    whole = structure(scope.operations, scope.inputs, root, set(variables))
    smooth = facts(scope, outputs["smooth"], variables) if norms else None
    try:
        return Minimize.build(
            scope.plain(outputs),
            data,
            facts=facts(scope, root, variables),
            start=values_of(variables, "start", files, "/problem/variables"),
            lower=values_of(variables, "lower", files, "/problem/variables"),
            upper=values_of(variables, "upper", files, "/problem/variables"),
            integrality={name: bool(variable.get("integer")) for name, variable in variables.items()},
            constraints=constraints,
            regularizers=[_regularizer(norm, variables) for norm in norms],
            smooth_facts=smooth,
            sense="max" if word == "maximize" else "min",
            source=given[word],
            name=given.get("name", ""),
            words=whole.words,
        )
    except SolverError as error:
        error.pointer = f"/problem{error.pointer}"
        raise


def _parts(
    scope: Scope, root: int, data: Mapping[str, np.ndarray], outputs: dict[str, int], *, constrained: bool
) -> list[Norm]:
    """Adds outputs ``residual`` or ``smooth`` where the objective is a sum of squares, or has norms that are terms."""
    values = scalars(data)
    squares = residual(scope, root, values)
    if squares is not None:
        outputs["residual"] = squares
    if constrained:
        return []
    found = regularized(scope, root, values)
    if found is None:
        return []
    outputs["smooth"] = found[0]
    return found[1]


def _regularizer(norm: Norm, variables: Mapping[str, Any]) -> Regularizer:
    """Positions of the variable in the flat vector of all, by groups."""
    begin = 0
    for name, variable in variables.items():
        shape = tuple(variable.get("shape") or ())
        size = int(np.prod(shape))
        if name != norm.variable:
            begin += size
            continue
        positions = np.arange(begin, begin + size).reshape(shape)
        if norm.axis is None:
            return Regularizer(norm.norm, norm.weight, positions.reshape(1, -1))
        groups = np.moveaxis(positions, norm.axis, -1).reshape(-1, shape[norm.axis])
        return Regularizer(norm.norm, norm.weight, groups)
    raise KeyError(norm.variable)
