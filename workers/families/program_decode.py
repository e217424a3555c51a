"""A program's document, as stored, to ``solvers.programs`` types."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.errors import SolverError
from solvers.programs.answer import Basis
from solvers.programs.options import OPTIONS
from solvers.programs.problem import Indicator, Program, SecondOrderCone, SpecialOrderedSet
from solvers.programs.scenarios import TABLES, Change, Scenarios
from solvers.programs.start import Start
from workers.families import Files, Refusal, Work, arrays
from workers.families.options import Options, limits

#: Options of the contract that are not passed on by name.
OPTION_RULES = Options(OPTIONS, {"memory_limit"})


def decode(document: Mapping[str, Any], files: Files) -> Work:
    """Problem, options and scenarios of ``{"problem": …, "options": …}``.

    Raises:
        Refusal, SolverError: with pointers into the request's body.
    """
    given = document["problem"]
    options = document.get("options") or {}
    program = _program(given, files)
    settings = OPTION_RULES.settings(options)
    if options.get("start") is not None:
        settings["start"] = _start(options["start"], program, files)
    return Work(
        problem=program,
        options=settings,
        **limits(options),
        sense=program.sense,
        extra={"include": options.get("include"), "scenarios": _scenarios(given.get("scenarios"))},
    )


def _program(given: Mapping[str, Any], files: Files) -> Program:
    if given.get("file") is not None:
        program = _read_file(given["file"], files)
        return replace(program, name=given["name"]) if given.get("name") else program
    columns: dict[str, Any] = {}
    for name in ("row_lower", "row_upper", "lower", "upper"):
        if given.get(name) is not None:
            columns[name] = arrays.vector(given[name], files, f"/problem/{name}")
    if given.get("integrality") is not None:
        columns["integrality"] = arrays.vector(given["integrality"], files, "/problem/integrality", "integer")
    for name in ("A", "Q"):
        if given.get(name) is not None:
            columns[name] = arrays.matrix(given[name], files, f"/problem/{name}")
    try:
        return Program.build(
            c=arrays.vector(given["objective"], files, "/problem/objective"),
            sense=given.get("sense", "min"),
            offset=given.get("offset", 0.0),
            cones=[_cone(cone, files, f"/problem/cones/{k}") for k, cone in enumerate(given.get("cones") or ())],
            sos=[
                SpecialOrderedSet(group["type"], np.array(group["indices"]), np.array(group["weights"], dtype=float))
                for group in given.get("sos") or ()
            ],
            indicators=[_indicator(indicator) for indicator in given.get("indicators") or ()],
            name=given.get("name", ""),
            variable_names=given.get("variable_names"),
            constraint_names=given.get("constraint_names"),
            **columns,
        )
    except SolverError as error:
        error.pointer = below("/problem", "/objective" + error.pointer[2:] if _is_c(error.pointer) else error.pointer)
        raise


def _is_c(pointer: str) -> bool:
    """The library's name for the objective's coefficients."""
    return pointer == "/c" or pointer.startswith("/c/")


def _cone(given: Mapping[str, Any], files: Files, pointer: str) -> SecondOrderCone:
    F = arrays.matrix(given["F"], files, f"{pointer}/F")
    return SecondOrderCone(F.tocsr() if F.format == "coo" else F, arrays.vector(given["g"], files, f"{pointer}/g"))


def _indicator(given: Mapping[str, Any]) -> Indicator:
    return Indicator(
        binary=given["binary"],
        active=given.get("active", 1),
        indices=np.array(given["indices"]),
        coefficients=np.array(given["coefficients"], dtype=float),
        lower=float(given.get("lower", "-inf")),
        upper=float(given.get("upper", "inf")),
        name=given.get("name", ""),
    )


def _read_file(given: Mapping[str, Any], files: Files) -> Program:
    from solvers.programs.formats import read

    if given.get("artifact") is not None:
        content = files.fetch(given["artifact"], "/problem/file/artifact").read_bytes()
    elif given.get("base64") is not None:
        try:
            content = base64.b64decode(given["base64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refusal("malformed-file", f"not base 64: {error}", pointer="/problem/file/base64") from None
    else:
        content = given["content"].encode()
    program: Program = read(content, format=given.get("format", "auto"), filename=given.get("filename", ""))
    return program


def _start(given: Mapping[str, Any], program: Program, files: Files) -> Start:
    primal = given.get("primal")
    x: np.ndarray | None = None
    if isinstance(primal, Mapping) and not ("artifact" in primal or "base64" in primal):
        x = _by_name(primal, program)
    elif primal is not None:
        x = arrays.vector(primal, files, "/options/start/primal")
        _fits(x, program.n, "/options/start/primal", "variables")
    duals = given.get("row_duals")
    if duals is not None:
        duals = arrays.vector(duals, files, "/options/start/row_duals")
        _fits(duals, program.m, "/options/start/row_duals", "rows")
    basis = None
    if given.get("basis") is not None:
        pointer = "/options/start/basis"
        variables = arrays.vector(given["basis"]["variables"], files, f"{pointer}/variables", "integer")
        rows = arrays.vector(given["basis"]["rows"], files, f"{pointer}/rows", "integer")
        _fits(variables, program.n, f"{pointer}/variables", "variables")
        _fits(rows, program.m, f"{pointer}/rows", "rows")
        basis = Basis(variables, rows)
    return Start(x, duals, basis)


def _by_name(values: Mapping[str, Any], program: Program) -> np.ndarray:
    names = program.variable_names
    positions = {name: j for j, name in enumerate(names)} if names is not None else None
    x = np.full(program.n, np.nan)
    for name, value in values.items():
        j = positions.get(name) if positions is not None else _default_position(name, program.n)
        if j is None:
            hint = "names of the program" if positions is not None else f"x0 to x{program.n - 1}"
            raise Refusal(
                "invalid-option",
                f"the program has no variable {name!r}",
                pointer=f"/options/start/primal/{name.replace('~', '~0').replace('/', '~1')}",
                hint=hint,
            )
        x[j] = float(value)
    return x


def _default_position(name: str, n: int) -> int | None:
    digits = name[1:]
    if name[:1] != "x" or not digits.isdecimal() or str(int(digits)) != digits or int(digits) >= n:
        return None
    return int(digits)


def _fits(array: np.ndarray, size: int, pointer: str, what: str) -> None:
    if array.size != size:
        raise Refusal("invalid-option", f"{array.size} values for {size} {what}", pointer=pointer)


def _scenarios(given: Mapping[str, Any] | None) -> Scenarios | None:
    """The table as it was sent; it is checked against the program when it is solved."""
    if given is None:
        return None
    changes: dict[str, Any] = {}
    for name in TABLES:
        change = given.get(name)
        if change is not None:
            changes[name] = Change(np.array(change["indices"]), np.array(change["values"], dtype=np.float64))
    names = given.get("names")
    return Scenarios(count=given["count"], names=None if names is None else tuple(names), **changes)


def below(prefix: str, pointer: str) -> str:
    """A pointer into a part of the body as one into the body; "line 17" stays as it is."""
    return f"{prefix}{pointer}" if pointer.startswith("/") else pointer or prefix
