"""A bilevel problem's document, as stored, to ``solvers.bilevel`` types. Expressions are read by the contract's
parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from api_schemas.expression import Scope
from api_schemas.expression import structure as structure_of
from solvers.bilevel.options import OPTIONS
from solvers.bilevel.problem import Structure
from solvers.bilevel.stated import Constraint, Stated, StatedBilevel, Which, build
from solvers.core.errors import SolverError
from workers.families import Files, Refusal, Work
from workers.families.expressions import declare, read_data, refused, value_of, values_of
from workers.families.options import Options, limits

OPTION_RULES = Options(OPTIONS, {"memory_limit"})
_BOTH: tuple[Which, Which] = ("upper", "lower")

#: Above this many variables the coefficients of a quadratic problem, dense, are too much to look at.
MOST_QUADRATIC = 4000


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem and options of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    given = document["problem"]
    options = document.get("options") or {}
    stated = _problem(given, files)
    settings = OPTION_RULES.settings(options)
    if options.get("start") is not None:
        settings["start"] = _start(options["start"], stated, files)
    return Work(
        problem=stated.problem,
        options=settings,
        **limits(options),
        sense=stated.problem.upper.sense,
        extra={"stated": stated, "given": given},
    )


def _problem(given: Mapping[str, Any], files: Files) -> StatedBilevel:
    scope = Scope()
    outputs: dict[str, int] = {}
    constraints: dict[Which, list[Constraint]] = {"upper": [], "lower": []}
    senses = {}
    every = {name for which in _BOTH for name in given[which]["variables"]}
    data = read_data(scope, given.get("data") or {}, files)
    for which in _BOTH:
        declare(scope, given[which]["variables"], f"/problem/{which}/variables", which)
    for name, source in (given.get("let") or {}).items():
        with refused(f"/problem/let/{name}"):
            scope.let(name, source)
    for which in _BOTH:
        level = given[which]
        senses[which] = "max" if level.get("minimize") is None else "min"
        word = "maximize" if senses[which] == "max" else "minimize"
        with refused(f"/problem/{which}/{word}"):
            outputs[which] = scope.objective(level[word]).root
        for k, text in enumerate(level.get("constraints") or ()):
            with refused(f"/problem/{which}/constraints/{k}"):
                found = scope.constraint(text)
            outputs[f"{which}{k}"] = found.root
            degree = structure_of(scope.operations, scope.inputs, found.root, every).degree
            affine = degree is not None and degree <= 1
            constraints[which].append(Constraint(f"{which}{k}", found.sense, affine))
    try:
        return build(
            scope.plain(outputs),
            data,
            *(_level(given[which], which, constraints[which], senses[which], files) for which in _BOTH),
            structure=_structure(scope, given, outputs, constraints, senses),
            name=given.get("name", ""),
            batches=given.get("batches"),
            batch_program=_batch_program(given, data),
        )
    except SolverError as error:
        error.pointer = f"/problem{error.pointer}"
        raise


def _batch_program(given: Mapping[str, Any], data: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Both objectives where data have the rows of a batch only."""
    rows = given.get("batches")
    if not rows:
        return None
    scope = Scope()
    for name, array in data.items():
        shape = (rows[name], *array.shape[1:]) if name in rows else array.shape
        scope.data(name, shape, "int64" if array.dtype == np.int64 else "float64")
    for which in _BOTH:
        declare(scope, given[which]["variables"], f"/problem/{which}/variables", which)
    for name, source in (given.get("let") or {}).items():
        scope.let(name, source)
    texts = {which: given[which].get("minimize") or given[which]["maximize"] for which in _BOTH}
    with refused("/problem/batches"):
        return scope.plain({which: scope.objective(text).root for which, text in texts.items()})


def _level(given: Mapping[str, Any], which: Which, constraints: list[Constraint], sense: Any, files: Files) -> Stated:
    variables, pointer = given["variables"], f"/problem/{which}/variables"
    return Stated(
        objective=which,
        sense=sense,
        constraints=constraints,
        integer=frozenset(name for name, variable in variables.items() if variable.get("integer")),
        start=values_of(variables, "start", files, pointer),
        lower=values_of(variables, "lower", files, pointer),
        upper=values_of(variables, "upper", files, pointer),
    )


def _structure(
    scope: Scope,
    given: Mapping[str, Any],
    outputs: Mapping[str, int],
    constraints: Mapping[Which, list[Constraint]],
    senses: Mapping[Any, str],
) -> Structure:
    """Degrees over all variables, convexity of the lower level in its own."""
    own = set(given["lower"]["variables"])
    every = own | set(given["upper"]["variables"])
    degrees = [structure_of(scope.operations, scope.inputs, root, every).degree for root in outputs.values()]
    size = sum(int(np.prod(scope.inputs[name].shape)) for name in every)
    quadratic = all(degree is not None and degree <= 2 for degree in degrees) and size <= MOST_QUADRATIC
    objective = structure_of(scope.operations, scope.inputs, outputs["lower"], own)
    convex = objective.convex if senses["lower"] == "min" else objective.concave
    degree = structure_of(scope.operations, scope.inputs, outputs["lower"], every).degree
    lower_quadratic = degree is not None and degree <= 2 and size <= MOST_QUADRATIC
    strongly = convex and objective.strongly_convex and senses["lower"] == "min"
    for item in constraints["lower"]:
        found = structure_of(scope.operations, scope.inputs, outputs[item.output], own)
        affine = found.curvature in ("constant", "affine")
        lower_quadratic = lower_quadratic and affine
        convex = convex and (affine or (item.sense == "<=" and found.convex) or (item.sense == ">=" and found.concave))
    note = f"lower objective, in its own variables: {objective.words}"
    return Structure(
        quadratic=quadratic,
        lower_quadratic=lower_quadratic,
        lower_convex=True if convex else None,
        lower_strongly_convex=True if convex and strongly else None,
        notes=(note,),
    )


def _start(given: Mapping[str, Any], stated: StatedBilevel, files: Files) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for which in _BOTH:
        layout = stated.layouts[which]
        level = stated.problem.upper if which == "upper" else stated.problem.lower
        values = stated.named(which, level.start)
        for name, value in (given.get(which) or {}).items():
            pointer = f"/options/start/{which}/{name}"
            if name not in layout.shapes:
                raise Refusal("invalid-option", f"there is no {which} variable {name!r}", pointer=pointer)
            values[name] = value_of(value, layout.shapes[name], files, pointer, code="invalid-option")
        parts.append(layout.join(values))
    return parts[0], parts[1]
