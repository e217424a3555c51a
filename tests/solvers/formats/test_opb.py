"""Pseudo-Boolean files."""

from __future__ import annotations

import pytest

from solvers.core.errors import MalformedFile
from solvers.programs.formats.opb import read_opb
from tests.solvers.formats.instances import Instance, model_files

INF = float("inf")


def test_literals_comments_and_comparisons_are_read() -> None:
    text = b"* #variable= 3\nmin: +2 x1 -3 ~x2 ;\n+1 x1 +2 ~x2\n >= 1 ; +4 x3 -1 x1 = 0;\n* more\n-1 x3 <= 2 ;\n"
    program = read_opb(text)
    assert program.variable_names == ("x1", "x2", "x3")
    assert (program.c.tolist(), program.offset) == ([2, 3, 0], -3)
    assert program.A.toarray().tolist() == [[1, -2, 0], [-1, 0, 4], [0, 0, -1]]
    assert program.row_lower.tolist() == [-1, 0, -INF]
    assert program.row_upper.tolist() == [INF, 0, 2]
    assert program.upper.tolist() == [1, 1, 1]
    assert program.integrality.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (b"min: +1 x1 ;\n+1 x1 >= 1\n", "truncated", 2),
        (b"+1 x1 x2 >= 1 ;\n", "without a coefficient", 1),
        (b"+1 +1 x2 >= 1 ;\n", "two numbers", 1),
        (b"\n+1 x1 >= one ;\n", "not a constraint", 2),
        (b"+1 3x >= 1 ;\n", "where a literal is needed", 1),
        (b"[5] +1 x >= 1 ;\n", "soft constraints", 1),
        (b"+1 x1 >= 1 ;\nmin: +1 x1 ;\n", "must come first", 2),
    ],
)
def test_a_mistake_is_refused_with_its_line(text: bytes, words: str, line: int) -> None:
    with pytest.raises(MalformedFile) as caught:
        read_opb(text)
    assert words in str(caught.value)
    assert caught.value.pointer == f"line {line}"


@pytest.mark.parametrize("instance", model_files(".opb"), ids=lambda instance: instance.name)
def test_real_files_have_the_sizes_of_their_headers(instance: Instance) -> None:
    import gzip
    import re

    text = gzip.decompress(instance.path.read_bytes())
    sizes = re.search(rb"#variable= (\d+) #constraint= (\d+)", text)
    assert sizes is not None
    program = read_opb(text)
    assert (program.n, program.m) == (int(sizes[1]), int(sizes[2]))
