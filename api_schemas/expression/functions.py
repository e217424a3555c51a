"""The functions of the language: how many arguments, whether an axis, one line for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Function:
    """Attributes:

    least, most: number of arguments; ``most`` None for any.
    axis: ``no``, ``optional`` (without it: all elements) or ``last`` (without it: the last axis) or ``first``.
    text: what it is, in the language itself where possible.
    """

    least: int
    most: int | None
    text: str
    axis: Literal["no", "optional", "last", "first"] = "no"


#: Elementwise functions of one array; each is one operation of the same name.
ELEMENTWISE: dict[str, str] = {
    "exp": "e to the power of x",
    "log": "natural logarithm",
    "log1p": "log(1 + x), exact near 0",
    "xlogx": "x*log(x), and 0 at 0",
    "expm1": "exp(x) - 1, exact near 0",
    "sqrt": "square root",
    "square": "x**2",
    "abs": "absolute value; its derivative at 0 is taken as 0",
    "sin": "sine",
    "cos": "cosine",
    "tan": "tangent",
    "arctan": "inverse tangent",
    "sinh": "hyperbolic sine",
    "cosh": "hyperbolic cosine",
    "tanh": "hyperbolic tangent",
    "erf": "error function",
    "sigmoid": "1/(1 + exp(-x))",
    "softplus": "log(1 + exp(x))",
    "relu": "maximum(x, 0); its derivative at 0 is taken as 0",
}

#: Reductions; each is one operation of the same name.
REDUCTIONS: dict[str, str] = {
    "sum": "sum",
    "mean": "arithmetic mean",
    "prod": "product",
    "amax": "largest element",
    "amin": "smallest element",
    "logsumexp": "log(sum(exp(x)))",
    "norm1": "sum(abs(x))",
    "norm2": "sqrt(sum(x**2)); its derivative at 0 is taken as 0",
    "norm2sq": "sum(x**2)",
}

FUNCTIONS: dict[str, Function] = {
    **{name: Function(1, 1, text) for name, text in ELEMENTWISE.items()},
    **{name: Function(1, 1, text, "optional") for name, text in REDUCTIONS.items()},
    "softmax": Function(1, 1, "exp(x)/sum(exp(x)) along an axis", "last"),
    "cumsum": Function(1, 1, "running sum along an axis", "last"),
    "trace": Function(1, 1, "sum of a matrix's diagonal"),
    "dot": Function(2, 2, "sum(a*b)"),
    "outer": Function(2, 2, "matrix of all products of two vectors"),
    "maximum": Function(2, 2, "the larger of two, elementwise"),
    "minimum": Function(2, 2, "the smaller of two, elementwise"),
    "where": Function(3, 3, "where(c, a, b): a where c > 0, else b; c may be a comparison"),
    "huber": Function(
        1, 2, "huber(z, d): z**2/2 where abs(z) <= d, else d*(abs(z) - d/2); d is a number, 1 if left out"
    ),
    "cross_entropy": Function(2, 2, "cross_entropy(z, k): logsumexp(z_r) - z_r[k_r] for each row r; k: labels from 0"),
    "logistic": Function(2, 2, "logistic(z, y): log(1 + exp(-y*z)) for labels y of -1 and 1"),
    "take": Function(2, 2, "take(x, i): x[i] along the first axis; i: data of whole numbers"),
    "reshape": Function(2, 5, "reshape(x, 3, 4): row-major; the lengths are literal, one may be -1"),
    "concatenate": Function(1, None, "arrays one after the other along an axis", "first"),
    "stack": Function(1, None, "arrays of one shape along a new axis", "first"),
}

#: What people type instead.
ALSO_KNOWN_AS: dict[str, str] = {
    "max": "amax (of one array) or maximum (of two)",
    "min": "amin (of one array) or minimum (of two)",
    "ln": "log",
    "log2": "log(x)/0.6931471805599453",
    "log10": "log(x)/2.302585092994046",
    "pow": "x**p",
    "power": "x**p",
    "norm": "norm2 or norm1",
    "transpose": "x.T",
    "matmul": "a @ b",
    "if": "where(condition, a, b)",
    "clip": "minimum(maximum(x, low), high)",
    "atan": "arctan",
    "avg": "mean",
    "average": "mean",
    "lse": "logsumexp",
    "entr": "-xlogx(x)",
    "entropy": "-sum(xlogx(x))",
    "rel_entr": "x*log(x/y)",
    "kl_div": "x*log(x/y) - x + y",
    "fabs": "abs",
    "sqr": "square",
    "hinge": "relu(1 - y*z)",
    "crossentropy": "cross_entropy",
    "len": "write the number",
    "var": "mean((x - mean(x))**2)",
    "std": "sqrt(mean((x - mean(x))**2))",
}
