"""Spaces of Optuna as spaces of Kantor: by distributions, and by what define-by-run trials have shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)
from optuna.trial import FrozenTrial

from kantor.studies_space import Categorical, Float, Int, Parameter

When = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """Parameters by name, and for conditional ones where they are active.

    Attributes:
        when: of a conditional parameter, its parent with the choices (their places), or the range of a whole number,
            for which it is there.
    """

    distributions: Mapping[str, BaseDistribution]
    when: Mapping[str, tuple[str, tuple[int, ...] | dict[str, int]]] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Eight hexadecimal digits that name exactly this space."""
        parts = {name: [distribution_to_json(item), self.when.get(name)] for name, item in self.distributions.items()}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]

    def parameters(self) -> dict[str, Parameter]:
        """As Kantor has them."""
        return {name: self._parameter(name, item) for name, item in self.distributions.items()}

    def point(self, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """Values of an Optuna trial as Kantor has them; None if they do not fit."""
        point: dict[str, Any] = {}
        for name, item in self.distributions.items():
            if name not in params:
                if self._active(name, params):
                    return None
                continue
            if not self._active(name, params):
                return None
            value = params[name]
            try:
                if not item._contains(item.to_internal_repr(value)):
                    return None
            except ValueError:
                return None
            if isinstance(item, CategoricalDistribution):
                point[name] = labels(item)[int(item.to_internal_repr(value))]
            else:
                point[name] = int(value) if isinstance(item, IntDistribution) else float(value)
        return point

    def values(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point of Kantor as values of Optuna."""
        found: dict[str, Any] = {}
        for name, value in point.items():
            item = self.distributions[name]
            found[name] = (
                item.choices[labels(item).index(value)] if isinstance(item, CategoricalDistribution) else value
            )
        return found

    def _active(self, name: str, params: Mapping[str, Any]) -> bool:
        if name not in self.when:
            return True
        parent, wanted = self.when[name]
        if parent not in params or not self._active(parent, params):
            return False
        item = self.distributions[parent]
        if isinstance(wanted, dict):
            value = params[parent]
            return bool(wanted.get("low", value) <= value <= wanted.get("high", value))
        return _place(item, params[parent]) in wanted

    def _parameter(self, name: str, item: BaseDistribution) -> Parameter:
        when: When | None = None
        if name in self.when:
            parent, wanted = self.when[name]
            above = self.distributions[parent]
            if isinstance(wanted, dict):
                when = {parent: dict(wanted)}
            elif isinstance(above, CategoricalDistribution):
                when = {parent: [labels(above)[place] for place in wanted]}
            else:
                when = {parent: list(wanted)}
        if isinstance(item, FloatDistribution):
            return Float(item.low, item.high, log=item.log, step=item.step, when=when)
        if isinstance(item, IntDistribution):
            return Int(item.low, item.high, log=item.log, step=item.step, when=when)
        assert isinstance(item, CategoricalDistribution)
        return Categorical(labels(item), when=when)


def labels(item: CategoricalDistribution) -> list[str]:
    """A different text for each choice, whatever it is: Kantor's choices are numbers and texts, Optuna's also None."""
    texts = [choice if isinstance(choice, str) else repr(choice) for choice in item.choices]
    texts = [text[:200] for text in texts]
    return [text if texts.count(text) == 1 else f"{text} #{place}" for place, text in enumerate(texts)]


def learnt(trials: Iterable[FrozenTrial]) -> Space:
    """The space that finished trials have shown.

    A parameter that all trials have belongs to it. One that only some have is conditional if one parent explains it:
    a categorical or whole-number parameter whose values with it and without it are different ones (``units_2`` where
    ``layers >= 3``). What no parent explains, and what had different ranges in different trials, is left out.
    """
    seen = [(trial.params, trial.distributions) for trial in trials]
    distributions: dict[str, BaseDistribution] = {}
    changing: set[str] = set()
    for _, items in seen:
        for name, item in items.items():
            if distributions.setdefault(name, item) != item:
                changing.add(name)
    known = {name: item for name, item in distributions.items() if name not in changing and not item.single()}
    count = {name: sum(name in params for params, _ in seen) for name in known}
    space = {name: item for name, item in known.items() if count[name] == len(seen)}
    when: dict[str, tuple[str, tuple[int, ...] | dict[str, int]]] = {}
    for name in sorted((name for name in known if name not in space), key=lambda name: -count[name]):
        for parent, item in space.items():
            wanted = _explained(name, parent, item, [params for params, _ in seen])
            if wanted is not None:
                when[name] = (parent, wanted)
                space[name] = known[name]
                break
    return Space(space, when)


def _explained(
    name: str, parent: str, item: BaseDistribution, seen: Sequence[Mapping[str, Any]]
) -> tuple[int, ...] | dict[str, int] | None:
    if isinstance(item, FloatDistribution) or any(name in params and parent not in params for params in seen):
        return None
    places = [(_place(item, params[parent]), name in params) for params in seen if parent in params]
    present = {place for place, there in places if there}
    absent = {place for place, there in places if not there}
    if not present or present & absent:
        return None
    if isinstance(item, IntDistribution) and absent:
        if min(present) > max(absent):
            return {"low": min(present)}
        if max(present) < min(absent):
            return {"high": max(present)}
    if not absent:
        return None  # it is as conditional as its parent's own parent: there is nothing that the parent explains
    return tuple(sorted(present))


def _place(item: BaseDistribution, value: Any) -> int:
    return int(item.to_internal_repr(value))
