"""MPS and auxiliary files of mixed-integer bilevel problems."""

from __future__ import annotations

import gzip
from pathlib import Path

import kantor
import pytest
from kantor.errors import InvalidProblem

MPS = """NAME small
ROWS
 N  cost
 L  r1
 G  r2
 E  r3
COLUMNS
    M1        'MARKER'                 'INTORG'
    x1        cost  1.0   r1  2.0
    y1        cost  -3.0  r1  1.0
    y1        r2  1.0
    M2        'MARKER'                 'INTEND'
    u1        r3  1.0   r2  -1.0
    v1        r3  1.0   cost  0.5
RHS
    RHS       r1  8.0   r2  -2.0
    RHS       r3  4.0
RANGES
    RNG       r1  5.0
BOUNDS
 UP BND       x1  4.0
 LO BND       y1  -1.0
 UP BND       y1  6.0
 UP BND       u1  3.0
ENDATA
"""
AUX = "N 2\nM 2\nLC 1\nLC 3\nLR 0\nLR 1\nLO -1\nLO 2\nOS 1\n"


def files(folder: Path, mps: str = MPS, aux: str = AUX) -> tuple[Path, Path]:
    (folder / "small.mps.gz").write_bytes(gzip.compress(mps.encode()))
    (folder / "small.aux").write_text(aux)
    return folder / "small.mps.gz", folder / "small.aux"


def test_columns_and_rows_come_to_their_level_with_their_kind_and_bounds(tmp_path: Path) -> None:
    spec = kantor.read_bilevel(*files(tmp_path)).spec()
    upper, lower = spec["upper"], spec["lower"]
    assert set(upper["variables"]) == {"x", "u"}
    assert set(lower["variables"]) == {"y", "v"}
    assert upper["variables"]["x"]["integer"]
    assert lower["variables"]["y"]["integer"]
    assert not lower["variables"]["v"].get("integer", False)
    assert lower["variables"]["y"]["lower"] == [-1.0]
    assert upper["variables"]["u"]["upper"] == [3.0]
    assert lower["variables"]["v"]["upper"] == ["Infinity"]
    assert upper["minimize"] == "Fx @ x + Fy @ y + Fv @ v"
    assert lower["minimize"] == "fy @ y + fv @ v"
    # r1 has a range, so it is two rows; r3 is no lower row
    assert len(lower["constraints"]) == 2
    assert upper["constraints"] == ["Cu @ u + Cv @ v == Cs"]
    assert sorted(spec["data"]["Bls"]) == [-2.0, 3.0]


def test_interdiction_pays_to_forbid_columns(tmp_path: Path) -> None:
    mps = (
        "NAME k\nROWS\n N obj\n L cap\nCOLUMNS\n a obj -5 cap 2\n b obj -4 cap 3\nRHS\n RHS cap 4\n"
        "BOUNDS\n BV B a\n BV B b\nENDATA\n"
    )
    aux = "N 2\nM 3\nLC 2\nLC 3\nLR 1\nLR 2\nLR 3\nLO -5\nLO -4\nOS 1\nIC 1\nIC 2\nIB 1\n"
    spec = kantor.read_bilevel(*files(tmp_path, mps, aux)).spec()
    assert spec["upper"]["maximize"] == "profit @ y"
    assert spec["lower"]["minimize"] == "profit @ y"
    assert spec["upper"]["constraints"] == ["price @ x <= budget"]
    assert "y <= most*(1 - x)" in spec["lower"]["constraints"]


@pytest.mark.parametrize(
    ("mps", "aux", "words"),
    [
        (MPS, AUX.replace("LC 3", "LC 9"), "LC 9, but there are 4"),
        (MPS, AUX.replace("N 2", "N 3"), "N is 3"),
        (MPS, AUX + "QX 1\n", "line 10"),
        (MPS, AUX.replace("LO 2\n", ""), "1 lines LO for 2"),
        (MPS.replace("UP BND       x1", "UP BND       nothing"), AUX, "line 21"),
        (MPS.replace(" N  cost\n", ""), AUX, "objective"),
        (MPS.replace("2.0\n", "two\n", 1), AUX, "is not MPS"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(tmp_path: Path, mps: str, aux: str, words: str) -> None:
    with pytest.raises(InvalidProblem, match=words):
        kantor.read_bilevel(*files(tmp_path, mps, aux))
