"""Learning-rate schedules on a real small training: a two-layer network on handwritten digits, SGD with momentum.

``python -m benchmarks.schedules``. Every schedule gets its own best base rate (by training loss, on tuning seeds); the
refined one is made from the gradient norms of the tuning runs of linear decay. Then all are compared on other seeds
with the same initial weights and order of data: the spread of the paired differences is what counts.

Prediction before the first run: all decaying schedules within noise of each other, constant clearly behind in training
loss (STUDIES: refinement gained nothing on logistic regression).
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.harness.report import RESULTS, Report, Table
from solvers.schedules.refine import grid, refine

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("KANTOR_TEST_DATA", ROOT.parent / "shared" / "data")) / "ot/digits/digits8x8.csv.gz"
RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
HIDDEN, BATCH, MOMENTUM = 48, 32, 0.9
TUNING_SEEDS = 3


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """(1797, 64) grey values in [0, 1] and (1797,) labels.

    Raises:
        FileNotFoundError: the data are not there (KANTOR_TEST_DATA).
    """
    with gzip.open(DATA, "rt") as file:
        lines = [line for line in file if line[0].isdigit()]
    table = np.loadtxt(io.StringIO("".join(lines)), delimiter=",")
    labels, pixels = (table[:, -1], table[:, :-1]) if table[:, -1].max() <= 9 else (table[:, 0], table[:, 1:])
    return pixels / 16.0, labels.astype(int)


def shape(name: str, steps: int) -> np.ndarray:
    """(steps,) the curve of a schedule."""
    share = np.arange(steps) / (steps - 1)
    return {
        "constant": np.ones(steps),
        "linear": 1.0 - share,
        "cosine": 0.5 * (1.0 + np.cos(np.pi * share)),
        "wsd": np.clip((1.0 - share) / 0.2, 0.0, 1.0),
    }[name]


def train(rate: float, curve: np.ndarray, seed: int) -> tuple[float, float, np.ndarray]:
    """Training loss and test error (percent) at the end, and the gradient's l2 norm at every step."""
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
        grads = _gradient(w, x[chosen], y[chosen])[1]
        norms[t] = np.sqrt(sum(float(np.sum(g * g)) for g in grads))
        for part, speed, g in zip(w, velocity, grads, strict=True):
            speed *= MOMENTUM
            speed += g
            part -= rate * factor * speed
    loss = _gradient(w, x[fit], y[fit])[0]
    wrong = float(np.mean(np.argmax(_scores(w, x[test])[1], axis=1) != y[test]))
    return (loss if np.isfinite(loss) else np.inf), 100.0 * wrong, norms


def _scores(w: Sequence[np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(x @ w[0] + w[1], 0.0)
    return hidden, hidden @ w[2] + w[3]


def _gradient(w: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
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


def run(report: Report, *, steps: int = 400, seeds: int = 10) -> None:
    """Measure, and add a table."""
    tuning = range(1000, 1000 + TUNING_SEEDS)
    with np.errstate(over="ignore", invalid="ignore"):
        curves = {name: shape(name, steps) for name in ("constant", "linear", "cosine", "wsd")}
        rates = {name: _best(curve, tuning) for name, curve in curves.items()}
        # norms of runs at the best rate of linear decay: what a user has who has trained before
        logs = [(np.arange(steps, dtype=float), train(rates["linear"], curves["linear"], seed)[2]) for seed in tuning]
        found = refine(logs, steps, before=np.interp(grid(steps), np.arange(steps), curves["linear"]))
        curves["refined"] = np.interp(np.arange(steps), found.steps, found.curve)
        rates["refined"] = _best(curves["refined"], tuning)
        results = {
            name: np.array([train(rates[name], curve, seed)[:2] for seed in range(seeds)])
            for name, curve in curves.items()
        }
    base = results["linear"]
    rows = []
    for name, values in results.items():
        paired = values[:, 0] / base[:, 0] - 1.0
        rows.append(
            [
                name,
                rates[name],
                float(np.median(values[:, 0])),
                float(values[:, 0].min()),
                float(values[:, 0].max()),
                f"{100 * np.median(paired):+.1f} %",
                f"{int(np.sum(paired < 0))} of {seeds}" if name != "linear" else "-",
                float(np.median(values[:, 1])),
            ]
        )
    columns = ["schedule", "rate", "loss", "least", "most", "to linear", "better", "test error %"]
    note = (
        f"{steps} steps of SGD (momentum {MOMENTUM}, batch {BATCH}), 64-{HIDDEN}-10 network, {seeds} seeds, paired. "
        f"Loss: of training, at the end. Bound, linear to refined: {found.before:.4g} D to {found.after:.4g} D."
    )
    report.add(Table("Learning-rate schedules on digits", columns, rows, note))
    report.data["schedules"] = {
        "rates": rates,
        "results": {name: values.tolist() for name, values in results.items()},
        "bound_before": found.before,
        "bound_after": found.after,
        "refined_start": float(curves["refined"][0]),
        "refined_peak_at": int(np.argmax(curves["refined"])),
    }


def _best(curve: np.ndarray, seeds: Sequence[int]) -> float:
    """The base rate with the least mean training loss."""
    means = {rate: float(np.mean([train(rate, curve, seed)[0] for seed in seeds])) for rate in RATES}
    return min(means, key=lambda rate: means[rate])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedules")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER")
    options = parser.parse_args(arguments)
    if not DATA.exists():
        print(f"{DATA} is not there; set KANTOR_TEST_DATA to the folder of test data.")
        return 0
    given = sys.argv[1:] if arguments is None else arguments
    report = Report("full", " ".join(["python -m benchmarks.schedules", *given]))
    begin = time.monotonic()
    run(report, steps=options.steps, seeds=options.seeds)
    print(f"\n{report.write(options.output)} after {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
