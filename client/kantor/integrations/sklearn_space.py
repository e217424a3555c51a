"""Distributions of a scikit-learn search as a space of Kantor."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kantor.studies_space import Categorical, Float, Int, Ordinal, Parameter

_WHICH = "which"
"""Of several dictionaries: the choice among them."""
_EDGE = 1e-9
"""So near to 0 and 1 a quantile function is asked: at the very ends many are infinite."""

Decode = Callable[[Any], Any]


class Distributions:
    """``param_distributions`` understood.

    Attributes:
        space: parameters of Kantor by name; empty if there is nothing to choose.
    """

    def __init__(self, given: Any) -> None:
        parts = [given] if isinstance(given, Mapping) else list(given)
        if not parts or not all(isinstance(part, Mapping) for part in parts):
            raise TypeError("param_distributions is a dictionary of distributions, or a list of such dictionaries")
        self.space: dict[str, Parameter] = {}
        self._several = len(parts) > 1
        self._constants: list[dict[str, Any]] = []
        self._decoders: list[dict[str, tuple[str, Decode]]] = []
        if self._several:
            self.space[_WHICH] = Categorical([str(k) for k in range(len(parts))])
        for k, part in enumerate(parts):
            constants, decoders = {}, {}
            for name, item in part.items():
                parameter, decode = _understand(name, item)
                if parameter is None:
                    constants[name] = decode(None)
                    continue
                own = f"{name} [{k}]" if self._several else name
                if self._several:
                    own_when = {f"{above} [{k}]": value for above, value in parameter.fields.get("when", {}).items()}
                    parameter.fields["when"] = {_WHICH: str(k), **own_when}
                self.space[own] = parameter
                decoders[own] = (name, decode)
            self._constants.append(constants)
            self._decoders.append(decoders)

    def candidate(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the estimator for a point of Kantor."""
        k = int(point[_WHICH]) if self._several else 0
        names = self._decoders[k]
        return {**self._constants[k], **{names[o][0]: names[o][1](v) for o, v in point.items() if o in names}}


def _understand(name: str, item: Any) -> tuple[Parameter | None, Decode]:
    """The parameter (None for a single value), and how its values become the estimator's."""
    if isinstance(item, Parameter):
        return _copied(item), lambda value: value
    if isinstance(item, tuple) and len(item) == 3 and item[2] in ("uniform", "log-uniform"):
        low, high = item[:2]
        log = item[2] == "log-uniform"
        if isinstance(low, numbers.Integral) and isinstance(high, numbers.Integral):
            return Int(int(low), int(high), log=log), int
        return Float(float(low), float(high), log=log), float
    if hasattr(item, "rvs"):
        return _of_scipy(name, item)
    if isinstance(item, str) or not hasattr(item, "__len__"):
        raise TypeError(
            f"the distribution of {name!r} is {item!r}: take a list of values, a distribution of scipy.stats, or a "
            "parameter like kantor.Float(1e-4, 1, log=True)"
        )
    return _of_list(name, item)


def _copied(item: Parameter) -> Parameter:
    """So that what is added to it does not change the caller's."""
    other = object.__new__(type(item))
    other.fields = dict(item.fields)
    return other


def _of_list(name: str, item: Sequence[Any]) -> tuple[Parameter | None, Decode]:
    values = [value.item() if isinstance(value, np.generic) else value for value in item]
    if not values:
        raise ValueError(f"the list of values of {name!r} is empty")
    if len(values) == 1:
        return None, lambda _: values[0]
    plain = all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in values)
    if plain and len(set(values)) == len(values) and all(np.isfinite(value) for value in values):
        # numbers have an order, from which engines learn; they come back as they were given, 1 and 1.0 too
        order = sorted(range(len(values)), key=lambda k: values[k])
        kept = {float(values[k]): values[k] for k in order}
        return Ordinal([values[k] for k in order]), lambda value: kept[float(value)]
    texts = [value if isinstance(value, str) else repr(value)[:150] for value in values]
    labels = [text if texts.count(text) == 1 else f"{text} #{k}" for k, text in enumerate(texts)]
    labels = [label or f"#{k}" for k, label in enumerate(labels)]
    return Categorical(labels), lambda label: values[labels.index(label)]


def _of_scipy(name: str, item: Any) -> tuple[Parameter | None, Decode]:
    if not hasattr(item, "ppf") or not hasattr(item, "support"):
        raise TypeError(
            f"the distribution of {name!r} ({type(item).__name__}) can only be drawn from (rvs); an engine needs its "
            "quantiles (ppf): take a frozen distribution of scipy.stats, or a parameter of kantor"
        )
    kind = getattr(getattr(item, "dist", None), "name", "")
    low, high = (float(end) for end in item.support())
    discrete = hasattr(item, "pmf")
    if kind == "randint":
        return (Int(int(low), int(high)), int) if low < high else (None, lambda _: int(low))
    if kind == "uniform":
        return Float(low, high), float
    if kind in ("loguniform", "reciprocal") and np.isclose(item.ppf(0.5), np.sqrt(low * high)):
        return Float(low, high, log=True), float

    def quantile(share: float) -> float | int:
        found = float(item.ppf(min(max(float(share), _EDGE), 1.0 - _EDGE)))
        return int(found) if discrete else found

    return Float(0.0, 1.0), quantile
