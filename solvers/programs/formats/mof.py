"""MathOptFormat (``.mof.json``), the exchange format of JuMP and MathOptInterface, versions 0.4 to 1.x.

Read are linear, quadratic and nonlinear functions in the scalar sets LessThan, GreaterThan, EqualTo, Interval, Integer,
ZeroOne, Semicontinuous, Semiinteger and Parameter; and vectors in Reals, Zeros, Nonnegatives, Nonpositives,
HyperRectangle, SecondOrderCone, RotatedSecondOrderCone, NormCone (p = 2), SOS1, SOS2 and Indicator. Other sets are
refused by name.

Several bounds of one variable hold together. A row made of a vector is named after its constraint, with ``_1``,
``_2``... Starting values are not read. Source: the schemas of jump-dev/MathOptFormat.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import MalformedFile
from solvers.programs.formats.draft import Draft
from solvers.programs.formats.mof_functions import Function, Json, entry, finite, scalar_function, vector_function
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program, SecondOrderCone

_SENSES = {"min": "min", "max": "max", "feasibility": "min"}


def read_mof(data: bytes) -> Program:
    """The program in a MathOptFormat file.

    Raises:
        MalformedFile: with a JSON pointer.
        InvalidProblem: the file is well-formed, but contradicts itself.
    """
    try:
        document = json.loads(data)
    except json.JSONDecodeError as error:
        raise MalformedFile(f"line {error.lineno}: not JSON: {error.msg}", pointer=f"line {error.lineno}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedFile(f"not JSON that can be read: {error}") from None
    version = entry(document, "version", dict, "")
    if version.get("major") not in (0, 1):
        raise MalformedFile(
            f"MathOptFormat version {version.get('major')!r} is not known", pointer="/version/major", hint="1"
        )
    draft = Draft(name=str(document.get("name", "")), default_lower=-math.inf)
    for k, item in enumerate(entry(document, "variables", list, "")):
        name = entry(item, "name", str, f"/variables/{k}")
        if name in draft.variable_of:
            raise MalformedFile(f"the variable name {name!r} is used twice", pointer=f"/variables/{k}/name")
        draft.variable(name)
    try:
        _objective(draft, entry(document, "objective", dict, ""))
        for k, item in enumerate(entry(document, "constraints", list, "")):
            _constraint(draft, item, f"/constraints/{k}")
    except RecursionError:
        raise MalformedFile("an expression is nested too deeply", hint="use node_list") from None
    return draft.program()


def _objective(draft: Draft, objective: Json) -> None:
    sense = entry(objective, "sense", str, "/objective")
    if sense not in _SENSES:
        raise MalformedFile(f"unknown sense {sense!r}", pointer="/objective/sense", hint="min, max or feasibility")
    draft.sense = _SENSES[sense]
    if sense == "feasibility" or "function" not in objective:
        return
    function = scalar_function(draft, objective["function"], "/objective/function")
    draft.objective = function.quadratic.linear
    draft.products = function.quadratic.products
    draft.offset = function.quadratic.constant
    draft.expression = function.expression


def _constraint(draft: Draft, item: Json, pointer: str) -> None:
    where = f"{pointer}/set"
    set_ = entry(item, "set", dict, pointer)
    kind = entry(set_, "type", str, where)
    name = item.get("name", "")
    if not isinstance(name, str):
        raise MalformedFile("a name must be a string", pointer=f"{pointer}/name")
    function = entry(item, "function", dict, pointer)
    if kind in _SCALAR_SETS:
        single = _single_variable(draft, function, f"{pointer}/function")
        if single is not None:
            _bound(draft, single, kind, set_, where)
            return
        scalar = scalar_function(draft, function, f"{pointer}/function")
        if kind not in _SIDES:
            raise MalformedFile(f"only a variable can be in {kind}", pointer=where, hint="a Variable function")
        _add_row(draft, name, scalar, *_sides(kind, set_, where))
        return
    rows = vector_function(draft, function, f"{pointer}/function")
    if set_.get("dimension", len(rows)) != len(rows):
        raise MalformedFile(
            f"a function of {len(rows)} rows in a set of dimension {set_['dimension']}", pointer=f"{where}/dimension"
        )
    _vector(draft, name, rows, kind, set_, where)


def _single_variable(draft: Draft, function: Json, pointer: str) -> int | None:
    kind = function.get("type")
    if kind not in ("Variable", "SingleVariable"):
        return None
    name = entry(function, "name" if kind == "Variable" else "variable", str, pointer)
    if name not in draft.variable_of:
        raise MalformedFile(f"there is no variable {name!r}", pointer=pointer)
    return draft.variable_of[name]


_SIDES: dict[str, tuple[str, str]] = {
    "LessThan": ("", "upper"),
    "GreaterThan": ("lower", ""),
    "EqualTo": ("value", "value"),
    "Parameter": ("value", "value"),
    "Interval": ("lower", "upper"),
}
_SCALAR_SETS = frozenset({*_SIDES, "Integer", "ZeroOne", "Semicontinuous", "Semiinteger"})


def _sides(kind: str, set_: Json, pointer: str) -> tuple[float, float]:
    lower, upper = _SIDES[kind]
    return (
        _side(set_, lower, pointer) if lower else -math.inf,
        _side(set_, upper, pointer) if upper else math.inf,
    )


def _side(set_: Json, key: str, pointer: str) -> float:
    value = entry(set_, key, (int, float), pointer)
    if math.isnan(value):
        raise MalformedFile("NaN is no bound", pointer=f"{pointer}/{key}")
    return float(value)


def _bound(draft: Draft, j: int, kind: str, set_: Json, pointer: str) -> None:
    if kind == "Integer":
        draft.kind[j] = SEMI_INTEGER if draft.kind[j] == SEMI_CONTINUOUS else INTEGER
        return
    if kind == "ZeroOne":
        draft.kind[j] = INTEGER
        lower, upper = 0.0, 1.0
    elif kind in ("Semicontinuous", "Semiinteger"):
        whole = kind == "Semiinteger" or draft.kind[j] == INTEGER
        draft.kind[j] = SEMI_INTEGER if whole else SEMI_CONTINUOUS
        lower, upper = _side(set_, "lower", pointer), _side(set_, "upper", pointer)
    else:
        lower, upper = _sides(kind, set_, pointer)
    draft.lower[j] = max(draft.lower[j], lower)
    draft.upper[j] = min(draft.upper[j], upper)


def _add_row(draft: Draft, name: str, function: Function, lower: float, upper: float) -> None:
    part = function.quadratic
    i = draft.add_row(name, part.linear, part.linear.values(), lower - part.constant, upper - part.constant)
    if part.products:
        draft.row_products[i] = part.products
    if function.expression is not None:
        draft.row_expressions[i] = function.expression


def _vector(draft: Draft, name: str, rows: list[Function], kind: str, set_: Json, pointer: str) -> None:
    if kind == "Reals":
        return
    if kind in ("Zeros", "Nonnegatives", "Nonpositives", "HyperRectangle"):
        size = len(rows)
        lower = [-math.inf if kind == "Nonpositives" else 0.0] * size
        upper = [math.inf if kind == "Nonnegatives" else 0.0] * size
        if kind == "HyperRectangle":
            lower, upper = (_numbers(set_, key, size, pointer) for key in ("lower", "upper"))
        for k, row in enumerate(rows):
            _add_row(draft, f"{name}_{k + 1}" if name and size > 1 else name, row, lower[k], upper[k])
    elif kind in ("SOS1", "SOS2"):
        members = [_member(row, pointer) for row in rows]
        draft.add_set(int(kind[3]), members, _numbers(set_, "weights", len(rows), pointer))
    elif kind == "Indicator":
        _indicator(draft, name, rows, set_, pointer)
    elif kind in ("SecondOrderCone", "RotatedSecondOrderCone") or (kind == "NormCone" and set_.get("p") == 2):
        draft.cones.append(_cone(draft, rows, kind == "RotatedSecondOrderCone", pointer))
    else:
        raise MalformedFile(
            f"the set {kind} is not supported",
            pointer=f"{pointer}/type",
            hint="linear, quadratic, second-order cone, SOS, indicator",
        )


def _numbers(set_: Json, key: str, size: int, pointer: str) -> list[float]:
    values = entry(set_, key, list, pointer)
    if len(values) != size:
        raise MalformedFile(f"{len(values)} numbers for {size} rows", pointer=f"{pointer}/{key}")
    return [finite(value, f"{pointer}/{key}/{k}", infinite=True) for k, value in enumerate(values)]


def _member(row: Function, pointer: str) -> int:
    part = row.quadratic
    if row.expression is not None or part.products or part.constant or list(part.linear.values()) != [1.0]:
        raise MalformedFile("this set holds variables only", pointer=pointer, hint="VectorOfVariables")
    return next(iter(part.linear))


def _affine(row: Function, pointer: str) -> None:
    if row.expression is not None or row.quadratic.products:
        raise MalformedFile("this set needs linear functions", pointer=pointer, hint="VectorAffineFunction")


def _indicator(draft: Draft, name: str, rows: list[Function], set_: Json, pointer: str) -> None:
    active = entry(set_, "activate_on", str, pointer).lower()
    inner = entry(set_, "set", dict, pointer)
    kind = entry(inner, "type", str, f"{pointer}/set")
    if active not in ("one", "zero") or kind not in _SIDES or len(rows) != 2:
        raise MalformedFile(
            "not an indicator", pointer=pointer, hint="two rows, activate_on one or zero, a scalar set of sides"
        )
    _affine(rows[1], pointer)
    lower, upper = _sides(kind, inner, f"{pointer}/set")
    binary = _member(rows[0], pointer)
    draft.add_indicator(name, binary, int(active == "one"), rows[1].quadratic, lower, upper)


def _cone(draft: Draft, rows: list[Function], rotated: bool, pointer: str) -> SecondOrderCone:
    if len(rows) < (3 if rotated else 2):
        raise MalformedFile(f"a cone of {len(rows)} rows", pointer=pointer, hint="at least 2, rotated 3")
    entries: list[tuple[int, int, float]] = []
    g = np.zeros(len(rows))
    for k, row in enumerate(rows):
        _affine(row, pointer)
        g[k] = row.quadratic.constant
        entries += [(k, j, value) for j, value in row.quadratic.linear.items()]
    places: Any = zip(*entries, strict=True) if entries else ((), (), ())
    i, j, values = (np.array(list(part)) for part in places)
    F = sp.csr_array(
        sp.coo_array(
            (values.astype(float), (i.astype(np.int64), j.astype(np.int64))), shape=(len(rows), len(draft.lower))
        )
    )
    if rotated:
        turn = sp.lil_array((len(rows), len(rows)))
        turn.setdiag(1.0)
        turn[0, 0] = turn[0, 1] = turn[1, 0] = math.sqrt(0.5)
        turn[1, 1] = -math.sqrt(0.5)
        F, g = sp.csr_array(turn @ F), turn @ g
    return SecondOrderCone(F, g)
