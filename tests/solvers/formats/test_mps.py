"""The conventions of MPS, on files made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from solvers.core.errors import InvalidProblem, MalformedFile
from solvers.programs.formats.mps import read_mps
from solvers.programs.problem import SEMI_CONTINUOUS, SEMI_INTEGER, Program

INF = float("inf")


def mps(**sections: str) -> bytes:
    """A free MPS file from its sections, with rows r1 (L), r2 (G), r3 (E) and columns x, y unless given otherwise."""
    parts = {
        "NAME": "",
        "ROWS": " N cost\n L r1\n G r2\n E r3\n",
        "COLUMNS": " x cost 1 r1 2\n x r2 3\n y cost 4 r3 5\n y r1 6\n",
        "RHS": " RHS r1 10 r2 1\n RHS r3 7\n",
    }
    parts.update(sections)
    text = "".join(f"{key.rstrip('_').replace('_', ' ')}\n{body}" for key, body in parts.items())
    return f"{text}ENDATA\n".encode()


def parsed(**sections: str) -> Program:
    return read_mps(mps(**sections))


def test_rows_columns_and_right_hand_sides_are_read() -> None:
    program = parsed()
    assert program.variable_names == ("x", "y")
    assert program.constraint_names == ("r1", "r2", "r3")
    assert program.A.toarray().tolist() == [[2, 6], [3, 0], [0, 5]]
    assert program.c.tolist() == [1, 4]
    assert program.row_lower.tolist() == [-INF, 1, 7]
    assert program.row_upper.tolist() == [10, INF, 7]
    assert (program.lower.tolist(), program.upper.tolist()) == ([0, 0], [INF, INF])


def test_ranges_follow_the_sign_rules() -> None:
    rows = " N c\n L a\n G b\n E p\n E m\n E z\n"
    columns = "".join(f" x {row} 1\n" for row in ("c", "a", "b", "p", "m", "z"))
    rhs = "".join(f" R {row} 10\n" for row in "abpmz")
    ranges = " G a -4\n G b -4\n G p 4\n G m -4\n G z 0\n"
    program = parsed(ROWS=rows, COLUMNS=columns, RHS=rhs, RANGES=ranges)
    assert program.row_lower.tolist() == [6, 10, 10, 6, 10]
    assert program.row_upper.tolist() == [10, 14, 14, 10, 10]


def test_ranges_may_stand_before_right_hand_sides() -> None:
    text = mps().decode()
    moved = text.replace("RHS\n", "RANGES\n g r1 3\nRHS\n", 1)
    assert read_mps(moved.encode()).row_lower[0] == 7


@pytest.mark.parametrize(
    ("bounds", "lower", "upper"),
    [
        (" UP b x 5\n", 0, 5),
        (" UP b x -5\n", -INF, -5),
        (" UP b x -5\n LO b x -9\n", -9, -5),
        (" LO b x 2\n", 2, INF),
        (" FX b x 3\n", 3, 3),
        (" FR b x\n", -INF, INF),
        (" MI b x\n", -INF, INF),
        (" MI b x\n UP b x 4\n", -INF, 4),
        (" PL b x\n", 0, INF),
        (" UP b x 1e30\n", 0, INF),
        (" LO b x -1d20\n", -INF, INF),
        (" UP b x 5\n UP b x 6\n", 0, 6),
        (" UP x 5\n", 0, 5),
        (" FR x\n", -INF, INF),
        (" UP b x 5\n UP other x 6\n", 0, 5),
    ],
)
def test_bounds_of_a_continuous_column(bounds: str, lower: float, upper: float) -> None:
    program = parsed(BOUNDS=bounds)
    assert (program.lower[0], program.upper[0]) == (lower, upper)


@pytest.mark.parametrize(
    ("bounds", "lower", "upper", "kind"),
    [
        ("", 0, 1, 1),
        (" UP b k 5\n", 0, 5, 1),
        (" LO b k 0\n", 0, INF, 1),
        (" PL b k\n", 0, INF, 1),
        (" BV b k\n", 0, 1, 1),
        (" SC b k 7\n", 0, 7, SEMI_INTEGER),
    ],
)
def test_bounds_of_a_column_between_markers(bounds: str, lower: float, upper: float, kind: int) -> None:
    columns = " M 'MARKER' 'INTORG'\n k cost 1 r1 1\n M 'MARKER' 'INTEND'\n x cost 1\n"
    program = parsed(COLUMNS=columns, BOUNDS=bounds)
    assert (program.lower[0], program.upper[0], program.integrality[0]) == (lower, upper, kind)
    assert program.integrality[1] == 0


@pytest.mark.parametrize(
    ("bounds", "upper", "kind"),
    [
        (" LI b x 2\n UI b x 8\n", 8, 1),
        (" BV b x\n", 1, 1),
        (" SC b x 9\n", 9, SEMI_CONTINUOUS),
        (" SC b x\n", INF, SEMI_CONTINUOUS),
        (" SI b x 9\n", 9, SEMI_INTEGER),
    ],
)
def test_bound_types_that_change_the_kind_of_a_column(bounds: str, upper: float, kind: int) -> None:
    program = parsed(BOUNDS=bounds)
    assert (program.upper[0], program.integrality[0]) == (upper, kind)


def test_the_objective_has_a_constant_and_a_sense() -> None:
    text = mps(RHS=" R cost -3 r1 1\n").decode()
    assert read_mps(text.encode()).offset == 3
    assert read_mps(text.replace("ROWS", "OBJSENSE\n  MAX\nROWS", 1).encode()).sense == "max"
    assert read_mps(text.replace("ROWS", "OBJSENSE MAXIMIZE\nROWS", 1).encode()).sense == "max"


def test_a_vector_may_have_the_name_of_a_row() -> None:
    """As in DPKLO1 of Maros and Meszaros, which HiGHS 1.14 misreads for it."""
    program = parsed(RHS=" r1 r1 10\n r1 r2 1 r3 7\n", RANGES=" r2 r1 4\n")
    assert program.row_upper.tolist() == [10, INF, 7]
    assert program.row_lower.tolist() == [6, 1, 7]


def test_the_sense_may_stand_in_the_comment_that_pulp_writes() -> None:
    assert read_mps(b"*SENSE:Maximize\n" + mps()).sense == "max"
    assert read_mps(b"*SENSE:Minimize\n" + mps()).sense == "min"
    assert read_mps(b"*SENSE:Maximize\n" + mps().replace(b"ROWS", b"OBJSENSE\n MIN\nROWS", 1)).sense == "min"


def test_further_free_rows_are_left_out_and_objname_chooses() -> None:
    rows = " N first\n N second\n L r1\n"
    columns = " x first 1 second 2\n x r1 3\n"
    assert parsed(ROWS=rows, COLUMNS=columns, RHS="").c.tolist() == [1]
    chosen = mps(ROWS=rows, COLUMNS=columns, RHS="").replace(b"ROWS", b"OBJNAME\n second\nROWS", 1)
    program = read_mps(chosen)
    assert (program.c.tolist(), program.m) == ([2], 1)


def test_fixed_format_allows_blanks_in_names() -> None:
    lines = [
        "NAME          two words",
        "ROWS",
        " N  total c",
        " L  row one",
        "COLUMNS",
        "    col a     total c            1.0   row one            2.0",
        "    col b     row one            3.0",
        "RHS",
        "    rhs 1     row one            4.0",
        "BOUNDS",
        " UP bnd       col a              5.0",
        "ENDATA",
    ]
    program = read_mps("\n".join(lines).encode())
    assert program.name == "two words"
    assert program.variable_names == ("col a", "col b")
    assert program.constraint_names == ("row one",)
    assert program.A.toarray().tolist() == [[2, 3]]
    assert (program.row_upper.tolist(), program.upper.tolist()) == ([4], [5, INF])


def test_quadratic_sections_agree_on_the_objective() -> None:
    triangle = parsed(QUADOBJ=" x x 2\n x y 3\n y y 10\n")
    whole = parsed(QMATRIX=" x x 2\n x y 3\n y x 3\n y y 10\n")
    section = parsed(QSECTION_cost=" x x 2\n x y 3\n y y 10\n")
    for program in (triangle, whole, section):
        assert program.Q is not None
        assert program.Q.toarray().tolist() == [[2, 3], [3, 10]]


def test_a_convex_quadratic_row_becomes_a_cone_and_another_one_a_nonlinear_row() -> None:
    convex = parsed(QCMATRIX_r1=" x x 1\n y y 4\n")
    assert (convex.m, len(convex.cones), convex.nonlinear) == (2, 1, None)
    x = np.array([1.0, 1.0])
    inside = 1 + 4 + 2 * x[0] + 6 * x[1] <= 10
    value = convex.cones[0].F @ x + convex.cones[0].g
    assert (np.linalg.norm(value[1:]) <= value[0]) == inside
    other = parsed(QCMATRIX_r1=" x y 1\n y x 1\n")
    assert (other.m, len(other.cones), sorted(other.features)) == (3, 0, ["linear", "nonlinear"])


def test_mosek_cones_are_read() -> None:
    columns = " x cost 1 r1 1\n y r1 1 r2 1\n z r3 1\n"
    program = parsed(COLUMNS=columns, CSECTION_k1_0_QUAD=" x\n y\n z\n", CSECTION_k2_0_RQUAD=" x\n y\n z\n")
    assert len(program.cones) == 2
    rotated = program.cones[1]
    for point, inside in ((np.array([2.0, 1.0, 1.9]), True), (np.array([2.0, 1.0, 2.1]), False)):
        value = rotated.F @ point + rotated.g
        assert (np.linalg.norm(value[1:]) <= value[0]) == inside


def test_special_ordered_sets_are_read_in_their_dialects() -> None:
    expected = [(1, [0, 1], [1.0, 2.0]), (2, [1, 0], [3.0, 4.0])]
    for text in (
        {"SOS": " S1 a\n x 1\n y 2\n S2 b\n y 3\n x 4\n"},
        {"SETS": " S1 s a\n s x 1\n s y 2\n S2 s b\n s y 3\n s x 4\n"},
        {"SOS1": " SOS a 5\n SOS x 1\n SOS y 2\n", "SOS2": " SOS b 5\n SOS y 3\n SOS x 4\n"},
    ):
        sets = parsed(**text).sos
        assert [(one.type, one.indices.tolist(), one.weights.tolist()) for one in sets] == expected


def test_an_indicator_takes_its_row_out_of_the_matrix() -> None:
    program = parsed(BOUNDS=" BV b y\n", INDICATORS=" IF r2 y 0\n")
    (one,) = program.indicators
    assert (one.name, one.binary, one.active, one.lower, one.upper) == ("r2", 1, 0, 1, INF)
    assert (one.indices.tolist(), one.coefficients.tolist()) == ([0], [3])
    assert program.constraint_names == ("r1", "r3")


def test_comments_carriage_returns_and_blank_lines_do_not_matter() -> None:
    text = mps().decode().replace("COLUMNS\n", "COLUMNS\n* a comment\n\n").replace("\n", "\r\n")
    assert read_mps(b"* first\n" + text.encode()).A.toarray().tolist() == [[2, 6], [3, 0], [0, 5]]


def test_fortran_exponents_and_utf8_names_are_read() -> None:
    text = mps().decode().replace(" x r2 3", " x r2 3.5D+01").replace("x ", "größe ")
    program = read_mps(text.encode())
    assert program.A[1, 0] == 35
    assert program.variable_names == ("größe", "y")


MISTAKES = [
    (b"ENDATA", b"", "truncated", 15),
    (b" L r1", b" Q r1", "not a row", 4),
    (b" G r2", b" G r1", "used twice", 5),
    (b"y cost 4", b"y cost four", "'four' is not a number", 10),
    (b"y cost 4", b"y cost nan", "is not a number", 10),
    (b"y cost 4", b"y cost 1e999", "finite", 10),
    (b"y cost 4", b"y r9 4", "there is no row 'r9'", 10),
    (b"y r1 6", b"y r1", "not an entry of COLUMNS", 11),
    (b"y r1 6", b"x r1 6", "appears again", 11),
    (b"y r1 6", b"y r3 6", "two entries", 11),
    (b"RHS r3 7", b"RHS r9 7", "there is no row 'r9'", 14),
    (b"RHS r3 7", b"RHS r1 7", "two right-hand sides", 14),
    (b"RHS\n", b"RHSS\n", "unknown section", 12),
    (b"ENDATA", b"BOUNDS\n UP b z 4\nENDATA", "there is no column 'z'", 16),
    (b"ENDATA", b"BOUNDS\n UP b x\nENDATA", "without a value", 16),
    (b"ENDATA", b"BOUNDS\n XX b x 4\nENDATA", "unknown type of bound", 16),
    (b"ENDATA", b"QUADOBJ\n x x 1\n x x 2\nENDATA", "given twice", 17),
    (b"ENDATA", b"QMATRIX\n x y 1\nENDATA", "not symmetric", 16),
    (b"ENDATA", b"INDICATORS\n IF r9 x 1\nENDATA", "there is no constraint 'r9'", 16),
    (b"ENDATA", b"GENCONS\nENDATA", "GENCONS is not supported", 15),
    (b"ENDATA", b"CSECTION k 0 PEXP\n x\n y\nENDATA", "unknown type of cone", 15),
]


@pytest.mark.parametrize(("old", "new", "words", "line"), MISTAKES)
def test_a_mistake_is_refused_with_its_line_and_what_stands_there(
    old: bytes, new: bytes, words: str, line: int
) -> None:
    text = mps()
    assert old in text
    with pytest.raises(MalformedFile) as caught:
        read_mps(text.replace(old, new, 1))
    assert words in str(caught.value)
    assert caught.value.pointer == f"line {line}"
    assert f"line {line}:" in str(caught.value)


def test_a_lower_bound_above_the_upper_one_names_the_column() -> None:
    with pytest.raises(InvalidProblem, match="'x': lower bound 4 is above upper bound 3"):
        parsed(BOUNDS=" LO b x 4\n UP b x 3\n")


@pytest.mark.parametrize(
    "text", [b"hello world\n", b"\x00\x01\x02", b"ENDATA\n", b"NAME\nENDATA\n", b"NAME\nROWS\nENDATA\n"]
)
def test_what_is_no_mps_file_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedFile):
        read_mps(text)
