"""The names that the tests' expressions use, declared and filled."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from scipy import special

from api_schemas.expression import Scope

#: Variables of the tests' expressions.
VARIABLES = {"x": (4,), "y": (4,), "z": (3,), "W": (4, 3), "s": (), "t": ()}
#: Data of the tests' expressions.
DATA = {"A": (3, 4), "B": (4, 3), "Q": (4, 4), "c": (4,), "k": (3,), "labels": (4,)}
WHOLE = {"k": 4, "labels": 3}

#: Examples for a property: a few in CI; an hour's worth with KANTOR_FUZZ_EXAMPLES=1000000.
EXAMPLES = int(os.environ.get("KANTOR_FUZZ_EXAMPLES", "150"))


def scope() -> Scope:
    """All of them declared."""
    made = Scope()
    for name, shape in VARIABLES.items():
        made.variable(name, shape)
    for name, shape in DATA.items():
        made.data(name, shape, "int64" if name in WHOLE else "float64")
    return made


def values(seed: int = 0) -> dict[str, np.ndarray]:
    """An array for each, entries of size about one."""
    random = np.random.default_rng(seed)
    arrays: dict[str, Any] = {name: np.asarray(random.normal(size=shape)) for name, shape in VARIABLES.items()}
    for name, shape in DATA.items():
        arrays[name] = random.integers(0, WHOLE[name], shape) if name in WHOLE else random.normal(size=shape)
    return arrays


def _reduction(function: Any) -> Any:
    return lambda a, axis=None: function(np.asarray(a), axis=axis)


#: Of one name in numpy.
_SAME = (
    "exp", "log", "log1p", "expm1", "sqrt", "square", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh",
)  # fmt: skip

#: The functions of the language in numpy and scipy: an evaluator that shares nothing with the language.
REFERENCE: dict[str, Any] = {
    **{n: getattr(np, n) for n in _SAME},
    "abs": np.abs,
    "xlogx": lambda a: special.xlogy(a, a),
    "erf": special.erf,
    "sigmoid": special.expit,
    "softplus": lambda a: np.logaddexp(0, a),
    "relu": lambda a: np.maximum(a, 0),
    **{n: _reduction(getattr(np, n)) for n in ("sum", "mean", "prod", "amax", "amin")},
    "logsumexp": _reduction(special.logsumexp),
    "norm1": _reduction(lambda a, axis: np.sum(np.abs(a), axis=axis)),
    "norm2": _reduction(lambda a, axis: np.sqrt(np.sum(a * a, axis=axis))),
    "norm2sq": _reduction(lambda a, axis: np.sum(a * a, axis=axis)),
    "softmax": lambda a, axis=-1: special.softmax(a, axis=axis),
    "cumsum": lambda a, axis=-1: np.cumsum(a, axis=axis),
    "trace": np.trace,
    "dot": lambda a, b: np.sum(a * b),
    "outer": np.outer,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": lambda c, a, b: np.where(np.asarray(c) if np.asarray(c).dtype == bool else np.asarray(c) > 0, a, b),
    "huber": lambda a, d=1.0: special.huber(d, a),
    "cross_entropy": lambda z, k: special.logsumexp(z, axis=1) - z[np.arange(len(k)), k],
    "logistic": lambda z, y: np.log1p(np.exp(-z * y)),
    "take": lambda a, i: a[i],
    "reshape": lambda a, *n: np.reshape(a, n),
    "concatenate": lambda *a, axis=0: np.concatenate(a, axis=axis),
    "stack": lambda *a, axis=0: np.stack(a, axis=axis),
    "pi": math.pi,
}


def reference(text: str, given: dict[str, np.ndarray]) -> np.ndarray:
    """The text's value by Python itself, of whose grammar the language is a part; NaN if numpy refuses it."""
    real = {name: np.float64(v) if np.ndim(v) == 0 else v for name, v in given.items()}
    with np.errstate(all="ignore"):
        return np.asarray(eval(f"({text}\n)", {"__builtins__": {}}, {**REFERENCE, **real}), dtype=float)
