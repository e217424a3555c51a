"""Writing free MPS."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import UnsupportedProblem
from solvers.programs.formats.naming import mps_names
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

#: What stands for an infinite value where the format needs a number.
_INFINITE = "1e30"


def write_mps(program: Program) -> bytes:
    """The program as a free MPS file with, as needed, OBJSENSE, RANGES, SOS, QUADOBJ and INDICATORS.

    Numbers are written so that reading gives the same doubles; only the far side of a row with two different finite
    sides may differ by a rounding. Blanks in names become ``_``. Free rows are written with an infinite side.

    Raises:
        UnsupportedProblem: cones or nonlinear parts, which MPS cannot hold.
    """
    if program.cones or program.nonlinear is not None:
        part = "second-order cones" if program.cones else "nonlinear parts"
        raise UnsupportedProblem(f"MPS cannot hold {part}", hint="a program that is linear or quadratic")
    columns = mps_names(program.variable_name(j) for j in range(program.n))
    rows = mps_names(
        [program.constraint_name(i) for i in range(program.m)]
        + [one.name or f"indicator{k}" for k, one in enumerate(program.indicators)],
        ["'MARKER'"],
    )
    objective = mps_names(["OBJ"], rows)[0]
    lower = np.concatenate([program.row_lower, [one.lower for one in program.indicators]])
    upper = np.concatenate([program.row_upper, [one.upper for one in program.indicators]])
    sides = [_side(low, high) for low, high in zip(lower.tolist(), upper.tolist(), strict=True)]
    lines = [f"NAME {'_'.join(program.name.split())}".rstrip()]
    if program.sense == "max":
        lines += ["OBJSENSE", "    MAX"]
    lines += ["ROWS", f" N {objective}"]
    lines += [f" {kind} {name}" for name, (kind, _, _) in zip(rows, sides, strict=True)]
    lines.append("COLUMNS")
    lines.extend(_columns(program, columns, [objective, *rows]))
    lines.append("RHS")
    if program.offset:
        lines.append(f"    RHS {objective} {-program.offset!r}")
    lines += [f"    RHS {name} {value}" for name, (_, value, _) in zip(rows, sides, strict=True) if value != "0.0"]
    ranges = [f"    RNG {name} {width!r}" for name, (_, _, width) in zip(rows, sides, strict=True) if width]
    lines += ["RANGES", *ranges] if ranges else []
    bounds = list(_bounds(program, columns))
    lines += ["BOUNDS", *bounds] if bounds else []
    if program.sos:
        lines.append("SOS")
        for k, group in enumerate(program.sos):
            lines.append(f" S{group.type} SOS_{k}")
            members = zip(group.indices.tolist(), group.weights.tolist(), strict=True)
            lines += [f"    {columns[j]} {weight!r}" for j, weight in members]
    if program.Q is not None:
        lines.append("QUADOBJ")
        half = sp.coo_array(sp.triu(program.Q))
        entries = zip(half.row.tolist(), half.col.tolist(), half.data.tolist(), strict=True)
        lines += [f"    {columns[i]} {columns[j]} {value!r}" for i, j, value in entries]
    if program.indicators:
        lines.append("INDICATORS")
        named = zip(rows[program.m :], program.indicators, strict=True)
        lines += [f" IF {name} {columns[one.binary]} {one.active}" for name, one in named]
    lines += ["ENDATA", ""]
    return "\n".join(lines).encode()


def _side(low: float, high: float) -> tuple[str, str, float]:
    """(type of the row, right-hand side, range or 0)."""
    if low == high:
        return "E", repr(low), 0.0
    if math.isinf(low) and math.isinf(high):
        return "G", f"-{_INFINITE}", 0.0
    if math.isinf(high):
        return "G", repr(low), 0.0
    if math.isinf(low):
        return "L", repr(high), 0.0
    width = high - low
    if low + width != high and high - width == low:
        return "L", repr(high), width
    return "G", repr(low), width


def _columns(program: Program, columns: list[str], rows: list[str]) -> Iterator[str]:
    extra = [
        sp.coo_array((one.coefficients, (np.zeros_like(one.indices), one.indices)), shape=(1, program.n))
        for one in program.indicators
    ]
    cost = sp.csr_array(program.c.reshape(1, -1))
    matrix = sp.csc_array(sp.vstack([cost, program.A, *extra]))
    starts = matrix.indptr.tolist()
    names = [rows[i] for i in matrix.indices.tolist()]
    values = list(map(repr, matrix.data.tolist()))
    integer = (program.integrality == INTEGER).tolist()
    inside = False
    for j, column in enumerate(columns):
        if integer[j] != inside:
            inside = integer[j]
            yield f"    MARKER 'MARKER' {chr(39)}{'INTORG' if inside else 'INTEND'}{chr(39)}"
        begin, end = starts[j], starts[j + 1]
        if begin == end:
            yield f"    {column} {rows[0]} 0.0"
        for k in range(begin, end):
            yield f"    {column} {names[k]} {values[k]}"
    if inside:
        yield "    MARKER 'MARKER' 'INTEND'"


def _bounds(program: Program, columns: list[str]) -> Iterator[str]:
    kinds, lower, upper = program.integrality.tolist(), program.lower.tolist(), program.upper.tolist()
    for column, kind, low, high in zip(columns, kinds, lower, upper, strict=True):
        if kind in (SEMI_CONTINUOUS, SEMI_INTEGER):
            if low != 0.0:
                yield f" LO BND {column} {low!r}" if math.isfinite(low) else f" MI BND {column}"
            word = "SC" if kind == SEMI_CONTINUOUS else "SI"
            yield f" {word} BND {column} {high!r}" if math.isfinite(high) else f" {word} BND {column} {_INFINITE}"
        elif low == high:
            yield f" FX BND {column} {low!r}"
        elif math.isinf(low) and math.isinf(high):
            yield f" FR BND {column}"
        else:
            if math.isinf(low):
                yield f" MI BND {column}"
            elif low != 0.0:
                yield f" LO BND {column} {low!r}"
            if math.isfinite(high):
                yield f" UP BND {column} {high!r}"
            elif kind == INTEGER and low == 0.0:
                yield f" PL BND {column}"
