"""A small training that fits its data: a 64-48-10 network on handwritten digits, SGD with momentum, in numpy."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.schedules_task import Array, Outcome, Task

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("KANTOR_TEST_DATA", ROOT.parent / "shared" / "data")) / "ot/digits/digits8x8.csv.gz"
HIDDEN, BATCH, MOMENTUM = 48, 32, 0.9


def task() -> Task | None:
    """None if the data are not there (KANTOR_TEST_DATA)."""
    if not DATA.exists():
        return None
    return Task(
        "digits",
        f"SGD (momentum {MOMENTUM}, batch {BATCH}), 64-{HIDDEN}-10 network on handwritten digits. Loss: of training, "
        "at the end.",
        400,
        (0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
        "l2",
        "test error %",
        train,
    )


@cache
def digits() -> tuple[Array, Array]:
    """(1797, 64) grey values in [0, 1] and (1797,) labels."""
    with gzip.open(DATA, "rt") as file:
        lines = [line for line in file if line[0].isdigit()]
    table = np.loadtxt(io.StringIO("".join(lines)), delimiter=",")
    labels, pixels = (table[:, -1], table[:, :-1]) if table[:, -1].max() <= 9 else (table[:, 0], table[:, 1:])
    return pixels / 16.0, labels.astype(int)


def train(rate: float, curve: Array, seed: int) -> Outcome:
    """One training: weights and order of the data by the seed."""
    x, y = digits()
    rng = np.random.default_rng(seed)
    order = np.random.default_rng(0).permutation(len(x))
    fit, test = order[:1300], order[1300:]
    w = [
        rng.normal(size=(64, HIDDEN)) / 8.0,
        np.zeros(HIDDEN),
        rng.normal(size=(HIDDEN, 10)) / HIDDEN**0.5,
        np.zeros(10),
    ]
    velocity = [np.zeros_like(part) for part in w]
    norms = np.empty(len(curve))
    batches = len(fit) // BATCH
    for t, factor in enumerate(curve):
        if t % batches == 0:
            shuffled = rng.permutation(fit)
        chosen = shuffled[t % batches * BATCH :][:BATCH]
        grads = gradient(w, x[chosen], y[chosen])[1]
        norms[t] = np.sqrt(sum(float(np.sum(g * g)) for g in grads))
        for part, speed, g in zip(w, velocity, grads, strict=True):
            speed *= MOMENTUM
            speed += g
            part -= rate * factor * speed
    loss = gradient(w, x[fit], y[fit])[0]
    wrong = float(np.mean(np.argmax(_scores(w, x[test])[1], axis=1) != y[test]))
    return Outcome(loss if np.isfinite(loss) else np.inf, 100.0 * wrong, norms)


def _scores(w: Sequence[Array], x: Array) -> tuple[Array, Array]:
    hidden = np.maximum(x @ w[0] + w[1], 0.0)
    return hidden, hidden @ w[2] + w[3]


def gradient(w: Sequence[Array], x: Array, y: Array) -> tuple[float, list[Array]]:
    """Mean cross entropy, and its gradient."""
    hidden, scores = _scores(w, x)
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -float(np.mean(np.log(np.maximum(p[rows, y], 1e-300))))
    p[rows, y] -= 1.0
    p /= len(y)
    back = (p @ w[2].T) * (hidden > 0)
    return loss, [x.T @ back, back.sum(axis=0), hidden.T @ p, p.sum(axis=0)]
