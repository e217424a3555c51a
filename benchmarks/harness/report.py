"""Tables that can be read in a terminal and pasted into the documentation, and the JSON beside them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.facts import machine
from benchmarks.harness.statistics import plain

WIDTH = 120
RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass
class Table:
    """A titled table in Markdown form; numbers stand to the right."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[Any]] = field(default_factory=list)
    note: str = ""

    def text(self) -> str:
        cells = [[_cell(value) for value in row] for row in self.rows]
        widths = [max(len(column), *(len(row[k]) for row in cells), 3) for k, column in enumerate(self.columns)]
        right = [k > 0 and all(_numeric(row[k]) for row in cells) for k in range(len(self.columns))]

        def line(row: Sequence[str]) -> str:
            parts = [text.rjust(w) if r else text.ljust(w) for text, w, r in zip(row, widths, right, strict=True)]
            return "| " + " | ".join(parts) + " |"

        rule = "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
        parts = [f"**{self.title}**", "", line(self.columns), rule, *map(line, cells)]
        if self.note:
            parts += ["", *_wrapped(self.note)]
        return "\n".join(parts)


@dataclass
class Report:
    """What one run found: tables for people, ``data`` (per instance, per block) for machines."""

    scale: str
    command: str
    tables: list[Table] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    began: float = field(default_factory=time.time)

    def add(self, table: Table) -> None:
        """Keep the table and print it at once, so that a broken-off run leaves what it found."""
        self.tables.append(table)
        print("\n" + table.text(), flush=True)

    def write(self, folder: Path = RESULTS) -> Path:
        """Write the JSON file and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.began))
        path = folder / f"{stamp}-{self.scale}.json"
        document = {
            "command": self.command,
            "scale": self.scale,
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "seconds": round(time.time() - self.began, 1),
            "machine": machine(),
            "tables": [
                {"title": t.title, "columns": list(t.columns), "rows": [list(r) for r in t.rows], "note": t.note}
                for t in self.tables
            ],
            **self.data,
        }
        path.write_text(json.dumps(plain(document), indent=1, allow_nan=True) + "\n")
        return path


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        if value == 0 or abs(value) >= 100:
            return f"{value:.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _numeric(text: str) -> bool:
    return text == "-" or text[:1].isdigit() or (text[:1] in "+-<>~" and text[1:2].isdigit())


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, WIDTH)
