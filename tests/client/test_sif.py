"""SIF files: what they say, in the expression language."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import kantor
import numpy as np
import pytest
from kantor.errors import InvalidProblem
from kantor.sif import parameters
from kantor.sif.fortran import Translator

from api_schemas.expression import Scope
from solvers.expression.evaluate import evaluate
from solvers.expression.program import Program
from tests.solvers.engines.data import COLLECTION

NLP = COLLECTION / "nlp"

#: Three weighted squares in a loop, an element with an internal variable and a parameter, an exponent that is one, a
#: ranged row, a condition, bounds by default.
FILE = """\
NAME          SMALL
*  a comment
 IE N                   3
 RE HALF                0.5
 RF ROOT      SQRT      16.0
 DO I         1                        N
 RI R         I
 A* W(I)      R                        HALF
 ND
VARIABLES
 DO I         1                        N
 X  X(I)
 ND
GROUPS
 DO I         1                        N
 XN OBJ(I)    X(I)      1.0
 ND
 N  PLAIN     X1        2.0            X2        -1.0
 G  ROW       X1        1.0            X2        1.0
 L  CURVE
CONSTANTS
 DO I         1                        N
 Z  SMALL     OBJ(I)                   W(I)
 ND
    SMALL     ROW       -4.0           CURVE     9.0
    SMALL     PLAIN     7.0
RANGES
    SMALL     ROW       6.0
BOUNDS
 FR SMALL     'DEFAULT'
 UP SMALL     X3        5.0
START POINT
    SMALL     X1        1.5            X2        -2.0
ELEMENT TYPE
 EV POWERS    A                        B
 IV POWERS    U
 EP POWERS    K                        C
ELEMENT USES
 T  E1        POWERS
 V  E1        A                        X1
 V  E1        B                        X3
 P  E1        K         3.0            C         2.0
 T  E2        POWERS
 V  E2        A                        X2
 V  E2        B                        X3
 P  E2        K         2.0            C         4.0
GROUP TYPE
 GV SQUARE    ALPHA
GROUP USES
 DO I         1                        N
 XT OBJ(I)    SQUARE
 ND
 E  CURVE     E1                       E2        0.5
 E  PLAIN     E1        -1.0
OBJECT BOUND
ENDATA
ELEMENTS      SMALL
TEMPORARIES
 L  LOW
 R  T
 M  SIN
INDIVIDUALS
 T  POWERS
 R  U         A         1.0            B         -2.0
 A  LOW                 U .LT. 0.0
 I  LOW       T         -U
 E  LOW       T         SIN( U ) +
 E+                     1.0D+0
 F                      C * T - U ** K /
 F+                     2.5D-1
 G  U                   C
ENDATA
GROUPS        SMALL
INDIVIDUALS
 T  SQUARE
 F                      ALPHA * ALPHA
 G                      ALPHA + ALPHA
ENDATA
"""


def read(tmp_path: Path, text: str = FILE) -> kantor.Minimize:
    path = tmp_path / "small.SIF"
    path.write_text(text)
    return kantor.read_sif(path)


def value(problem: kantor.Minimize, text: str, x: Any) -> np.ndarray:
    spec = problem.spec()
    scope = Scope()
    scope.variable("x", [3])
    data = {name: np.array(array) for name, array in spec["data"].items()}
    for name, array in data.items():
        scope.data(name, array.shape, "int64" if array.dtype.kind == "i" else "float64")
    for name, let in spec.get("let", {}).items():
        scope.let(name, let)
    plain = scope.plain({"f": scope.expression(text).root})
    return np.asarray(evaluate(Program.load(plain), "f", {**data, "x": np.array(x, dtype=float)}, np.float64))


def power(u: float, k: float, c: float) -> float:
    t = -u if u < 0.0 else np.sin(u) + 1.0
    return float(c * t - u**k / 0.25)


@pytest.mark.parametrize("x", [(1.0, 2.0, 3.0), (-1.5, 4.0, 0.25)])
def test_a_file_says_the_same_in_the_language(tmp_path: Path, x: tuple[float, float, float]) -> None:
    problem = read(tmp_path)
    e1, e2 = power(x[0] - 2 * x[2], 3, 2), power(x[1] - 2 * x[2], 2, 4)
    squares = sum((x[k] - 0.5 * (k + 1)) ** 2 for k in range(3))
    expected = squares + 2 * x[0] - x[1] - 7 - e1
    assert value(problem, problem.spec()["minimize"], x) == pytest.approx(expected)
    sides = []
    for text in problem.spec()["constraints"]:
        left, sense, right = text.replace("<=", "|<=|").replace(">=", "|>=|").split("|")
        sides.append((sense, float(value(problem, left.strip(), x)), float(right)))
    wanted = [("<=", e1 + 0.5 * e2, 9.0), (">=", x[0] + x[1], -4.0), ("<=", x[0] + x[1], 2.0)]
    for found, right in zip(sorted(sides), sorted(wanted), strict=True):
        assert found[0] == right[0]
        assert found[1:] == pytest.approx(right[1:])


def test_bounds_and_starts_are_those_of_the_file(tmp_path: Path) -> None:
    given = read(tmp_path).spec()["variables"]["x"]
    assert given["start"] == [1.5, -2.0, 0.0]
    assert [str(v) for v in given["upper"]] == ["Infinity", "Infinity", "5.0"]
    assert {str(v) for v in given["lower"]} == {"-Infinity"}


def test_a_compressed_file_is_solved_by_the_command_too(tmp_path: Path) -> None:
    from kantor.cli.solve import read_problem

    path = tmp_path / "small.SIF.gz"
    path.write_bytes(gzip.compress(FILE.encode()))
    problem = read_problem(str(path), "auto", None)
    assert isinstance(problem, kantor.Minimize)
    assert problem.name == "SMALL"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (" Z  SMALL     OBJ(I)                   W(I)", " Z  SMALL     OBJ(I)                   Q(I)", "line 23"),
        ("    SMALL     ROW       -4.0 ", "    SMALL     RAW       -4.0 ", "unknown group 'RAW'"),
        (" V  E1        A                        X1", " V  E1        A                        X9", "unknown variable"),
        (" L  LOW", " F  LOW", "subroutine outside the file"),
        (" F                      C * T", " F                      C * BESSEL(T)", "BESSEL is not known"),
        (" DO I         1                        N", " DO I         1                        9000000", "loops"),
        ("BOUNDS", "BANDS", "'BANDS' is not known"),
        (" RF ROOT      SQRT      16.0", " RF ROOT      SQRT      -1.0", "is not defined"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, words: str
) -> None:
    monkeypatch.setattr(parameters, "MOST_CARDS", 10_000)
    assert old in FILE
    with pytest.raises(InvalidProblem, match=words):
        read(tmp_path, FILE.replace(old, new))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-A**2*B", "-a**2*b"),
        ("A - (B - 2.5D0)", "a - (b - 2.5)"),
        ("(A + B)/(A*B)", "(a + b)/(a*b)"),
        ("A*A", "a**2"),
        ("2.0**(-A)", "2**(-a)"),
        ("EXP(-A)*1.D-2", "exp(-a)*0.01"),
        ("MAX(A, B, 1.0)", "maximum(maximum(a, b), 1)"),
    ],
)
def test_fortran_keeps_its_meaning(text: str, expected: str) -> None:
    assert Translator({"A": "a", "B": "b"}.get, "here").run(text) == expected


@pytest.mark.skipif(not (NLP / "manifest.json").is_file(), reason="needs the shared collection")
def test_all_files_of_the_collection_are_read_but_those_with_subroutines() -> None:
    items = json.loads((NLP / "manifest.json").read_text())["items"]
    refused = []
    for item in items:
        if item["file"].endswith(".SIF.gz"):
            try:
                kantor.read_sif(NLP / item["file"])
            except InvalidProblem as error:
                refused.append((item["name"], str(error)))
    assert [name for name, _ in refused] == ["HS67"]
    assert "subroutine" in refused[0][1]
