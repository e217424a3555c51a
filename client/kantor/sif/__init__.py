"""Problems in the standard input format of CUTEst (SIF)."""

from __future__ import annotations

import gzip
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kantor.minimize import Minimize
    from kantor.sif.cards import Card


def is_sif(path: str | PathLike[str]) -> bool:
    """By its name: .SIF or .sif, also with .gz."""
    return str(path).lower().endswith((".sif", ".sif.gz"))


def read_sif(path: str | PathLike[str]) -> Minimize:
    """The problem of a SIF file (CUTEst; Hock and Schittkowski's problems come in it), also .gz.

    All variables are in one vector ``x``, in the order of the file (integer ones in ``z``). Elements and groups of a
    type are one vector each, so that a problem of many equal parts stays short. Fortran's functions that SIF allows are
    translated; those in subroutines outside the file cannot be.

    Raises:
        FileNotFoundError: there is no such file.
        InvalidProblem: what is wrong in the file, or not taken, with the number of the line where there is one.
    """
    from kantor.sif.assemble import Assembly
    from kantor.sif.cards import cards
    from kantor.sif.data import Data
    from kantor.sif.functions import functions

    content = Path(path).read_bytes()
    text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8", "replace")
    parts: dict[str, list[Card]] = {"DATA": [], "ELEMENTS": [], "GROUPS": []}
    into, ended = parts["DATA"], False
    for card in cards(text):
        if card.header == "ENDATA":
            ended = True
        elif ended and card.header in ("ELEMENTS", "GROUPS"):
            into, ended = parts[card.header], False
        elif not ended:
            into.append(card)
    return Assembly(Data(parts["DATA"]), functions(parts["ELEMENTS"]), functions(parts["GROUPS"])).problem()
