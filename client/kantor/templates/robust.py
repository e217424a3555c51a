"""Models that hold when their inputs are disturbed on purpose."""

from __future__ import annotations

from typing import Any

from kantor.arrays import wrong
from kantor.bilevel import Bilevel
from kantor.templates.learning import _binary, _features


def adversarial_training(X: Any, y: Any, *, radius: float = 0.1, stiffness: float = 10.0, l2: float = 1e-3) -> Bilevel:
    """Logistic regression whose inputs an adversary moves within a box (Sinha, Namkoong and Duchi 2018).

    Upper: ``w`` and ``b``, the model. Lower: ``move``, (n, d), which maximizes the same loss, at a price of
    ``stiffness |move|^2/2`` for each example.

    Args:
        X, y: (n, d) and labels 0 and 1.
        radius: each entry moves by at most this.
        stiffness: the larger, the more surely the adversary's problem has one solution only.
        l2: penalty of w.
    """
    d = _features(X, y, "/data/X")
    _binary(y, "/data/y")
    if radius <= 0.0:
        raise wrong("/lower/variables/move", "the radius is a positive number")
    return Bilevel(
        name="adversarial training",
        data={"X": X, "y": y, "l2": float(l2), "stiffness": float(stiffness)},
        let={"score": "(X + move) @ w + b", "loss": "mean(softplus(score) - y*score)"},
        upper={
            "variables": {"w": {"shape": [d], "start": 0.01}, "b": {"shape": [], "start": 0.0}},
            "minimize": "loss + l2*sum(w**2)/2",
        },
        lower={
            "variables": {"move": {"shape": [len(y), d], "lower": -float(radius), "upper": float(radius)}},
            "maximize": "loss - stiffness*mean(sum(move**2, axis=1))/2",
        },
    )
