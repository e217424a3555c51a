"""Real instances with known answers: the shared collection where it is there, otherwise the repository's own."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from solvers.programs.formats import read
from solvers.programs.problem import Program

ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "tests" / "instances"
COLLECTION = Path(os.environ.get("KANTOR_TEST_DATA") or ROOT.parent / "shared" / "data")

#: Whether the shared collection is there; without it, tests over it run on the repository's own instances.
COMPLETE = (COLLECTION / "lp" / "manifest.json").is_file()

#: Sets of the repository's own manifest by the families of the collection.
_SETS = {
    "lp/netlib": ("Netlib",),
    "lp/infeasible": ("Netlib infeasible",),
    "milp": ("MIPLIB 3", "MIPLIB 2017"),
    "qp": ("Maros-Meszaros",),
}


@dataclass(frozen=True)
class Instance:
    """``seconds`` is what HiGHS or Clarabel took on the collector's machine; None if unknown."""

    name: str
    path: Path
    status: str
    optimum: float | None
    tolerance: float
    seconds: float | None

    def program(self) -> Program:
        return read(self.path.read_bytes(), filename=self.path.name)


def instances(kind: str) -> list[Instance]:
    """Instances of ``lp/netlib``, ``lp/infeasible``, ``milp`` or ``qp`` whose answer is known."""
    return _collected(kind) if COMPLETE else _own(kind)


@cache
def _collected(kind: str) -> list[Instance]:
    family, _, part = kind.partition("/")
    found = []
    for item in json.loads((COLLECTION / family / "manifest.json").read_text())["items"]:
        status = item["expected_status"]
        wanted = {"netlib": status == "optimal", "infeasible": status == "infeasible"}.get(part, True)
        if not wanted or item["file"].endswith(".txt.gz") or status not in ("optimal", "infeasible", "unbounded"):
            continue
        found.append(
            Instance(
                name=item["name"],
                path=COLLECTION / family / item["file"],
                status=status,
                optimum=item.get("optimum"),
                tolerance=max(float(item.get("tol_rel") or 1e-6), 1e-6),
                seconds=(item.get("verified") or {}).get("time_s"),
            )
        )
    return found


@cache
def _own(kind: str) -> list[Instance]:
    found = []
    for item in json.loads((OWN / "manifest.json").read_text())["items"]:
        if item["set"] in _SETS[kind] and (kind != "lp/netlib" or item["status"] == "optimal"):
            path = OWN / f"{item['name']}.mps.gz"
            found.append(Instance(item["name"], path, item["status"], item["optimum"], 1e-6, None))
    return found
