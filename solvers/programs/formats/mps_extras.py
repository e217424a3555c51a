"""The extensions of MPS: quadratic sections, special ordered sets, indicators, cones."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from solvers.programs.formats.lines import malformed, number
from solvers.programs.formats.mps_columns import IGNORED, OBJECTIVE
from solvers.programs.formats.mps_rows import Model
from solvers.programs.formats.mps_sections import Section
from solvers.programs.problem import SecondOrderCone, SpecialOrderedSet

Lines = Iterable[tuple[int, str, list[str]]]
Products = dict[tuple[int, int], float]


@dataclass
class Extras:
    """What the extension sections say.

    Attributes:
        products: of the objective: the coefficient of x_i x_j for i <= j.
        row_products: the same for rows, by row index.
        indicators: (row index, binary column, active value): the row holds only if the column has that value.
    """

    products: Products = field(default_factory=dict)
    row_products: dict[int, Products] = field(default_factory=dict)
    sos: list[SpecialOrderedSet] = field(default_factory=list)
    indicators: list[tuple[int, int, int]] = field(default_factory=list)
    cones: list[SecondOrderCone] = field(default_factory=list)


def read_extra(extras: Extras, model: Model, section: Section, lines: Lines) -> None:
    """One section of an extension.

    Raises:
        MalformedFile: also for a section that has no place in a program (GENCONS and the like).
    """
    keyword = section.keyword
    rows = [(line, text, [f for f in fields if f]) for line, text, fields in lines]
    if keyword in ("QUADOBJ", "QMATRIX"):
        whole = keyword == "QMATRIX"
        _merge(extras.products, _products(model, rows, whole=whole, half=True), section)
    elif keyword in ("QSECTION", "QCMATRIX"):
        code = model.row_of.get(section.argument)
        if code is None:
            raise malformed(f"{keyword} of an unknown row", section.line, section.argument, "a row of section ROWS")
        products = _products(model, rows, whole=keyword == "QCMATRIX", half=keyword == "QSECTION")
        if code == OBJECTIVE:
            _merge(extras.products, products, section)
        elif code != IGNORED:
            _merge(extras.row_products.setdefault(code, {}), products, section)
    elif keyword in ("SOS", "SOS1", "SOS2", "SETS"):
        extras.sos.extend(_sets(model, rows, keyword))
    elif keyword == "INDICATORS":
        extras.indicators.extend(_indicators(model, rows))
    elif keyword == "CSECTION":
        extras.cones.append(_cone(model, rows, section))
    else:
        raise malformed(f"section {keyword} is not supported", section.line)


def _column(model: Model, name: str, line: int, text: str) -> int:
    j = model.column_of.get(name)
    if j is None:
        raise malformed(f"there is no column {name!r}", line, text, "a column of section COLUMNS")
    return j


def _number(word: str, line: int, text: str) -> float:
    try:
        value = number(word)
    except ValueError:
        raise malformed(f"{word!r} is not a number", line, text) from None
    if math.isinf(value):
        raise malformed("a coefficient must be finite", line, text)
    return value


def _products(model: Model, rows: list[tuple[int, str, list[str]]], *, whole: bool, half: bool) -> Products:
    """Coefficients of x_i x_j (i <= j) from the entries of a matrix Q.

    Args:
        whole: both triangles are listed; otherwise one.
        half: the function is x'Qx/2; otherwise x'Qx.
    """
    entries: Products = {}
    for line, text, fields in rows:
        if len(fields) not in (3, 5):
            raise malformed("not an entry of a quadratic section", line, text, "column, column, value")
        i = _column(model, fields[0], line, text)
        for name, word in zip(fields[1::2], fields[2::2], strict=True):
            key = (i, _column(model, name, line, text))
            if key in entries or (not whole and key[::-1] in entries):
                raise malformed("an entry of Q is given twice", line, text, "each entry once")
            entries[key] = _number(word, line, text)
    if whole:
        for (i, j), value in entries.items():
            if entries.get((j, i)) != value:
                line, text, _ = rows[0]
                names = list(model.column_of)
                raise malformed(
                    f"Q is not symmetric: entry ({names[i]}, {names[j]}) is {value:g}, "
                    f"entry ({names[j]}, {names[i]}) is {entries.get((j, i), 0.0):g}",
                    line,
                    "",
                    "both triangles with equal entries",
                )
    factor = 0.5 if half else 1.0
    products: Products = {}
    for (i, j), value in entries.items():
        if whole and i > j:
            continue
        products[min(i, j), max(i, j)] = factor * value if i == j else 2.0 * factor * value
    return products


def _merge(into: Products, products: Products, section: Section) -> None:
    if into:
        raise malformed("a second quadratic section for the same function", section.line, section.keyword)
    into.update(products)


def _sets(model: Model, rows: list[tuple[int, str, list[str]]], keyword: str) -> list[SpecialOrderedSet]:
    found: list[tuple[int, list[int], list[float]]] = []
    for line, text, fields in rows:
        if fields[0].upper() in ("S1", "S2") and not (len(fields) == 2 and fields[0] in model.column_of):
            found.append((int(fields[0][1]), [], []))
            continue
        members = fields if len(fields) == 2 else fields[1:]
        if keyword in ("SOS1", "SOS2") and len(fields) > 2 and members[0] not in model.column_of:
            found.append((int(keyword[3]), [], []))
            continue
        if len(members) != 2 or not found:
            raise malformed("not a line of a special ordered set", line, text, "S1 or S2 and a name, or column, weight")
        found[-1][1].append(_column(model, members[0].rstrip(":"), line, text))
        found[-1][2].append(_number(members[1], line, text))
    return [
        SpecialOrderedSet(1 if kind == 1 else 2, np.array(indices, dtype=np.int64), np.array(weights))
        for kind, indices, weights in found
    ]


def _indicators(model: Model, rows: list[tuple[int, str, list[str]]]) -> list[tuple[int, int, int]]:
    found: dict[int, tuple[int, int, int]] = {}
    for line, text, fields in rows:
        if len(fields) != 4 or fields[0].upper() != "IF" or fields[3] not in ("0", "1"):
            raise malformed("not an indicator", line, text, "IF, row, binary column, 0 or 1")
        code = model.row_of.get(fields[1])
        if code is None or code < 0:
            raise malformed(f"there is no constraint {fields[1]!r}", line, text, "a row of section ROWS")
        if code in found:
            raise malformed(f"row {fields[1]!r} has two indicators", line, text)
        found[code] = (code, _column(model, fields[2], line, text), int(fields[3]))
    return list(found.values())


def _cone(model: Model, rows: list[tuple[int, str, list[str]]], section: Section) -> SecondOrderCone:
    """MOSEK's CSECTION: QUAD is ``x_0 >= |x_1..|``, RQUAD is ``2 x_0 x_1 >= |x_2..|^2`` with x_0, x_1 >= 0."""
    words = section.argument.split()
    kind = words[-1].upper() if words else ""
    if kind not in ("QUAD", "RQUAD"):
        raise malformed("an unknown type of cone", section.line, section.argument, "QUAD or RQUAD")
    members = [_column(model, fields[0], line, text) for line, text, fields in rows]
    if len(set(members)) != len(members) or len(members) < (2 if kind == "QUAD" else 3):
        raise malformed("a cone needs several different columns", section.line, section.argument)
    n, k = len(model.column_of), len(members)
    order = np.arange(k)
    matrix = sp.lil_array((k, n))
    matrix[order, members] = 1.0
    if kind == "RQUAD":
        root = math.sqrt(0.5)
        matrix[0, members[0]] = matrix[0, members[1]] = matrix[1, members[0]] = root
        matrix[1, members[1]] = -root
    return SecondOrderCone(sp.csr_array(matrix), np.zeros(k))
