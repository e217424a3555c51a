"""Writing CPLEX LP files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import UnsupportedProblem
from solvers.programs.formats.naming import lp_names
from solvers.programs.problem import INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER, Program

_TERMS_ON_A_LINE = 6


def write_lp(program: Program) -> bytes:
    """The program as a CPLEX LP file. Numbers are written so that reading gives the same doubles.

    Every variable stands in the objective, with the coefficient 0 if need be: so a reader finds them in the same order.
    What an LP name cannot hold becomes ``_``. An indicator with two different finite sides becomes two.

    Raises:
        UnsupportedProblem: cones or nonlinear parts; or rows without variables in a program that has none.
    """
    if program.cones or program.nonlinear is not None:
        part = "second-order cones" if program.cones else "nonlinear parts"
        raise UnsupportedProblem(f"this LP writer cannot hold {part}", hint="a program that is linear or quadratic")
    if not program.n:
        raise UnsupportedProblem("an LP file cannot hold a program without variables")
    names = lp_names(program.variable_name(j) for j in range(program.n))
    rows = lp_names(program.constraint_name(i) for i in range(program.m))
    lines = ["Maximize" if program.sense == "max" else "Minimize"]
    lines.extend(_objective(program, names))
    lines.append("Subject To")
    starts = program.A.indptr.tolist()
    columns, values = program.A.indices.tolist(), program.A.data.tolist()
    lower, upper = program.row_lower.tolist(), program.row_upper.tolist()
    for i, row in enumerate(rows):
        span = slice(starts[i], starts[i + 1])
        terms = _terms(zip(columns[span], values[span], strict=True), names)
        lines.extend(_row(f" {row}:", terms or [f"0 {names[0]}"], lower[i], upper[i]))
    lines.extend(_indicators(program, names))
    bounds = list(_bounds(program, names))
    lines += ["Bounds", *bounds] if bounds else []
    kinds = program.integrality
    binary = (kinds == INTEGER) & (program.lower == 0) & (program.upper == 1)
    for title, which in (
        ("Generals", ((kinds == INTEGER) | (kinds == SEMI_INTEGER)) & ~binary),
        ("Binaries", binary),
        ("Semi-Continuous", kinds >= SEMI_CONTINUOUS),
    ):
        if which.any():
            lines += [title, *(f" {names[j]}" for j in np.flatnonzero(which).tolist())]
    if program.sos:
        lines.append("SOS")
        for k, group in enumerate(program.sos):
            members = zip(group.indices.tolist(), group.weights.tolist(), strict=True)
            lines += _wrapped(f" sos_{k}: S{group.type} ::", [f"{names[j]}:{weight!r}" for j, weight in members], "")
    lines += ["End", ""]
    return "\n".join(lines).encode()


def _terms(entries: Iterable[tuple[int, float]], names: list[str]) -> list[str]:
    return [f"{'-' if value < 0 else '+'} {abs(value)!r} {names[j]}" for j, value in entries]


def _wrapped(head: str, terms: list[str], tail: str) -> list[str]:
    lines = [" ".join(terms[k : k + _TERMS_ON_A_LINE]) for k in range(0, len(terms), _TERMS_ON_A_LINE)]
    lines[0] = f"{head} {lines[0]}"
    if tail:
        lines[-1] = f"{lines[-1]} {tail}"
    return [lines[0], *(f"   {line}" for line in lines[1:])]


def _objective(program: Program, names: list[str]) -> Iterator[str]:
    terms = _terms(enumerate(program.c.tolist()), names)
    if program.Q is not None:
        half = sp.coo_array(sp.triu(program.Q))
        products = []
        for i, j, value in zip(half.row.tolist(), half.col.tolist(), half.data.tolist(), strict=True):
            sign = "-" if value < 0 else "+"
            if i == j:
                products.append(f"{sign} {abs(value)!r} {names[i]} ^ 2")
            else:
                products.append(f"{sign} {abs(2 * value)!r} {names[i]} * {names[j]}")
        terms += ["+ [", *products, "] / 2"]
    if program.offset:
        terms.append(f"{'-' if program.offset < 0 else '+'} {abs(program.offset)!r}")
    yield from _wrapped(" obj:", terms, "")


def _row(head: str, terms: list[str], low: float, high: float) -> list[str]:
    if low == high:
        return _wrapped(head, terms, f"= {low!r}")
    if math.isinf(low) and math.isinf(high):
        return _wrapped(head, terms, ">= -inf")
    if math.isinf(high):
        return _wrapped(head, terms, f">= {low!r}")
    if math.isinf(low):
        return _wrapped(head, terms, f"<= {high!r}")
    return _wrapped(f"{head} {low!r} <=", terms, f"<= {high!r}")


def _indicators(program: Program, names: list[str]) -> Iterator[str]:
    for k, one in enumerate(program.indicators):
        terms = _terms(zip(one.indices.tolist(), one.coefficients.tolist(), strict=True), names) or [f"0 {names[0]}"]
        name = lp_names([one.name or f"indicator{k}"])[0]
        head = f"{names[one.binary]} = {one.active} ->"
        if math.isfinite(one.lower) and math.isfinite(one.upper) and one.lower != one.upper:
            yield from _row(f" {name}_lower: {head}", terms, one.lower, math.inf)
            yield from _row(f" {name}_upper: {head}", terms, -math.inf, one.upper)
        else:
            yield from _row(f" {name}: {head}", terms, one.lower, one.upper)


def _bounds(program: Program, names: list[str]) -> Iterator[str]:
    kinds, lower, upper = program.integrality.tolist(), program.lower.tolist(), program.upper.tolist()
    for name, kind, low, high in zip(names, kinds, lower, upper, strict=True):
        if (low == 0.0 and math.isinf(high)) or (kind == INTEGER and low == 0.0 and high == 1.0):
            continue
        if low == high:
            yield f" {name} = {low!r}"
        elif math.isinf(low) and math.isinf(high):
            yield f" {name} free"
        elif math.isinf(high):
            yield f" {name} >= {low!r}"
        else:
            yield f" {'-inf' if math.isinf(low) else repr(low)} <= {name} <= {high!r}"
