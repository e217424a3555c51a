"""AMPL's .nl files, text (g) and binary (b).

The polynomial parts of degree at most two that AMPL and Pyomo write as expressions are recognised: they go into ``c``,
``Q`` and ``A``, convex quadratic rows become cones; only what is left is nonlinear. Starting values, dual values and
suffixes are skipped. Names are in other files (.col, .row) and not read. Refused are several objectives,
complementarity and logical constraints, user-defined functions and network nodes.

Source: D. M. Gay, "Writing .nl files", Sandia SAND2005-7907P; "Hooking your solver to AMPL", 1997.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from solvers.programs.formats.draft import Draft
from solvers.programs.formats.lines import decoded, malformed
from solvers.programs.formats.nl_expressions import read_expression
from solvers.programs.formats.nl_source import BinarySource, Source, TextSource
from solvers.programs.formats.quadratic import Quadratic, as_quadratic
from solvers.programs.problem import CONTINUOUS, INTEGER, Expression, Program

_HEADER_LINES = 10
_MAX_SIZE = 100_000_000


@dataclass(frozen=True)
class _Header:
    n: int
    m: int
    objectives: int
    integer: tuple[bool, ...]
    nonzeros: int
    costs: int


def read_nl(data: bytes) -> Program:
    """The program in a .nl file.

    Raises:
        MalformedFile: with the line (text) or byte (binary), what stands there and what was expected.
    """
    head = data.split(b"\n", _HEADER_LINES)
    lines = [decoded(line) for line in head[:_HEADER_LINES]]
    if len(head) <= _HEADER_LINES or lines[0][:1] not in ("g", "b"):
        raise malformed("not a .nl file, or a truncated one", 1, lines[0], "ten header lines, the first with g or b")
    header = _header(lines, len(data))
    source: Source
    if lines[0][0] == "b":
        kind = _integers(lines, 5)[2:3]
        start = sum(len(line) + 1 for line in head[:_HEADER_LINES])
        source = BinarySource(data, start, ">" if kind == [2] else "<")
    else:
        source = TextSource(decoded(head[_HEADER_LINES]).split("\n"), _HEADER_LINES + 1)
    model = _Model(header)
    while letter := source.letter():
        model.segment(letter, source)
    model.require_complete(source)
    return model.program()


def _integers(lines: list[str], k: int) -> list[int]:
    try:
        return [int(word) for word in lines[k].split("#", 1)[0].split()]
    except ValueError:
        raise malformed("a header line must hold integers", k + 1, lines[k]) from None


def _header(lines: list[str], size: int) -> _Header:
    sizes = _integers(lines, 1)
    if len(sizes) < 3 or min(sizes) < 0:
        raise malformed("sizes of the program", 2, lines[1], "numbers of variables, constraints, objectives")
    if max(sizes) > size:
        raise malformed("sizes larger than the file can hold: it is truncated", 2, lines[1])
    n, m, objectives = sizes[:3]
    if sizes[5:6] > [0]:
        raise malformed("logical constraints are not supported", 2, lines[1])
    if any(_integers(lines, 3)[:2]):
        raise malformed("network constraints are not supported", 4, lines[3])
    nonlinear = [*_integers(lines, 4), 0, 0, 0][:3]
    discrete = [*_integers(lines, 6), 0, 0, 0, 0, 0][:5]
    in_rows, in_objective, in_both = nonlinear
    binary, integer, both_integer, rows_integer, objective_integer = discrete
    flags = [False] * n
    last = max(in_rows, in_objective)
    blocks = [(in_both, both_integer), (in_rows, rows_integer), (last, objective_integer), (n, binary + integer)]
    begin = 0
    for end, count in blocks:
        if not begin <= end <= n or not 0 <= count <= end - begin:
            raise malformed("numbers of nonlinear and integer variables do not fit", 7, lines[6])
        flags[end - count : end] = [True] * count
        begin = end
    if objectives > 1:
        raise malformed("several objectives are not supported", 2, lines[1], "one objective")
    nonzeros, costs = [*_integers(lines, 7), 0, 0][:2]
    return _Header(n, m, objectives, tuple(flags), nonzeros, costs)


class _Model:
    """What the segments say."""

    def __init__(self, header: _Header) -> None:
        n, m = header.n, header.m
        self.header = header
        self.draft = Draft()
        self.sides = [(-math.inf, math.inf)] * m
        self.bounds = [(-math.inf, math.inf)] * n
        self.bounded = False
        self.linear: list[dict[int, float]] = [{} for _ in range(m)]
        self.expressions: list[Expression | None] = [None] * m
        self.objective: dict[int, float] = {}
        self.objective_expression: Expression | None = None
        self.defined: list[Expression | None] = []

    def segment(self, letter: str, source: Source) -> None:
        n, m = self.header.n, self.header.m
        if letter == "C":
            i = self._index(source, m)
            self.expressions[i] = read_expression(source, n, self.defined)
        elif letter == "O":
            self._index(source, self.header.objectives)
            self.draft.sense = "max" if source.integer() else "min"
            self.objective_expression = read_expression(source, n, self.defined)
        elif letter == "V":
            self._defined(source)
        elif letter == "J":
            i = self._index(source, m)
            self.linear[i] = self._pairs(source, n)
        elif letter == "G":
            self._index(source, self.header.objectives)
            self.objective = self._pairs(source, n)
        elif letter == "b":
            self.bounds = [self._sides(source) for _ in range(n)]
            self.bounded = True
        elif letter == "r":
            self.sides = [self._sides(source) for _ in range(m)]
        else:
            self._skipped(letter, source)

    def _skipped(self, letter: str, source: Source) -> None:
        """Starting values, column counts and suffixes."""
        if letter in ("x", "d"):
            for _ in range(self._count(source)):
                source.integer()
                source.real()
        elif letter in ("k", "K"):
            for _ in range(self._count(source)):
                source.integer()
        elif letter == "S":
            kind = source.integer()
            source.skip_suffix(self._count(source), 12 if kind & 4 else 8)
        else:
            words = {"F": "user-defined functions are not supported", "L": "logical constraints are not supported"}
            raise source.error(words.get(letter, f"unknown segment {letter!r}"), "C, O, V, J, G, b, r, k, x, d or S")

    def _index(self, source: Source, size: int) -> int:
        index = source.integer()
        if not 0 <= index < size:
            raise source.error(f"index {index} is out of range", f"0 to {size - 1}")
        return index

    def _count(self, source: Source) -> int:
        count = source.integer()
        if not 0 <= count <= _MAX_SIZE:
            raise source.error(f"a count of {count}")
        return count

    def _pairs(self, source: Source, size: int) -> dict[int, float]:
        pairs: dict[int, float] = {}
        for _ in range(self._count(source)):
            j = self._index(source, size)
            if j in pairs:
                raise source.error(f"variable {j} twice in one segment")
            value = source.real()
            if math.isinf(value):
                raise source.error("a coefficient must be finite")
            pairs[j] = value
        return pairs

    def _sides(self, source: Source) -> tuple[float, float]:
        code = source.code()
        if code == 0:
            return source.real(), source.real()
        if code == 1:
            return -math.inf, source.real()
        if code == 2:
            return source.real(), math.inf
        if code == 3:
            return -math.inf, math.inf
        if code == 4:
            value = source.real()
            return value, value
        words = "complementarity constraints are not supported" if code == 5 else f"unknown kind of bound {code}"
        raise source.error(words, "0 to 4")

    def _defined(self, source: Source) -> None:
        """A defined variable: linear terms plus an expression."""
        index, count, _ = source.integer() - self.header.n, self._count(source), source.integer()
        if not 0 <= index <= _MAX_SIZE // 100:
            raise source.error(f"a defined variable {index + self.header.n}", f"from {self.header.n} on")
        terms = []
        for _ in range(count):
            j = source.integer()
            if not 0 <= j < self.header.n:
                raise source.error(f"index {j} is out of range", f"0 to {self.header.n - 1}")
            terms.append(_term(j, source.real()))
        body = read_expression(source, self.header.n, self.defined)
        self.defined += [None] * (index + 1 - len(self.defined))
        self.defined[index] = Expression("sum", (*terms, body)) if terms else body

    def require_complete(self, source: Source) -> None:
        """A truncated file may end between two segments."""
        if not self.bounded and self.header.n:
            raise source.error("the file has no segment b: it is truncated", "bounds of the variables")
        found, costs = sum(map(len, self.linear)), len(self.objective)
        if (found, costs) != (self.header.nonzeros, self.header.costs):
            raise source.error(
                f"the file has {found} and {costs} linear coefficients, but its header says {self.header.nonzeros} and "
                f"{self.header.costs}: it is truncated",
                "all segments J and G",
            )

    def program(self) -> Program:
        draft = self.draft
        draft.lower = [low for low, _ in self.bounds]
        draft.upper = [high for _, high in self.bounds]
        draft.kind = [INTEGER if flag else CONTINUOUS for flag in self.header.integer]
        draft.variable_of = {f"x{j}": j for j in range(self.header.n)}
        function, rest = _split(self.objective, self.objective_expression)
        draft.objective, draft.products, draft.offset = function.linear, function.products, function.constant
        draft.expression = rest
        for i, (low, high) in enumerate(self.sides):
            function, rest = _split(self.linear[i], self.expressions[i])
            shift = function.constant
            draft.add_row(f"c{i}", function.linear, function.linear.values(), low - shift, high - shift)
            if function.products:
                draft.row_products[i] = function.products
            if rest is not None:
                draft.row_expressions[i] = rest
        return draft.program()


def _term(j: int, coefficient: float) -> Expression:
    return Expression("*", (Expression("const", value=coefficient), Expression("var", index=j)))


def _split(linear: dict[int, float], expression: Expression | None) -> tuple[Quadratic, Expression | None]:
    """The polynomial part of linear terms plus an expression, and what is not polynomial."""
    function = Quadratic(0.0, dict(linear))
    if expression is None:
        return function, None
    quadratic = as_quadratic(expression)
    if quadratic is None:
        return function, expression
    function.add(quadratic)
    function.products = {key: value for key, value in function.products.items() if value != 0.0}
    return function, None
