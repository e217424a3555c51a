"""Reading a model file of any known format, plain or compressed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from solvers.core.errors import MalformedFile
from solvers.programs.formats.decompress import ENDINGS, decompressed
from solvers.programs.formats.limits import Limits
from solvers.programs.formats.lp import read_lp
from solvers.programs.formats.mof import read_mof
from solvers.programs.formats.mps import read_mps
from solvers.programs.formats.nl import read_nl
from solvers.programs.formats.opb import read_opb
from solvers.programs.problem import Program

#: Format to its reader.
READERS: dict[str, Callable[[bytes], Program]] = {
    "mps": read_mps,
    "qps": read_mps,
    "lp": read_lp,
    "mof": read_mof,
    "nl": read_nl,
    "opb": read_opb,
}

_BY_ENDING = {
    ".mps": "mps",
    ".qps": "qps",
    ".lp": "lp",
    ".mof.json": "mof",
    ".mof": "mof",
    ".json": "mof",
    ".nl": "nl",
    ".opb": "opb",
}


def read(data: bytes, *, format: str | None = None, filename: str = "", limits: Limits | None = None) -> Program:
    """The program in a model file.

    Args:
        data: the file, possibly compressed by gzip, bzip2 or zstandard (recognised by content).
        format: one of ``READERS``; None or "auto" decides by the file name's ending, then by content.
        filename: used for its ending, and as the program's name where the file gives none.
        limits: bounds on the decompressed size.

    Raises:
        MalformedFile: with ``pointer`` at the line (or the place in the JSON) and ``hint`` saying what was expected.
        InvalidProblem: the file is well-formed, but its program contradicts itself.
    """
    text = decompressed(data, limits or Limits())
    if not text.strip():
        raise MalformedFile("the file is empty")
    if format in (None, "auto"):
        format = format_of(text, filename)
    reader = READERS.get(str(format))
    if reader is None:
        raise MalformedFile(f"unknown format {format!r}", pointer="/format", hint=", ".join(READERS))
    program = reader(text)
    if not program.name and filename:
        program = dataclasses.replace(program, name=_stem(filename))
    return program


def format_of(text: bytes, filename: str = "") -> str:
    """The format by the ending of the file name, or else by the first lines.

    Raises:
        MalformedFile: neither tells.
    """
    name = _without_compression(filename.lower())
    for ending, format in _BY_ENDING.items():
        if name.endswith(ending):
            return format
    head = text[:65536].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return "mof"
    if re.match(rb"[gb]\d", head):
        return "nl"
    lines = [line.strip() for line in head.splitlines()]
    first = next((line for line in lines if line and not line.startswith((b"*", b"\\"))), b"")
    word = first.split(None, 1)[0].upper() if first else b""
    if word in (b"NAME", b"ROWS", b"OBJSENSE", b"OBJNAME"):
        return "mps"
    if b";" in head and re.match(rb"(min:|max:|[+-]?\d+ +~?[A-Za-z])", first):
        return "opb"
    if re.match(rb"(min|max)", first, re.IGNORECASE):
        return "lp"
    raise MalformedFile(
        "the format of the file cannot be recognised", pointer="/format", hint=f"say which: {', '.join(READERS)}"
    )


def _without_compression(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _stem(filename: str) -> str:
    name = re.split(r"[/\\]", filename)[-1]
    plain = _without_compression(name.lower())
    for ending in _BY_ENDING:
        if plain.endswith(ending):
            return name[: len(plain) - len(ending)]
    return name[: len(plain)]
