"""The conventions of the LP format, on files made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.core.errors import InvalidProblem, MalformedFile
from solvers.programs.formats.lp import read_lp
from solvers.programs.problem import SEMI_CONTINUOUS, SEMI_INTEGER, Program

INF = float("inf")


def parsed(text: str) -> Program:
    return read_lp(text.encode())


EVERYTHING = r"""\ a comment, and \ another
Maximize
 profit: 3 x + 2.5e0 y - z + [ 2 x ^2 + 4 x * y - y^2 ] / 2 + 7
Subject To
 c1: x + 2 y
     - z <= 10
 2 x >= 1
 range: -5 <= x - y <= 5
 turned: 3 >= z
 both: x + 2 >= y - 3
 same: x + x - 3 y = 4
Bounds
 -3 <= x <= 8
 y free
 z <= 40
 -inf <= w <= 2
 v = 6
Generals
 z
Binaries
 b
Semi-Continuous
 z w
End
"""


def test_every_section_is_read() -> None:
    program = parsed(EVERYTHING)
    assert program.sense == "max"
    assert program.offset == 7
    assert program.variable_names == ("x", "y", "z", "w", "v", "b")
    assert program.c.tolist() == [3, 2.5, -1, 0, 0, 0]
    assert program.Q is not None
    assert program.Q.toarray()[:2, :2].tolist() == [[2, 2], [2, -1]]
    assert program.constraint_names == ("c1", "c2", "range", "turned", "both", "same")
    expected = [[1, 2, -1], [2, 0, 0], [1, -1, 0], [0, 0, 1], [1, -1, 0], [2, -3, 0]]
    assert program.A.toarray()[:, :3].tolist() == expected
    assert program.row_lower.tolist() == [-INF, 1, -5, -INF, -5, 4]
    assert program.row_upper.tolist() == [10, INF, 5, 3, INF, 4]
    assert program.lower.tolist() == [-3, -INF, 0, -INF, 6, 0]
    assert program.upper.tolist() == [8, INF, 40, 2, 6, 1]
    assert program.integrality.tolist() == [0, 0, SEMI_INTEGER, SEMI_CONTINUOUS, 0, 1]


def test_indicators_are_read_with_both_values() -> None:
    text = "min\n obj: x\nst\n one: b = 1 -> x + 2 y >= 3\n c: b = 0 -> x = 4\n x + y <= 9\nbin\n b\nend\n"
    program = parsed(text)
    assert program.m == 1
    first, second = program.indicators
    assert (first.name, first.active, first.lower, first.upper, first.indices.tolist()) == ("one", 1, 3, INF, [0, 2])
    assert (second.active, second.lower, second.upper) == (0, 4, 4)


def test_indicators_among_general_constraints_are_read() -> None:
    text = "min\n obj: x\nst\n c: x + b >= 0\ngeneral constraints\n g: b = 1 -> x <= 3\nbinaries\n b\nend\n"
    assert parsed(text).indicators[0].upper == 3


def test_an_indicator_needs_a_binary_variable() -> None:
    with pytest.raises(InvalidProblem, match="not binary"):
        parsed("min\n x\nst\n i: b = 1 -> x >= 3\nend\n")


def test_special_ordered_sets_are_read() -> None:
    text = "min\n x + y + z\nst\n c: x + y + z >= 1\nsos\n s1: S1:: x:1 y:2\n t: S2:: z : 1.5 y : 2\n  x:3\nend\n"
    sets = parsed(text).sos
    assert [(one.type, one.indices.tolist(), one.weights.tolist()) for one in sets] == [
        (1, [0, 1], [1, 2]),
        (2, [2, 1, 0], [1.5, 2, 3]),
    ]
    assert parsed("min\n x\nst\n c: x + y >= 1\nsos2\n s: x:1 y:2\nend\n").sos[0].type == 2


def test_a_convex_quadratic_row_becomes_a_cone() -> None:
    program = parsed("min\n obj: x\nst\n q: 3 x + [ x^2 + 2 x * y + 4 y^2 ] <= 9\nbounds\n x free\n y free\nend\n")
    assert (program.m, len(program.cones)) == (0, 1)
    cone = program.cones[0]
    generator = np.random.default_rng(5)
    for x, y in generator.uniform(-4, 4, size=(200, 2)):
        value = cone.F @ np.array([x, y]) + cone.g
        slack = 9 - (3 * x + x * x + 2 * x * y + 4 * y * y)
        if abs(slack) > 1e-9:
            assert (value[0] >= np.linalg.norm(value[1:])) == (slack > 0)


def test_a_nonconvex_quadratic_row_becomes_nonlinear() -> None:
    program = parsed("min\n obj: x\nst\n q: [ x * y ] + x >= 2\n c: x + y <= 5\nend\n")
    assert program.m == 2
    assert program.nonlinear is not None
    assert list(program.nonlinear.rows) == [0]


def test_lazy_constraints_and_user_cuts_are_rows() -> None:
    text = "min\n x\nst\n c: x >= 1\nlazy constraints\n l: x + y >= 2\nuser cuts\n u: y >= 0.5\nend\n"
    assert parsed(text).constraint_names == ("c", "l", "u")


def test_names_may_hold_brackets_and_signs_of_their_own() -> None:
    program = parsed("min\n obj: 2 x[1,2] + x(3) + #y_! + 3e\nst\n c[a-b]: x[1,2] + 2x(3) >= 1\nend\n")
    assert program.variable_names == ("x[1,2]", "x(3)", "#y_!", "e")
    assert program.constraint_names == ("c[a-b]",)
    assert program.A.toarray()[0].tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize(
    "keywords", [("MINIMIZE", "SUBJECT TO", "END"), ("min", "s.t.", "end"), ("Minimum", "such that", "End")]
)
def test_keywords_have_several_spellings(keywords: tuple[str, str, str]) -> None:
    start, rows, end = keywords
    assert parsed(f"{start} obj: x\n{rows} c: x >= 1\n{end}\n").m == 1


def test_binaries_keep_bounds_that_are_given() -> None:
    bounds = "bounds\n a = 1\n b <= 5\n c >= -4\n d <= 0\n"
    program = parsed(f"min\n a + b + c + d\nst\n r: a + b + c + d >= 0\n{bounds}binaries\n a b c d\nend\n")
    assert program.lower.tolist() == [1, 0, 0, 0]
    assert program.upper.tolist() == [1, 1, 1, 0]


def test_an_empty_objective_is_constant() -> None:
    program = parsed("max\n obj:\nst\n c: x >= 1\nend\n")
    assert (program.sense, program.c.tolist()) == ("max", [0])


MISTAKES = [
    ("min\n x\nst\n c: x >= 1\n", "truncated", 5),
    ("st\n c: x >= 1\nend\n", "not an LP file", 1),
    ("hello\nend\n", "not an LP file", 1),
    ("min\n x\nst\n c: x + >= 1\nend\n", "incomplete", 4),
    ("min\n x\nst\n c: x y >= 1\nend\n", "without an operator", 4),
    ("min\n x\nst\n c: 2 3 x >= 1\nend\n", "without an operator", 4),
    ("min\n x\nst\n c: x\n d: y >= 1\nend\n", "where a comparison is needed", 5),
    ("min\n x\nst\n c: x >= \nend\n", "incomplete", 4),
    ("min\n x\nst\n c: 1 <= x >= 1\nend\n", "not a range", 4),
    ("min\n x\nst\n c: [ x + y ] >= 1\nend\n", "must be quadratic", 4),
    ("min\n [ x^2 ]\nst\n c: x >= 1\nend\n", "divided by 2", 2),
    ("min\n x^2\nst\n c: x >= 1\nend\n", "no place here", 2),
    ("min\n x\nst\n c: x >= 1\nbounds\n x <= y\nend\n", "where a number is needed", 6),
    ("min\n x\nst\n c: x >= 1\nbounds\n 3 x\nend\n", "not a bound", 6),
    ("min\n x\nst\n c: x >= 1\nbounds\n 3 <= x >= 4\nend\n", "different directions", 6),
    ("min\n x\nst\n c: x >= 1\ngenerals\n 3\nend\n", "where a variable is needed", 6),
    ("min\n x\nst\n c: x >= 1\nsos\n s: x:1\nend\n", "without a type", 6),
    ("min\n x\nmax\n y\nst\n c: x >= 1\nend\n", "second objective", 3),
    ("min\n x\nst\n c: b = 1 <-> x >= 1\nend\n", "equivalences", 4),
    ("min\n x\nst\n c: x >= 1\ngeneral constraints\n g: z = MAX ( x , 1 )\nend\n", "without an operator", 6),
]


@pytest.mark.parametrize(("text", "words", "line"), MISTAKES)
def test_a_mistake_is_refused_with_its_line(text: str, words: str, line: int) -> None:
    with pytest.raises(MalformedFile) as caught:
        parsed(text)
    assert words in str(caught.value)
    assert caught.value.pointer == f"line {line}"


def test_the_format_of_lp_solve_is_recognised_as_another_one() -> None:
    with pytest.raises(MalformedFile) as caught:
        parsed("/* model */\nmax: 3x + 2y;\nc1: x + y <= 4;\n")
    assert "lp_solve" in caught.value.hint
