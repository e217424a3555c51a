"""A bilevel problem's document, as stored, to ``solvers.bilevel`` types. Expressions are read by the contract's
parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from api_schemas.expression import ExpressionError, Scope
from api_schemas.expression import structure as structure_of
from api_schemas.expression.arrays import described
from solvers.bilevel.options import OPTIONS
from solvers.bilevel.problem import Structure
from solvers.bilevel.stated import Constraint, Stated, StatedBilevel, Which, build
from solvers.core.errors import SolverError
from workers.families import Files, Refusal, Work, arrays
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
    try:
        data = _data(scope, given.get("data") or {}, files)
        for which in _BOTH:
            for name, variable in given[which]["variables"].items():
                low = variable.get("lower")
                least = float(low) if isinstance(low, int | float) else None
                scope.variable(name, tuple(variable.get("shape") or ()), group=which, least=least)
        for name, source in (given.get("let") or {}).items():
            scope.let(name, source)
        for which in _BOTH:
            level = given[which]
            senses[which] = "max" if level.get("minimize") is None else "min"
            source = level["maximize"] if senses[which] == "max" else level["minimize"]
            outputs[which] = scope.objective(source).root
            for k, text in enumerate(level.get("constraints") or ()):
                found = scope.constraint(text)
                outputs[f"{which}{k}"] = found.root
                constraints[which].append(Constraint(f"{which}{k}", found.sense))
    except ExpressionError as error:
        raise Refusal("invalid-problem", error.detail, pointer="/problem", hint=error.hint) from None
    try:
        return build(
            scope.plain(outputs),
            data,
            *(_level(given[which], which, constraints[which], senses[which], files) for which in _BOTH),
            structure=_structure(scope, given, outputs, constraints, senses),
            name=given.get("name", ""),
        )
    except SolverError as error:
        error.pointer = f"/problem{error.pointer}"
        raise


def _data(scope: Scope, given: Mapping[str, Any], files: Files) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, value in given.items():
        pointer = f"/problem/data/{name}"
        if isinstance(value, dict):
            shape = tuple(value["shape"])
            array = arrays.tensor(value, files, pointer)
            if array.size != np.prod(shape):
                raise Refusal("invalid-problem", f"{array.size} numbers", pointer=pointer, hint=f"shape {list(shape)}")
            array = array.reshape(shape)
            whole = not value.get("dtype", "float64").startswith("float")
        else:
            shape, dtype = described(value)
            whole = dtype == "int64"
            array = np.array(value, dtype=np.int64 if whole else np.float64)
        least = float(array.min()) if array.size and not whole and array.min() >= 0.0 else None
        scope.data(name, shape, "int64" if whole else "float64", least=least)
        found[name] = array.astype(np.int64 if whole else np.float64)
    return found


def _level(given: Mapping[str, Any], which: Which, constraints: list[Constraint], sense: Any, files: Files) -> Stated:
    fields: dict[str, dict[str, Any]] = {"start": {}, "lower": {}, "upper": {}}
    for name, variable in given["variables"].items():
        shape = tuple(variable.get("shape") or ())
        for field, values in fields.items():
            if variable.get(field) is not None:
                pointer = f"/problem/{which}/variables/{name}/{field}"
                values[name] = _array(variable[field], shape, files, pointer)
    return Stated(
        objective=which,
        sense=sense,
        constraints=constraints,
        integer=frozenset(name for name, variable in given["variables"].items() if variable.get("integer")),
        **fields,
    )


def _array(value: Any, shape: tuple[int, ...], files: Files, pointer: str) -> np.ndarray:
    if isinstance(value, dict):
        array = np.asarray(arrays.tensor(value, files, pointer), dtype=np.float64)
        if array.size != np.prod(shape):
            raise Refusal("invalid-problem", f"{array.size} numbers", pointer=pointer, hint=f"shape {list(shape)}")
        return array.reshape(shape)
    # "Infinity" and "-Infinity" are numbers to Python too
    return np.array(_floats(value), dtype=np.float64)


def _floats(value: Any) -> Any:
    return [_floats(item) for item in value] if isinstance(value, list) else float(value)


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
    strongly = convex and objective.strongly_convex and senses["lower"] == "min"
    for item in constraints["lower"]:
        found = structure_of(scope.operations, scope.inputs, outputs[item.output], own)
        affine = found.curvature in ("constant", "affine")
        convex = convex and (affine or (item.sense == "<=" and found.convex) or (item.sense == ">=" and found.concave))
    note = f"lower objective, in its own variables: {objective.words}"
    return Structure(
        quadratic=quadratic,
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
            array = _array(value, layout.shapes[name], files, pointer)
            if array.shape not in ((), layout.shapes[name]):
                words = f"shape {list(array.shape)}, where {list(layout.shapes[name])} is needed"
                raise Refusal("invalid-option", words, pointer=pointer)
            values[name] = array
        parts.append(layout.join(values))
    return parts[0], parts[1]
