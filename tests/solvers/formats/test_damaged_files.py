"""Whatever is done to a file, a reader gives a program or an error of the library, soon, and with words."""

from __future__ import annotations

import gzip
import json
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solvers.core.errors import SolverError
from solvers.programs.formats import read
from solvers.programs.problem import Program
from tests.solvers.formats.instances import OWN
from tests.solvers.formats.test_lp import EVERYTHING
from tests.solvers.formats.test_mof import affine, document, variable, variables
from tests.solvers.formats.test_mps import mps
from tests.solvers.formats.test_nl import BODY, HEADER

WORDS = [
    *[b"NAME", b"ROWS", b"COLUMNS", b"RHS", b"RANGES", b"BOUNDS", b"ENDATA", b"QUADOBJ", b"SOS", b"INDICATORS"],
    *[b"CSECTION c QUAD", b"QCMATRIX r1", b"'MARKER'", b"'INTORG'", b"FR", b"SC", b"UP", b"1e400", b"nan", b"inf"],
    *[b"-", b"1D5", b"[", b"]", b"^", b"/ 2", b"->", b"=", b"<=", b":", b"::", b"S1", b"free", b"Bounds", b"General"],
    *[b"End", b"Subject To", b"\x00", b"\xff\xfe", b"\n", b"\t", b"{", b"}", b"null", b"[]", b"-1", b"9" * 30, b"o54"],
    *[b"v99", b"S0 1 x", b"V5 1 0", b"k", b"\xc3\xa9", b"\xe2\x80\xa8"],
]


@cache
def seeds() -> list[tuple[str, bytes]]:
    sections = mps(
        BOUNDS=" BV b y\n UP b x 4\n",
        RANGES=" g r1 3\n",
        QUADOBJ=" x x 2\n",
        SOS=" S1 a\n x 1\n y 2\n",
        INDICATORS=" IF r2 y 1\n",
    )
    model = document(
        (affine(1.0, x=2.0), {"type": "LessThan", "upper": 4.0}),
        (variable("z"), {"type": "ZeroOne"}),
        (variables("x", "y", "z"), {"type": "SecondOrderCone", "dimension": 3}),
    )
    found = [
        ("a.mps", sections),
        ("a.lp", EVERYTHING.encode()),
        ("a.mof.json", json.dumps(model).encode()),
        ("a.nl", (HEADER + BODY).encode()),
        ("a.opb", b"* c\nmin: +2 x1 -3 ~x2 ;\n+1 x1 +2 ~x2 >= 1 ;\n"),
        ("a.mps.gz", gzip.compress(sections)),
    ]
    whole = ("afiro", "flugpl", "galenet")
    return found + [(f"{name}.mps", gzip.decompress((OWN / f"{name}.mps.gz").read_bytes())) for name in whole]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    name, content = draw(st.sampled_from(seeds()))
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        damage = draw(st.integers(0, 5))
        if damage == 0:
            del data[place : place + draw(st.sampled_from([1, 2, 5, 40, 400]))]
        elif damage == 1:
            data[place:place] = b" " + draw(st.sampled_from(WORDS)) + b" "
        elif damage == 2:
            data[place : place + 1] = bytes([draw(st.integers(0, 255))])
        elif damage == 3:
            source = draw(st.integers(0, len(data)))
            data[place:place] = data[source : source + draw(st.sampled_from([1, 5, 30, 200]))]
        elif damage == 4:
            del data[place:]
        else:
            lines = bytes(data).split(b"\n")
            i, j = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
            lines[i], lines[j] = lines[j], lines[i]
            data = bytearray(b"\n".join(lines))
    return name, bytes(data)


def outcome(data: bytes, name: str) -> Program | str:
    """The program, or the error's words. Any other exception passes."""
    try:
        return read(data, filename=name)
    except SolverError as error:
        return str(error)


@settings(max_examples=800, deadline=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(damaged())
def test_a_damaged_file_gives_a_program_or_an_error_in_words(file: tuple[str, bytes]) -> None:
    found = outcome(file[1], file[0])
    assert isinstance(found, Program) or 0 < len(found) < 500


ENDINGS = ["a.mps", "a.lp", "a.mof.json", "a.nl", "a.opb", "a.mps.gz", "unknown"]


@settings(max_examples=300, deadline=2000)
@given(st.binary(max_size=300), st.sampled_from(ENDINGS))
def test_random_bytes_give_an_error_in_words(data: bytes, name: str) -> None:
    found = outcome(data, name)
    assert isinstance(found, Program) or 0 < len(found) < 500
