"""How large a model file may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what is read from one file; beyond them it is refused with ``MalformedFile``.

    Attributes:
        decompressed_bytes: size of the file's text.
        ratio: text bytes for each compressed byte, counted from ``ratio_from`` bytes on: an archive bomb has thousands.
            Model files have 3 to 40.
        ratio_from: texts up to this size may have any ratio.
    """

    decompressed_bytes: int = 2 * 1024**3
    ratio: float = 200.0
    ratio_from: int = 64 * 1024**2
