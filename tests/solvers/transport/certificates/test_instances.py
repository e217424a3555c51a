"""Real data with known optima: the shared collection where it is there; else photographs that matplotlib ships."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from solvers.core import registry
from solvers.core.engine import LocalContext
from solvers.transport.certificates import certify
from solvers.transport.problem import Transport
from tests.solvers.engines.data import COLLECTION

FOLDER = COLLECTION / "ot"
HERE = (FOLDER / "manifest.json").is_file()
IMAGES = ("sk_grass__sk_gravel__p1", "sk_moon__sk_brick__p2", "dotmark_data32_1001__dotmark_data32_1002__p1")


def table(path: Path) -> np.ndarray:
    with gzip.open(path, "rt") as file:
        return np.array([[float(cell) for cell in row] for row in csv.reader(file) if row and _number(row[0])])


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def items() -> dict[str, dict]:
    return {item["name"]: item for item in json.loads((FOLDER / "manifest.json").read_text())["items"]}


def proved(problem: Transport) -> tuple[float, float]:
    answer = registry.load("transport", "network-simplex").solve(problem, {}, LocalContext())
    settled, certificate = certify(problem, answer)
    assert settled.status == "optimal", settled.message
    assert certificate.proved
    return settled.bound, settled.cost


def matches(problem: Transport, optimum: float, tolerance: float = 1e-7) -> None:
    bound, cost = proved(problem)
    assert bound <= optimum * (1 + 1e-11)
    assert cost >= optimum * (1 - 1e-11)
    assert cost - bound <= tolerance * optimum


@pytest.mark.skipif(not HERE, reason="the shared collection is not there")
@pytest.mark.parametrize("name", IMAGES)
def test_images_have_the_certified_cost(name):
    item = items()[name]
    A, B = (table(FOLDER / item[key]) for key in ("file", "file_b"))
    cost = "euclidean" if name.endswith("p1") else "sqeuclidean"
    matches(Transport.build(A=A, B=B, cost=cost), item["optimum"])


@pytest.mark.skipif(not HERE, reason="the shared collection is not there")
def test_colours_have_the_certified_cost():
    item = items()["colour_autumn__woods"]
    x, y = (table(FOLDER / item[key])[:, -3:] / 255.0 for key in ("file", "file_b"))
    matches(Transport.build(x, y), item["optimum"])


@pytest.mark.skipif(not HERE, reason="the shared collection is not there")
@pytest.mark.parametrize(
    ("name", "cost"), [("manhattan_bakeries_p1", "euclidean"), ("manhattan_bakeries_p2", "sqeuclidean")]
)
def test_bakeries_and_cafes_have_the_certified_cost(name, cost):
    data = json.loads(gzip.decompress((FOLDER / "manhattan" / "manhattan.json.gz").read_bytes()))
    problem = Transport.build(
        data["bakery_pos"],
        data["cafe_pos"],
        a=data["bakery_prod"],
        b=data["cafe_prod"],
        normalize=True,
        cost=cost,
    )
    matches(problem, items()[name]["optimum"])


def test_photographs_of_a_package_agree_with_an_assignment():
    """Their colours, equally many and equally heavy: then some permutation is optimal, and scipy finds it."""
    image = pytest.importorskip("matplotlib.image")
    cbook = pytest.importorskip("matplotlib.cbook")
    from scipy.optimize import linear_sum_assignment

    random = np.random.default_rng(0)
    colours = []
    for name in ("grace_hopper.jpg", "Minduka_Present_Blue_Pack.png"):
        with cbook.get_sample_data(name) as file:
            pixels = np.asarray(image.imread(file, format=name[-3:]), dtype=float)[..., :3].reshape(-1, 3)
        pixels = pixels / max(1.0, pixels.max())
        colours.append(pixels[random.choice(len(pixels), 300, replace=False)])
    problem = Transport.build(*colours)
    M = ((colours[0][:, None] - colours[1]) ** 2).sum(-1)
    rows, columns = linear_sum_assignment(M)
    matches(problem, M[rows, columns].mean(), 1e-9)
