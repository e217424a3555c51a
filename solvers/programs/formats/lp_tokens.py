"""The sections of an LP file and their tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from solvers.core.errors import MalformedFile
from solvers.programs.formats.lines import malformed

#: Section by the words that begin it, at the beginning of a line, in any case.
_HEADERS = {
    "refused": r"pwlobj|multi-objectives?|scenario",
    "objective": r"minimi[sz]e|minimum|min|maximi[sz]e|maximum|max",
    "rows": r"subject\s+to|such\s+that|s\.\s*t\.?|st\.?|lazy\s+constraints|user\s+cuts|general\s+constraints?",
    "bounds": r"bounds?",
    "integer": r"generals?|gens?|integers?|ints?",
    "binary": r"binary|binaries|bins?",
    "semi": r"semi-?\s?continuous|semis?",
    "semi-integer": r"semi-integers?",
    "sos": r"sos[12]?",
    "end": r"end",
}

_HEADER = re.compile(
    r"^[ \t]*(?:" + "|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _HEADERS.items()) + r")"
    r"(?=\s|$)(?![ \t]*(?:[:<>=]|->))",
    re.IGNORECASE,
)
_HEADER_LETTERS = frozenset("minsublagptwebMINSUBLAGPTWEB")

#: A name may hold brackets if nothing in them is blank: x[1,2]. An operator ends a name.
TOKEN = re.compile(
    r"\n|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|<->|->|<=|>=|=<|=>|[<>=+\-*^/:\[\]]|"
    r"[^\s<>=+\-*^/:\[\]](?:[^\s<>=+\-*^/:\[\]]|\[[^\s\[\]]*\])*"
)

_COMMENT = re.compile(r"\\[^\n]*")


@dataclass(frozen=True)
class Section:
    """Attributes:
    kind: a key of ``_HEADERS``.
    word: what began it, in lower case.
    line: number of its first line.
    text: from behind the header to the next section.
    """

    kind: str
    word: str
    line: int
    text: str


def lp_sections(text: str) -> list[Section]:
    """The sections in the order of the file.

    Raises:
        MalformedFile: text before the first section, no End, or a section that has no place in a program.
    """
    lines = _COMMENT.sub("", text).split("\n") if "\\" in text else text.split("\n")
    found: list[tuple[str, str, int, int]] = []
    for number, line in enumerate(lines, 1):
        head = line.lstrip()[:1]
        if head not in _HEADER_LETTERS or not head:
            continue
        match = _HEADER.match(line)
        if match is None:
            continue
        kind = str(match.lastgroup).replace("_", "-")
        if not found and kind != "objective":
            break
        if kind == "refused":
            raise malformed("a section that is not supported", number, line)
        if kind == "objective" and found:
            raise malformed("a second objective", number, line, "one objective")
        found.append((kind, match.group().strip().lower(), number, match.end()))
        if kind == "end":
            break
    first = next((k for k, line in enumerate(lines, 1) if line.strip()), 1)
    if not found or first < found[0][2]:
        hint = "Minimize or Maximize"
        if re.match(r"\s*(/\*|//|max|min)", text, re.IGNORECASE):
            hint = "CPLEX LP format; this looks like lp_solve's format, which is another one"
        raise malformed("not an LP file", first, lines[first - 1], hint)
    if found[-1][0] != "end":
        raise MalformedFile(
            f"line {len(lines)}: the file ends without End: it is truncated", pointer=f"line {len(lines)}", hint="End"
        )
    result = []
    for (kind, word, number, column), (_, _, stop, _) in pairwise(found):
        body = [lines[number - 1][column:], *lines[number : stop - 1]]
        result.append(Section(kind, word, number, "\n".join(body) + "\n"))
    return result
