"""Real model files: the shared collection where it is there, otherwise the repository's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "tests" / "instances"


@dataclass(frozen=True)
class Instance:
    """A file and what its manifest says."""

    name: str
    path: Path
    facts: dict[str, Any]


def collection() -> Path | None:
    """The folder of the shared collection, or None."""
    folder = Path(os.environ.get("KANTOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / "lp" / "manifest.json").is_file() else None


def _listed(folder: Path) -> Iterator[Instance]:
    for item in json.loads((folder / "manifest.json").read_text())["items"]:
        if not item["file"].endswith(".txt.gz"):
            yield Instance(item["name"], folder / item["file"], item)


def model_files(*endings: str) -> list[Instance]:
    """Files of the families lp, milp and qp whose names hold one of the endings."""
    shared = collection()
    if shared is None:
        found = [Instance(path.name.split(".")[0], path, {}) for path in sorted(OWN.glob("*.gz"))]
    else:
        found = [instance for family in ("lp", "milp", "qp") for instance in _listed(shared / family)]
    return [one for one in found if any(ending in one.path.name for ending in endings)]
