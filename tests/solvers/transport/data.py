"""Two synthetic families of point clouds, and real pictures where the shared collection is there."""

from __future__ import annotations

import csv
import gzip
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from solvers.transport.problem import Transport

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = Path(os.environ.get("KANTOR_TEST_DATA") or ROOT.parent / "shared" / "data") / "ot"
COMPLETE = (COLLECTION / "manifest.json").is_file()


def clouds(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Low dimension: uniform against three clusters; high: a Gaussian against two modes."""
    r = np.random.default_rng(seed)
    if d <= 3:
        x, centres = r.random((n, d)), r.random((3, d))
        return x, centres[r.integers(0, 3, n)] + 0.1 * r.standard_normal((n, d))
    x = r.standard_normal((n, d))
    return x, 0.8 * r.standard_normal((n, d)) + 0.5 * (r.integers(0, 2, (n, 1)) * 2 - 1)


@dataclass(frozen=True)
class Known:
    """A real problem with its certified optimum."""

    name: str
    problem: Transport
    optimum: float
    tolerance: float


@cache
def pictures() -> list[Known]:
    """Pairs of 32 x 32 pictures, with costs |.| and |.|^2; empty without the collection."""
    if not COMPLETE:
        return []
    found = []
    for item in json.loads((COLLECTION / "manifest.json").read_text())["items"]:
        if item["subfamily"].startswith("image32"):
            cost = "euclidean" if item["subfamily"].endswith("W1") else "sqeuclidean"
            problem = Transport.build(A=_table(item["file"]), B=_table(item["file_b"]), cost=cost, name=item["name"])
            found.append(Known(item["name"], problem, item["optimum"], float(item["tol_rel"])))
    return found


@cache
def colours() -> list[Known]:
    """Colours of two photographs, 1000 pixels each."""
    if not COMPLETE:
        return []
    found = []
    for item in json.loads((COLLECTION / "manifest.json").read_text())["items"]:
        if item["subfamily"] == "colour-transfer":
            problem = Transport.build(_table(item["file"]) / 255.0, _table(item["file_b"]) / 255.0, name=item["name"])
            found.append(Known(item["name"], problem, item["optimum"], float(item.get("tol_rel") or 1e-7)))
    return found


def _table(path: str) -> np.ndarray:
    with gzip.open(COLLECTION / path, "rt", newline="") as lines:
        rows = [[float(cell) for cell in row] for row in csv.reader(lines) if row and _is_number(row[0])]
    return np.array(rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
