"""Learning what a model is trained with: penalties, weights of data, representations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kantor.arrays import wrong
from kantor.bilevel import Bilevel


def ridge(X: Any, y: Any, Xv: Any, yv: Any, *, per_feature: bool = True, limit: float = 8.0) -> Bilevel:
    """Penalties of ridge regression that are best on validation data (Pedregosa 2016).

    Upper: ``lam``, the logarithm of the penalty, of each feature or of all. Lower: ``w``, the weights.

    Args:
        X, y: training data, (n, d) and n.
        Xv, yv: validation data.
        limit: |lam| is at most this.
    """
    d = _features(X, y, "/data/X")
    _features(Xv, yv, "/data/Xv", d)
    shape: list[int] = [d] if per_feature else []
    return Bilevel(
        name="ridge penalties",
        data={"X": X, "y": y, "Xv": Xv, "yv": yv},
        upper={
            "variables": {"lam": {"shape": shape, "start": 0.0, "lower": -limit, "upper": limit}},
            "minimize": "mean((Xv @ w - yv)**2)",
        },
        lower={
            "variables": {"w": {"shape": [d]}},
            "minimize": "mean((X @ w - y)**2) + sum(exp(lam)*w**2)",
        },
    )


def logistic(X: Any, y: Any, Xv: Any, yv: Any, *, per_feature: bool = True, limit: float = 8.0) -> Bilevel:
    """Penalties of logistic regression that are best on validation data; labels are 0 and 1.

    Upper: ``lam``, logarithms of the penalties. Lower: ``w``, the weights.
    """
    d = _features(X, y, "/data/X")
    _features(Xv, yv, "/data/Xv", d)
    _binary(y, "/data/y")
    _binary(yv, "/data/yv")
    shape: list[int] = [d] if per_feature else []
    return Bilevel(
        name="logistic penalties",
        data={"X": X, "y": y, "Xv": Xv, "yv": yv},
        upper={
            "variables": {"lam": {"shape": shape, "start": -2.0, "lower": -limit, "upper": limit}},
            "minimize": "mean(softplus(Xv @ w) - yv*(Xv @ w))",
        },
        lower={
            "variables": {"w": {"shape": [d]}},
            "minimize": "mean(softplus(X @ w) - y*(X @ w)) + sum(exp(lam)*w**2)/2",
        },
    )


def data_cleaning(X: Any, y: Any, Xv: Any, yv: Any, *, classes: int | None = None, l2: float = 1e-3) -> Bilevel:
    """Which training examples are wrong? A weight for each, such that the model is best on clean validation data.

    Upper: ``s``, one number for each training example; its weight is sigmoid(s). Lower: ``W``, (d, classes) weights
    of a softmax model.

    Args:
        y, yv: classes 0, 1, 2...
        l2: penalty of W.
    """
    d = _features(X, y, "/data/X")
    _features(Xv, yv, "/data/Xv", d)
    count = _classes(classes, y, yv)
    return Bilevel(
        name="data cleaning",
        data={"X": X, "y": _whole(y), "Xv": Xv, "yv": _whole(yv), "l2": float(l2)},
        upper={
            "variables": {"s": {"shape": [len(y)], "start": 0.0}},
            "minimize": "mean(cross_entropy(Xv @ W, yv))",
        },
        lower={
            "variables": {"W": {"shape": [d, count]}},
            "minimize": "mean(sigmoid(s)*cross_entropy(X @ W, y)) + l2*sum(W**2)/2",
        },
    )


def data_reweighting(
    X: Any, y: Any, source: Any, Xv: Any, yv: Any, *, classes: int | None = None, l2: float = 1e-3
) -> Bilevel:
    """How much should each source of data count? Weights of the sources (a softmax), best on validation data.

    Upper: ``a``, one number for each source. Lower: ``W``, (d, classes) weights of a softmax model.

    Args:
        source: for each training example the number of its source: 0, 1, 2...
    """
    d = _features(X, y, "/data/X")
    _features(Xv, yv, "/data/Xv", d)
    count = _classes(classes, y, yv)
    sources = _whole(source)
    if len(sources) != len(y):
        raise wrong("/data/source", f"there are {len(sources)} sources for {len(y)} examples")
    total = max(int(item) for item in sources) + 1
    return Bilevel(
        name="data reweighting",
        data={"X": X, "y": _whole(y), "source": sources, "Xv": Xv, "yv": _whole(yv), "l2": float(l2)},
        let={"weight": f"{total}*take(softmax(a), source)"},
        upper={
            "variables": {"a": {"shape": [total], "start": 0.0, "lower": -10.0, "upper": 10.0}},
            "minimize": "mean(cross_entropy(Xv @ W, yv))",
        },
        lower={
            "variables": {"W": {"shape": [d, count]}},
            "minimize": "mean(weight*cross_entropy(X @ W, y)) + l2*sum(W**2)/2",
        },
    )


def hyper_representation(
    tasks: Sequence[tuple[Any, Any, Any, Any]], *, rank: int, l2: float = 1e-2, seed: int = 0
) -> Bilevel:
    """A linear representation shared by several regression tasks, such that each task's head, trained on its own data,
    predicts well on its validation data (Franceschi et al. 2018).

    Upper: ``H``, (d, rank). Lower: ``W``, (rank, tasks), the heads.

    Args:
        tasks: for each (X, y, Xv, yv).
        l2: penalty of the heads (strictly positive: then they are unique).
        seed: of the start of H, which must not be zero: every head would then do as well.
    """
    if not tasks:
        raise wrong("/data", "there are no tasks")
    import random

    d = _features(tasks[0][0], tasks[0][1], "/data/X0")
    data: dict[str, Any] = {"l2": float(l2)}
    train, valid = [], []
    for k, (X, y, Xv, yv) in enumerate(tasks):
        _features(X, y, f"/data/X{k}", d)
        _features(Xv, yv, f"/data/Xv{k}", d)
        data |= {f"X{k}": X, f"y{k}": y, f"Xv{k}": Xv, f"yv{k}": yv}
        train.append(f"mean((X{k} @ (H @ W[:, {k}]) - y{k})**2)")
        valid.append(f"mean((Xv{k} @ (H @ W[:, {k}]) - yv{k})**2)")
    generator = random.Random(seed)  # noqa: S311 - a starting point, no secret
    start = [[generator.gauss(0.0, 1.0) / d**0.5 for _ in range(rank)] for _ in range(d)]
    return Bilevel(
        name="hyper-representation",
        data=data,
        upper={
            "variables": {"H": {"shape": [d, rank], "start": start}},
            "minimize": f"({' + '.join(valid)})/{len(tasks)}",
        },
        lower={
            "variables": {"W": {"shape": [rank, len(tasks)]}},
            "minimize": f"({' + '.join(train)})/{len(tasks)} + l2*sum(W**2)",
        },
    )


def _features(X: Any, y: Any, pointer: str, expected: int | None = None) -> int:
    shape = getattr(X, "shape", None) or (len(X), len(X[0]) if len(X) and hasattr(X[0], "__len__") else 0)
    if len(shape) != 2 or not shape[1]:
        raise wrong(pointer, f"rows of features are wanted here, not shape {tuple(shape)}")
    if shape[0] != len(y):
        raise wrong(pointer, f"{shape[0]} examples, but {len(y)} answers")
    if expected is not None and shape[1] != expected:
        raise wrong(pointer, f"{shape[1]} features, but {expected} in the training data")
    return int(shape[1])


def _whole(values: Any) -> list[int]:
    return [int(value) for value in values]


def _binary(values: Any, pointer: str) -> None:
    if any(value not in (0, 1) for value in values):
        raise wrong(pointer, "labels are 0 and 1 here")


def _classes(classes: int | None, *labels: Any) -> int:
    most = max(int(value) for part in labels for value in part) + 1
    return max(classes or 0, most, 2)
