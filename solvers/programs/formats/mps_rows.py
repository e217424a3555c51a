"""The classic sections of an MPS file: ROWS, COLUMNS (line by line), RHS, RANGES, BOUNDS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from solvers.core.errors import MalformedFile
from solvers.programs.formats.lines import malformed, number
from solvers.programs.formats.mps_columns import IGNORED, OBJECTIVE, Columns
from solvers.programs.formats.mps_sections import Section
from solvers.programs.problem import CONTINUOUS, INTEGER, SEMI_CONTINUOUS, SEMI_INTEGER

Lines = Iterable[tuple[int, str, list[str]]]

_WITH_VALUE = frozenset({"UP", "LO", "FX", "LI", "UI", "SC", "SI"})
_WITHOUT_VALUE = frozenset({"FR", "MI", "PL", "BV"})
_BOUND_TYPES = "UP, LO, FX, FR, MI, PL, BV, LI, UI, SC or SI"


@dataclass
class Model:
    """What the sections read so far say.

    Attributes:
        rows, row_types: the constraints and their types L, G, E, in the order of the file.
        row_of: row name to index, OBJECTIVE or IGNORED.
        rhs, ranges: by row index, where given.
        lower, upper: by column index, where given. ``touched`` holds the columns with any bound.
        kinds: column index to integrality, where BOUNDS says something.
    """

    name: str = ""
    sense: str = "min"
    offset: float = 0.0
    objective_name: str | None = None
    rows: list[str] = field(default_factory=list)
    row_types: list[str] = field(default_factory=list)
    row_of: dict[str, int] = field(default_factory=dict)
    columns: Columns | None = None
    column_of: dict[str, int] = field(default_factory=dict)
    rhs: dict[int, float] = field(default_factory=dict)
    ranges: dict[int, float] = field(default_factory=dict)
    lower: dict[int, float] = field(default_factory=dict)
    upper: dict[int, float] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    kinds: dict[int, int] = field(default_factory=dict)

    def header(self, keyword: str, words: list[str], section: Section) -> None:
        """OBJSENSE and OBJNAME."""
        if len(words) != 1:
            raise malformed(f"{keyword} needs one word", section.line, " ".join(words), "MIN, MAX or a row name")
        if keyword == "OBJNAME":
            if self.row_of:
                raise malformed("OBJNAME must stand before ROWS", section.line)
            self.objective_name = words[0]
        elif words[0].upper() in ("MIN", "MINIMIZE", "MINIMISE", "MINIMUM"):
            self.sense = "min"
        elif words[0].upper() in ("MAX", "MAXIMIZE", "MAXIMISE", "MAXIMUM"):
            self.sense = "max"
        else:
            raise malformed("unknown objective sense", section.line, words[0], "MIN or MAX")

    def set_columns(self, columns: Columns) -> None:
        if self.columns is not None:
            raise MalformedFile("a second COLUMNS section")
        self.columns = columns
        self.column_of = dict(zip(columns.names, range(len(columns.names)), strict=True))

    def sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper sides of the rows."""
        m = len(self.rows)
        side = np.zeros(m)
        side[list(self.rhs)] = list(self.rhs.values())
        types = np.array(self.row_types, dtype="U1")
        lower = np.where(types == "L", -np.inf, side)
        upper = np.where(types == "G", np.inf, side)
        for i, width in self.ranges.items():
            if self.row_types[i] == "L" or (self.row_types[i] == "E" and width < 0):
                lower[i] = upper[i] - abs(width)
            else:
                upper[i] = lower[i] + abs(width)
        return lower, upper

    def bounds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lower and upper bounds and integrality of the columns."""
        assert self.columns is not None
        n = len(self.columns.names)
        integrality = np.where(self.columns.integer, INTEGER, CONTINUOUS).astype(np.uint8)
        lower = np.zeros(n)
        upper = np.full(n, np.inf)
        untouched = self.columns.integer.copy()
        untouched[list(self.touched)] = False
        upper[untouched] = 1.0
        lower[list(self.lower)] = list(self.lower.values())
        upper[list(self.upper)] = list(self.upper.values())
        for j, value in self.upper.items():
            if value < 0 and j not in self.lower and self.kinds.get(j, 0) < SEMI_CONTINUOUS:
                lower[j] = -np.inf
        if self.kinds:
            integrality[list(self.kinds)] = list(self.kinds.values())
        return lower, upper, integrality


def read_rows(model: Model, lines: Lines, *, fixed: bool) -> None:
    """ROWS, and the sections of lazy constraints and cuts, which are rows like others."""
    for line, text, fields in lines:
        if fixed:
            fields = fields[:2]
        if len(fields) != 2 or fields[0].upper() not in ("N", "L", "G", "E"):
            raise malformed("not a row", line, text, "a type (N, L, G or E) and a name")
        kind, name = fields[0].upper(), fields[1]
        if name in model.row_of:
            raise malformed(f"the row name {name!r} is used twice", line, text)
        if not name:
            raise malformed("a row without a name", line, text)
        if kind == "N":
            wanted = model.objective_name in (None, name) and OBJECTIVE not in model.row_of.values()
            model.row_of[name] = OBJECTIVE if wanted else IGNORED
        else:
            model.row_of[name] = len(model.rows)
            model.rows.append(name)
            model.row_types.append(kind)


def read_columns(model: Model, lines: Lines, *, fixed: bool) -> Columns:
    """COLUMNS, line by line: slow, but it says where the trouble is."""
    names: list[str] = []
    integer: list[bool] = []
    known: dict[str, int] = {}
    entries: list[tuple[int, int, float]] = []
    seen: set[str] = set()
    inside = False
    for line, text, fields in lines:
        if fixed:
            fields = [fields[1], *(f for f in fields[2:] if f)]
        if "'MARKER'" in fields and "'MARKER'" not in model.row_of:
            inside = _marked(inside, fields[-1], line, text)
            continue
        if len(fields) not in (3, 5) or not fields[0]:
            raise malformed("not an entry of COLUMNS", line, text, "column, row, value [, row, value]")
        name = fields[0]
        if not names or name != names[-1]:
            if name in known:
                raise malformed(f"column {name!r} appears again after other columns", line, text)
            known[name] = len(names)
            names.append(name)
            integer.append(inside)
            seen.clear()
        for row, value in zip(fields[1::2], fields[2::2], strict=True):
            code = model.row_of.get(row)
            if code is None:
                raise malformed(f"there is no row {row!r}", line, text, "a row of section ROWS")
            if row in seen:
                raise malformed(f"column {name!r} has two entries in row {row!r}", line, text)
            seen.add(row)
            entries.append((known[name], code, _finite(value, line, text)))
    table = np.array(entries, dtype=np.float64).reshape(-1, 3)
    return Columns(
        names, np.array(integer, dtype=bool), table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]
    )


def _marked(inside: bool, kind: str, line: int, text: str) -> bool:
    if kind == "'INTORG'" and not inside:
        return True
    if kind == "'INTEND'" and inside:
        return False
    if kind in ("'GUBORG'", "'GUBEND'"):
        return inside
    raise malformed("an unexpected marker", line, text, "'INTORG' and 'INTEND' in turn")


def _vector_entries(lines: Lines, *, fixed: bool, what: str) -> Iterable[tuple[int, str, str, str]]:
    """(line, text, row, value) of a section of pairs, of its first vector."""
    first: str | None = None
    for line, text, fields in lines:
        if fixed:
            name, pairs = fields[1], [f for f in fields[2:] if f]
        elif len(fields) % 2:
            name, pairs = fields[0], fields[1:]
        else:
            name, pairs = "", fields
        if len(pairs) not in (2, 4):
            raise malformed(f"not an entry of {what}", line, text, "[name,] row, value [, row, value]")
        if first is None:
            first = name
        if name == first:
            for row, value in zip(pairs[::2], pairs[1::2], strict=True):
                yield line, text, row, value


def read_rhs(model: Model, lines: Lines, *, fixed: bool) -> None:
    objective = False
    for line, text, row, word in _vector_entries(lines, fixed=fixed, what="RHS"):
        code = model.row_of.get(row)
        if code is None:
            raise malformed(f"there is no row {row!r}", line, text, "a row of section ROWS")
        if code in model.rhs or (code == OBJECTIVE and objective):
            raise malformed(f"row {row!r} has two right-hand sides", line, text)
        if code == OBJECTIVE:
            model.offset, objective = 0.0 - _finite(word, line, text), True
        elif code != IGNORED:
            model.rhs[code] = _value(word, line, text)


def read_ranges(model: Model, lines: Lines, *, fixed: bool) -> None:
    for line, text, row, word in _vector_entries(lines, fixed=fixed, what="RANGES"):
        code = model.row_of.get(row)
        if code is None:
            raise malformed(f"there is no row {row!r}", line, text, "a row of section ROWS")
        if code in model.ranges:
            raise malformed(f"row {row!r} has two ranges", line, text)
        if code >= 0:
            model.ranges[code] = _value(word, line, text)


def read_bounds(model: Model, lines: Lines, *, fixed: bool) -> None:
    first: str | None = None
    for line, text, fields in lines:
        kind = fields[0].upper()
        if kind not in _WITH_VALUE and kind not in _WITHOUT_VALUE:
            raise malformed("unknown type of bound", line, text, _BOUND_TYPES)
        vector, column, word = _bound_fields(model, kind, fields, fixed)
        j = model.column_of.get(column)
        if j is None:
            raise malformed(f"there is no column {column!r}", line, text, "type, [name,] column, value")
        if first is None:
            first = vector
        if vector != first:
            continue
        if kind not in _WITH_VALUE:
            value = math.nan
        elif word:
            value = _value(word, line, text)
        elif kind in ("SC", "SI"):
            value = math.inf
        else:
            raise malformed(f"a bound of type {kind} without a value", line, text)
        model.touched.add(j)
        _set_bound(model, kind, j, value)


def _bound_fields(model: Model, kind: str, fields: list[str], fixed: bool) -> tuple[str, str, str]:
    """(bound vector, column, value or "") of a line."""
    if fixed:
        return fields[1], fields[2], fields[3]
    rest = fields[1:]
    if len(rest) == 3:
        return rest[0], rest[1], rest[2]
    if len(rest) == 2:
        if rest[1] in model.column_of and (kind not in _WITH_VALUE or rest[0] not in model.column_of):
            return rest[0], rest[1], ""
        return "", rest[0], rest[1]
    return ("", rest[0], "") if len(rest) == 1 else ("", " ".join(rest), "")


def _set_bound(model: Model, kind: str, j: int, value: float) -> None:
    if kind in ("LO", "LI", "FX"):
        model.lower[j] = value
    if kind in ("UP", "UI", "FX", "SC", "SI"):
        model.upper[j] = value
    if kind in ("FR", "MI"):
        model.lower[j] = -math.inf
    if kind in ("FR", "PL"):
        model.upper[j] = math.inf
    if kind == "BV":
        model.lower[j], model.upper[j] = 0.0, 1.0
    if kind in ("LI", "UI", "BV"):
        model.kinds[j] = INTEGER
    elif kind == "SC":
        inside = model.columns is not None and bool(model.columns.integer[j])
        model.kinds[j] = SEMI_INTEGER if inside or model.kinds.get(j) == INTEGER else SEMI_CONTINUOUS
    elif kind == "SI":
        model.kinds[j] = SEMI_INTEGER


def _value(word: str, line: int, text: str) -> float:
    try:
        return number(word)
    except ValueError:
        raise malformed(f"{word!r} is not a number", line, text) from None


def _finite(word: str, line: int, text: str) -> float:
    value = _value(word, line, text)
    if math.isinf(value):
        raise malformed("a coefficient must be finite", line, text)
    return value
