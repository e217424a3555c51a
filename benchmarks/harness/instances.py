"""Real instances with known answers: the shared collection where it is there, else the repository's own few."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
OWN = ROOT / "tests" / "instances"

Family = Literal["lp", "milp"]
_SUBFAMILIES = {"lp": ("netlib", "kennington", "netlib-infeasible"), "milp": ("miplib3", "miplib2017")}


@dataclass(frozen=True)
class Instance:
    """One model file and what is known of it.

    Attributes:
        status: ``optimal`` or ``infeasible``.
        optimum: None where there is none.
        seconds: how long HiGHS took when the instance was collected; None if not known or it ran into its limit.
        pure: every variable is an integer.
    """

    name: str
    family: Family
    path: str
    status: str
    optimum: float | None
    tolerance: float
    bytes: int
    nonzeros: int
    seconds: float | None
    pure: bool

    def agrees(self, status: str, objective: float | None, gap: float) -> bool:
        """True if an answer is the known one (within ``gap``, for integer programs)."""
        if self.status != status:
            return False
        if self.optimum is None or objective is None:
            return self.optimum is None
        return abs(objective - self.optimum) <= max(self.tolerance, gap) * max(1.0, abs(self.optimum))


def collection() -> Path | None:
    """The shared collection (``KANTOR_TEST_DATA``, or ../shared/data beside the repository), if it is there."""
    folder = Path(os.environ.get("KANTOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / "lp" / "manifest.json").exists() else None


def instances(family: Family, *, count: int | None = None, known_seconds: float | None = None) -> list[Instance]:
    """Instances by growing size.

    Args:
        count: at most so many, spread over the sizes.
        known_seconds: without those that took longer, or did not end, when they were collected.
    """
    folder = collection()
    found = _own(family) if folder is None else _shared(folder, family)
    if known_seconds is not None:
        found = [i for i in found if i.seconds is not None and i.seconds <= known_seconds]
    found.sort(key=lambda i: (i.nonzeros, i.name))
    if count is None or count >= len(found):
        return found
    step = len(found) / count
    return [found[int(step * k + step / 2)] for k in range(count)]


def _shared(folder: Path, family: Family) -> list[Instance]:
    items = json.loads((folder / family / "manifest.json").read_text())["items"]
    return [
        Instance(
            name=item["name"],
            family=family,
            path=str(folder / family / item["file"]),
            status=item["expected_status"],
            optimum=item.get("optimum"),
            tolerance=item.get("tol_rel") or 1e-6,
            bytes=item["bytes_raw"],
            nonzeros=item["size"].get("nnz") or 0,
            seconds=_seconds(item),
            pure=bool(item["size"].get("ints")) and item["size"]["ints"] == item["size"]["cols"],
        )
        for item in items
        if item["subfamily"] in _SUBFAMILIES[family] and ".mps" in item["file"]
    ]


def _seconds(item: dict[str, Any]) -> float | None:
    verified = item.get("verified") or {}
    seconds: float | None = verified.get("time_s")
    return seconds if verified.get("status") in ("Optimal", "Infeasible") else None


def _own(family: Family) -> list[Instance]:
    items = json.loads((OWN / "manifest.json").read_text())["items"]
    wanted = {"lp": ("Netlib", "Netlib infeasible"), "milp": ("MIPLIB 3", "MIPLIB 2017")}[family]
    found = []
    for item in items:
        path = OWN / f"{item['name']}.mps.gz"
        if item["set"] in wanted and item["status"] in ("optimal", "infeasible") and path.exists():
            size = path.stat().st_size
            found.append(
                Instance(item["name"], family, str(path), item["status"], item["optimum"], 1e-6, size, size, 1.0, False)
            )
    return found
