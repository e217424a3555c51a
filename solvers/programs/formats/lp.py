"""Files in CPLEX LP format.

Conventions, where tools differ:

- A section begins with its keyword at the beginning of a line. Names end at blanks and operators; brackets without
  blanks inside may be part of a name (``x[1,2]``), as Gurobi writes them.
- A quadratic part stands in brackets: ``[ x^2 + 2 x * y ] / 2`` in the objective, without ``/ 2`` in constraints.
  Convex quadratic rows become second-order cones, other ones nonlinear rows.
- Constants and variables may stand on both sides of a constraint; the right-hand side ends with its line.
- Lazy constraints and user cuts are rows like others. Of general constraints, only indicators are read.
- Default bounds are [0, inf). A variable in Binaries keeps bounds that are given, cut to [0, 1].
- A variable both integer and semi-continuous is semi-integer.
- Infinite is ``inf``, ``infinity``, or anything from 1e20 on.
"""

from __future__ import annotations

import math

from solvers.core.errors import MalformedFile
from solvers.programs.formats.draft import Draft
from solvers.programs.formats.lines import decoded
from solvers.programs.formats.lp_domains import read_bounds, read_kinds, read_sets, settle
from solvers.programs.formats.lp_terms import Reader, Side
from solvers.programs.formats.lp_tokens import Section, lp_sections
from solvers.programs.formats.quadratic import Quadratic
from solvers.programs.problem import Program

_COMPARISONS = {"<": "<", "<=": "<", "=<": "<", ">": ">", ">=": ">", "=>": ">", "=": "="}


def read_lp(data: bytes) -> Program:
    """The program in an LP file.

    Raises:
        MalformedFile: with the line, what stands there and what was expected.
        InvalidProblem: the file is well-formed, but contradicts itself.
    """
    draft = Draft()
    given: dict[str, set[int]] = {"lower": set(), "upper": set(), "binary": set(), "semi": set()}
    found = lp_sections(decoded(data).replace("\r", "\n" if b"\n" not in data else ""))
    for section in found:
        reader = Reader(draft, section)
        if section.kind == "objective":
            _objective(draft, reader, section)
        elif section.kind == "rows":
            while not reader.at_end():
                _constraint(draft, reader)
        elif section.kind == "bounds":
            read_bounds(draft, reader, given)
        elif section.kind == "sos":
            read_sets(draft, reader, section)
        else:
            read_kinds(draft, reader, section, given)
    if len(found) == 1 and not draft.variable_of:
        raise MalformedFile("the file has neither variables nor constraints", pointer="line 1")
    settle(draft, given)
    return draft.program()


def _objective(draft: Draft, reader: Reader, section: Section) -> None:
    draft.sense = "max" if section.word.startswith("max") else "min"
    reader.label()
    if reader.at_end():
        return
    side = reader.side(objective=True)
    if not reader.at_end():
        raise reader.error("the objective ends here", "Subject To")
    for j, value in zip(side.columns, side.values, strict=True):
        draft.objective[j] = draft.objective.get(j, 0.0) + value
    draft.products = side.products
    draft.offset = side.constant


def _constraint(draft: Draft, reader: Reader) -> None:
    name = reader.label()
    left = reader.side()
    first = _comparison(reader)
    if reader.is_indicator(left):
        _indicator(draft, reader, name, left)
        return
    middle = reader.side(one_line=True, continued=left.is_constant)
    if reader.peek() not in _COMPARISONS:
        if left.is_constant and not middle.is_constant:
            left, middle, first = middle, left, {"<": ">", ">": "<", "=": "="}[first]
        body, side = _moved(left, middle)
        low, high = _interval(first, side)
    else:
        second = _comparison(reader)
        right = reader.side(one_line=True)
        if not (left.is_constant and right.is_constant) or "=" in (first, second) or first != second:
            raise reader.error("not a range", "number <= expression <= number")
        body = middle
        ends = (left.constant - middle.constant, right.constant - middle.constant)
        low, high = ends if first == "<" else ends[::-1]
    i = draft.add_row(name, body.columns, body.values, low, high)
    if body.products:
        draft.row_products[i] = body.products


def _moved(left: Side, right: Side) -> tuple[Side, float]:
    """Everything that varies to the left, constants to the right."""
    if not right.is_constant:
        left.columns += right.columns
        left.values += [-value for value in right.values]
        for key, value in right.products.items():
            left.products[key] = left.products.get(key, 0.0) - value
    return left, right.constant - left.constant


def _interval(comparison: str, side: float) -> tuple[float, float]:
    return -math.inf if comparison == "<" else side, math.inf if comparison == ">" else side


def _comparison(reader: Reader) -> str:
    token = reader.take()
    if token not in _COMPARISONS:
        raise reader.error(f"{token!r} where a comparison is needed" if token else "the section ends", "<=, >= or =")
    return _COMPARISONS[token]


def _indicator(draft: Draft, reader: Reader, name: str, head: Side) -> None:
    """``name: b = 1 -> x + y <= 5``, of which ``b =`` is read."""
    active = reader.take()
    reader.take()
    if active not in ("0", "1") or len(head.columns) != 1 or head.values != [1.0]:
        raise reader.error("an indicator's condition", "binary = 0 -> or binary = 1 ->")
    left = reader.side()
    comparison = _comparison(reader)
    body, side = _moved(left, reader.side(one_line=True))
    if body.products or reader.peek() in _COMPARISONS:
        raise reader.error("an indicator needs one linear comparison")
    row = Quadratic()
    for j, value in zip(body.columns, body.values, strict=True):
        row.linear[j] = row.linear.get(j, 0.0) + value
    low, high = _interval(comparison, side)
    draft.add_indicator(name, head.columns[0], int(active), row, low, high)
