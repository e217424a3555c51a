"""The problems of the bilevel comparison: ridge penalties, and cleaning of scikit-learn's digits."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """Data of a problem; ``value`` is the exact hyper-objective, with the lower level solved to high accuracy.

    Attributes:
        data: float64 and int64 arrays by name.
        x0: where every method begins.
        m: number of lower variables.
    """

    name: str
    data: dict[str, Any]
    x0: np.ndarray
    m: int
    value: Callable[[np.ndarray], float]


def available() -> tuple[str, ...]:
    """Digits need scikit-learn."""
    return ("ridge", "digits") if importlib.util.find_spec("sklearn") else ("ridge",)


def task(name: str, seed: int, shrink: float = 1.0) -> Task:
    """The problem of a seed; ``shrink`` below 1 makes it smaller."""
    return _ridge(seed, shrink) if name == "ridge" else _digits(seed, shrink)


def _ridge(seed: int, shrink: float) -> Task:
    """100 per-feature penalties, 150 examples for training and 300 for validation."""
    d, n, v = (max(5, int(size * shrink)) for size in (100, 150, 300))
    random = np.random.default_rng(seed)
    weights = np.zeros(d)
    weights[: max(1, d // 5)] = random.normal(size=max(1, d // 5))
    X = random.normal(size=(n + v, d))
    y = X @ weights + 2.0 * random.normal(size=n + v)
    data = {"X": X[:n], "y": y[:n], "Xv": X[n:], "yv": y[n:]}
    gram, right = data["X"].T @ data["X"] / n, data["X"].T @ data["y"] / n

    def value(x: np.ndarray) -> float:
        penalties = np.exp(4.0 * np.tanh(x / 4.0))
        w = np.linalg.solve(gram + np.diag(penalties), right)
        return float(0.5 * np.mean((data["Xv"] @ w - data["yv"]) ** 2))

    return Task("ridge", data, np.full(d, -2.0), d, value)


def _digits(seed: int, shrink: float) -> Task:
    """A weight for each of 900 examples, of which 40% have wrong labels; 400 clean ones for validation."""
    from scipy.optimize import minimize
    from sklearn.datasets import load_digits

    n, v = int(900 * shrink), int(400 * shrink)
    X, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))[: n + v]
    X, labels = np.hstack([X[order] / 16.0, np.ones((n + v, 1))]), labels[order].astype(np.int64)
    given = labels[:n].copy()
    wrong = random.random(n) < 0.4
    given[wrong] = (given[wrong] + random.integers(1, 10, size=int(wrong.sum()))) % 10
    data = {"X": X[:n], "y": given, "Xv": X[n:], "yv": labels[n:]}
    d = X.shape[1]

    def losses(W: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = X @ W
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        return np.log(total[:, 0]) - z[np.arange(len(y)), y], p / total

    warm = {"w": np.zeros(d * 10)}

    def value(x: np.ndarray) -> float:
        s = 1.0 / (1.0 + np.exp(-x))

        def both(w: np.ndarray) -> tuple[float, np.ndarray]:
            loss, p = losses(w.reshape(d, 10), data["X"], data["y"])
            p[np.arange(n), data["y"]] -= 1.0
            return float(np.mean(s * loss) + 5e-4 * w @ w), (data["X"].T @ (s[:, None] * p) / n).ravel() + 1e-3 * w

        found = minimize(both, warm["w"], jac=True, method="L-BFGS-B", options={"maxiter": 400, "gtol": 1e-7})
        warm["w"] = found.x
        return float(losses(found.x.reshape(d, 10), data["Xv"], data["yv"])[0].mean())

    return Task("digits", data, np.zeros(n), d * 10, value)
