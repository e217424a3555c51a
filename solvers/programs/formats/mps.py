"""MPS files: fixed and free, with the quadratic, integer and logical extensions that solvers agree on.

Conventions, where tools differ:

- A file is read as free format; if that fails, as fixed format, in which names may contain spaces.
- The first N row (or the one named by OBJNAME) is the objective; further N rows are left out, since they bind nothing.
  A right-hand side on the objective row is minus its constant.
- Only the first right-hand side, range and bound vector is used; those of other names are left out.
- A first line ``*SENSE:Maximize``, a comment to others, is how PuLP writes the sense; OBJSENSE is stronger.
- RANGES: R on a row of type L gives [b - |R|, b], G gives [b, b + |R|], E gives [b, b + R] for R > 0 and [b + R, b]
  for R < 0.
- A column between INTORG and INTEND without any entry in BOUNDS is binary, otherwise its default bounds are [0, inf),
  as in HiGHS, SCIP and CPLEX.
- A negative UP bound makes a lower bound that is not given -inf, as in CPLEX and Gurobi (HiGHS keeps 0).
- If a bound is given twice, the later one holds. An SC or SI bound is the upper bound; without a value it is infinite.
- Bounds and sides of absolute value 1e20 or more are infinite.
- QUADOBJ lists one triangle, QMATRIX the whole of Q, in the objective ``x'Qx/2``. QSECTION is QUADOBJ for one row.
  QCMATRIX lists all of Q in the constraint ``a'x + x'Qx <= b`` (no 1/2). Convex quadratic rows become second-order
  cones, other ones nonlinear rows.
- An entry given twice, an unknown name and an unknown section are errors; a file without ENDATA is truncated.
"""

from __future__ import annotations

import re

import numpy as np
import scipy.sparse as sp

from solvers.core.errors import MalformedFile
from solvers.programs.formats.lines import decoded
from solvers.programs.formats.mps_columns import OBJECTIVE, Columns, bulk_columns
from solvers.programs.formats.mps_extras import Extras, read_extra
from solvers.programs.formats.mps_rows import Model, read_bounds, read_columns, read_ranges, read_rhs, read_rows
from solvers.programs.formats.mps_sections import Section, fixed_lines, free_lines, sections
from solvers.programs.formats.quadratic import Quadratic, cone_of, objective_matrix, products_expression
from solvers.programs.problem import Expression, Indicator, Nonlinear, Program, SecondOrderCone

_PULP_MAXIMIZES = re.compile(r"\*SENSE:\s*Maximi[sz]e\s*$", re.IGNORECASE | re.MULTILINE)

_ROWS = frozenset({"ROWS", "LAZYCONS", "USERCUTS", "DELAYEDROWS", "MODELCUTS"})


def read_mps(data: bytes) -> Program:
    """The program in an MPS or QPS file.

    Raises:
        MalformedFile: with the line, what stands there and what was expected.
        InvalidProblem: the file is well-formed, but contradicts itself (a lower bound above the upper one).
    """
    text = decoded(data)
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    found = sections(text)
    if not found:
        raise MalformedFile("line 1: the file has no sections before ENDATA", pointer="line 1", hint="ROWS, COLUMNS")
    try:
        return _program(text, found, fixed=False)
    except MalformedFile as free:
        try:
            return _program(text, found, fixed=True)
        except MalformedFile as fixed:
            if _line(fixed) > _line(free):
                raise fixed from None
        raise free from None


def _line(error: MalformedFile) -> int:
    return int(error.pointer.removeprefix("line ") or 0)


def _program(text: str, found: list[Section], *, fixed: bool) -> Program:
    lines = fixed_lines if fixed else free_lines
    model = Model(sense="max" if _PULP_MAXIMIZES.match(text) else "min")
    extras = Extras()
    for section in found:
        keyword = section.keyword
        if keyword == "NAME":
            model.name = section.argument
        elif keyword in ("OBJSENSE", "OBJNAME"):
            words = section.argument.split() or [w for _, _, f in free_lines(text, section) for w in f]
            model.header(keyword, words, section)
        elif keyword in _ROWS:
            read_rows(model, lines(text, section), fixed=fixed)
        elif keyword == "COLUMNS":
            bulk = None
            if not fixed and text.isascii():
                bulk = bulk_columns(text[section.start : section.end], model.row_of)
            model.set_columns(_without_repeats(bulk, model) or read_columns(model, lines(text, section), fixed=fixed))
        elif keyword == "RHS":
            read_rhs(model, lines(text, section), fixed=fixed)
        elif keyword == "RANGES":
            read_ranges(model, lines(text, section), fixed=fixed)
        elif keyword == "BOUNDS":
            read_bounds(model, lines(text, section), fixed=fixed)
        else:
            read_extra(extras, model, section, lines(text, section))
    if not any(section.keyword == "ROWS" for section in found):
        raise MalformedFile("the file has no ROWS section", pointer=f"line {found[0].line}", hint="ROWS")
    if model.columns is None:
        raise MalformedFile("the file has no COLUMNS section", pointer=f"line {found[-1].line}", hint="COLUMNS")
    return _assembled(model, extras)


def _without_repeats(columns: Columns | None, model: Model) -> Columns | None:
    """None if an entry is given twice, so that the exact parser says where."""
    if columns is None:
        return None
    codes = columns.column.astype(np.int64) * (len(model.rows) + 3) + columns.row + 2
    codes.sort()
    repeated = codes[1:] == codes[:-1]
    # rows that are left out share a code
    repeated &= codes[1:] % (len(model.rows) + 3) > 0
    return None if repeated.any() else columns


def _assembled(model: Model, extras: Extras) -> Program:
    columns = model.columns
    assert columns is not None
    n, m = len(columns.names), len(model.rows)
    c = np.zeros(n)
    cost = columns.row == OBJECTIVE
    c[columns.column[cost]] = columns.value[cost]
    entry = columns.row >= 0
    A = sp.csr_array(sp.coo_array((columns.value[entry], (columns.row[entry], columns.column[entry])), shape=(m, n)))
    row_lower, row_upper = model.sides()
    lower, upper, integrality = model.bounds()
    keep = np.ones(m, dtype=bool)
    indicators = []
    for i, binary, active in extras.indicators:
        begin, end = A.indptr[i], A.indptr[i + 1]
        indicators.append(
            Indicator(
                binary,
                1 if active else 0,
                A.indices[begin:end].astype(np.int64),
                A.data[begin:end].copy(),
                float(row_lower[i]),
                float(row_upper[i]),
                model.rows[i],
            )
        )
        keep[i] = False
    cones: list[SecondOrderCone] = list(extras.cones)
    nonlinear: dict[int, Expression] = {}
    nonnegative = np.flatnonzero(lower >= 0)
    for i, products in extras.row_products.items():
        begin, end = A.indptr[i], A.indptr[i + 1]
        linear = dict(zip(A.indices[begin:end].tolist(), A.data[begin:end].tolist(), strict=True))
        row = Quadratic(0.0, linear, products)
        cone = cone_of(n, row, float(row_lower[i]), float(row_upper[i]), nonnegative)
        if cone is not None:
            cones.append(cone)
            keep[i] = False
        else:
            nonlinear[i] = products_expression(products)
    names: tuple[str, ...] = tuple(model.rows)
    if not keep.all():
        place = np.cumsum(keep) - 1
        nonlinear = {int(place[i]): expression for i, expression in nonlinear.items()}
        A, row_lower, row_upper = A[keep], row_lower[keep], row_upper[keep]
        names = tuple(name for name, kept in zip(names, keep, strict=True) if kept)
    return Program.build(
        c=c,
        A=A,
        row_lower=row_lower,
        row_upper=row_upper,
        lower=lower,
        upper=upper,
        integrality=integrality,
        sense=model.sense,
        offset=model.offset,
        Q=objective_matrix(n, extras.products),
        cones=cones,
        sos=extras.sos,
        indicators=indicators,
        nonlinear=Nonlinear(None, nonlinear) if nonlinear else None,
        name=model.name,
        variable_names=columns.names,
        constraint_names=names,
    )
