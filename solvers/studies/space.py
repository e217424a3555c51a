"""The search space of a study: parameters, conditional to any depth, and constraints on the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from solvers.core.errors import InvalidProblem
from solvers.studies.constraints import InputConstraint
from solvers.studies.parameters import (
    Categorical,
    Condition,
    Fidelity,
    Float,
    Int,
    Numeric,
    Ordinal,
    Parameter,
    Point,
    Value,
)

_KINDS: dict[str, type[Parameter]] = {kind.type: kind for kind in (Float, Int, Categorical, Ordinal, Fidelity)}
_FIELDS = {
    "float": {"low", "high", "log", "step"},
    "int": {"low", "high", "log", "step"},
    "categorical": {"choices"},
    "ordinal": {"choices"},
    "fidelity": {"low", "high", "log", "step", "whole"},
}


@dataclass(frozen=True)
class Space:
    """Parameters in the order of the user, and constraints on them.

    Plain JSON form::

        {"parameters": [{"name": "lr", "type": "float", "low": 1e-5, "high": 0.1, "log": true},
                        {"name": "optimizer", "type": "categorical", "choices": ["adam", "sgd"]},
                        {"name": "momentum", "type": "float", "low": 0, "high": 1, "when": {"optimizer": ["sgd"]}},
                        {"name": "width_2", "type": "int", "low": 8, "high": 64, "when": {"layers": {"low": 2}}}],
         "constraints": [{"tree": ["<=", ["var", "lr"], 0.05], "text": "lr <= 0.05"}]}

    ``when`` maps parents to a value, a list of values (any of them) or a range; several parents: all of them.

    Raises:
        InvalidProblem: duplicate names, unknown or cyclic parents, values that a parent cannot have; ``pointer`` leads
            into the JSON form by name (``/parameters/momentum/when``).
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[InputConstraint, ...] = ()

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InvalidProblem("the space has no parameters", pointer="/parameters", hint="give at least one")
        seen: set[str] = set()
        for parameter in self.parameters:
            if parameter.name in seen:
                raise InvalidProblem(
                    f"two parameters are called {parameter.name!r}", pointer=f"/parameters/{parameter.name}"
                )
            seen.add(parameter.name)
        for parameter in self.parameters:
            for condition in parameter.when:
                self._check_condition(parameter, condition)
        self.ordered  # noqa: B018 - raises on a cycle
        for constraint in self.constraints:
            for name in sorted(constraint.names() - seen):
                raise InvalidProblem(
                    f"constraint {constraint.text or constraint.tree!r} speaks of {name!r}, which is no parameter",
                    pointer="/constraints",
                )

    def _check_condition(self, parameter: Parameter, condition: Condition) -> None:
        pointer = f"/parameters/{parameter.name}/when/{condition.parent}"
        parent = self.by_name.get(condition.parent)
        if parent is None:
            raise InvalidProblem(
                f"{parameter.name!r} depends on {condition.parent!r}, which is no parameter", pointer=pointer
            )
        if not condition.values and not isinstance(parent, Numeric):
            raise InvalidProblem(
                f"{parameter.name!r}: a range of {condition.parent!r} needs a numeric parent",
                pointer=pointer,
                hint="give the values",
            )
        if not condition.values and condition.low > condition.high:
            raise InvalidProblem(
                f"{parameter.name!r}: the range of {condition.parent!r} is empty",
                pointer=pointer,
                hint="swap low and high",
            )

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def ordered(self) -> tuple[Parameter, ...]:
        """Parents before children, otherwise in the order of the user."""
        done: dict[str, Parameter] = {}
        waiting = list(self.parameters)
        while waiting:
            ready = [p for p in waiting if all(condition.parent in done for condition in p.when)]
            if not ready:
                raise InvalidProblem(
                    "parameters depend on each other in a circle: " + ", ".join(sorted(p.name for p in waiting)),
                    pointer=f"/parameters/{waiting[0].name}/when",
                )
            done.update((p.name, p) for p in ready)
            waiting = [p for p in waiting if p.name not in done]
        return tuple(done.values())

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        return tuple(p for p in self.parameters if isinstance(p, Fidelity))

    @cached_property
    def conditional(self) -> bool:
        return any(parameter.when for parameter in self.parameters)

    @cached_property
    def size(self) -> float:
        """The number of points if all parameters were always active (an upper bound); inf if uncountable."""
        size = 1.0
        for parameter in self.parameters:
            size *= float("inf") if parameter.levels is None else parameter.levels
        return size

    def active(self, point: Mapping[str, Value]) -> tuple[Parameter, ...]:
        """The parameters that have a value when the others are as in ``point``, parents first."""
        found: dict[str, Value] = {}
        active = []
        for parameter in self.ordered:
            if all(condition.holds(found) for condition in parameter.when):
                active.append(parameter)
                if parameter.name in point:
                    found[parameter.name] = point[parameter.name]
        return tuple(active)

    def feasible(self, point: Mapping[str, Value]) -> bool:
        """True if all constraints on the inputs hold."""
        return all(constraint.holds(point) for constraint in self.constraints)

    def check(self, point: Mapping[str, Value], *, partial: bool = False) -> None:
        """Check the values of a trial.

        Args:
            partial: values may be missing (fixed values of an ask).

        Raises:
            InvalidProblem: unknown, missing or inactive parameter, value outside its range; ``pointer`` is the name.
        """
        for name, value in point.items():
            if name not in self.by_name:
                raise InvalidProblem(
                    f"no parameter is called {name!r}", pointer=f"/{name}", hint="known: " + ", ".join(self.by_name)
                )
            fault = self.by_name[name].fault(value)
            if fault:
                raise InvalidProblem(f"parameter {name!r}: {fault}", pointer=f"/{name}")
        if partial:
            return
        active = {parameter.name for parameter in self.active(point)}
        for name in sorted(active - point.keys()):
            raise InvalidProblem(f"parameter {name!r} has no value", pointer=f"/{name}")
        for name in sorted(point.keys() - active):
            raise InvalidProblem(
                f"parameter {name!r} is not active here and can have no value", pointer=f"/{name}", hint="leave it out"
            )

    def at(self, units: Mapping[str, float], fixed: Mapping[str, Value] | None = None) -> Point:
        """The point at places of the unit intervals, given for all parameters; fixed values go before."""
        point: Point = {}
        for parameter in self.ordered:
            if all(condition.holds(point) for condition in parameter.when):
                name = parameter.name
                point[name] = fixed[name] if fixed and name in fixed else parameter.at(units[name])
        return point

    def to_json(self) -> dict[str, Any]:
        return {
            "parameters": [_parameter_json(parameter) for parameter in self.parameters],
            "constraints": [{"tree": c.tree, "text": c.text} for c in self.constraints],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Space:
        """The inverse of ``to_json``; raises InvalidProblem with a pointer into the document."""
        parameters = tuple(_parameter(item, i) for i, item in enumerate(document.get("parameters", ())))
        constraints = tuple(
            InputConstraint(item["tree"], item.get("text", "")) for item in document.get("constraints", ())
        )
        return cls(parameters, constraints)


def conditions(when: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """Conditions from their JSON form: ``{"optimizer": "sgd", "layers": {"low": 2}, "act": ["relu", "gelu"]}``."""
    found = []
    for parent, wanted in (when or {}).items():
        if isinstance(wanted, Mapping):
            found.append(Condition(parent, (), float(wanted.get("low", "-inf")), float(wanted.get("high", "inf"))))
        else:
            values = tuple(wanted) if isinstance(wanted, Sequence) and not isinstance(wanted, str) else (wanted,)
            if not values:
                raise InvalidProblem(f"the condition on {parent!r} allows no value", pointer=f"/when/{parent}")
            found.append(Condition(parent, values))
    return tuple(found)


def _parameter_json(parameter: Parameter) -> dict[str, Any]:
    item: dict[str, Any] = {"name": parameter.name, "type": parameter.type}
    for name in sorted(_FIELDS[parameter.type]):
        value = getattr(parameter, name)
        if value is not None and value is not False:
            item[name] = list(value) if isinstance(value, tuple) else value
    if parameter.when:
        item["when"] = {c.parent: list(c.values) if c.values else _range_json(c) for c in parameter.when}
    return item


def _range_json(condition: Condition) -> dict[str, float]:
    ends = {"low": condition.low, "high": condition.high}
    return {name: end for name, end in ends.items() if abs(end) != float("inf")}


def _parameter(item: Mapping[str, Any], index: int) -> Parameter:
    name, kind = item.get("name"), item.get("type")
    if not isinstance(name, str) or not name:
        raise InvalidProblem("a parameter needs a name", pointer=f"/parameters/{index}/name")
    if kind not in _KINDS:
        raise InvalidProblem(
            f"{name!r}: unknown type {kind!r}", pointer=f"/parameters/{name}/type", hint="known: " + ", ".join(_KINDS)
        )
    given = {key: value for key, value in item.items() if key not in ("name", "type", "when")}
    for key in sorted(given.keys() - _FIELDS[kind]):
        raise InvalidProblem(f"{name!r}: a {kind} parameter has no {key!r}", pointer=f"/parameters/{name}/{key}")
    if "choices" in given:
        given["choices"] = tuple(given["choices"])
    try:
        return _KINDS[kind](name=name, when=conditions(item.get("when")), **given)
    except InvalidProblem as error:
        raise InvalidProblem(str(error), pointer=f"/parameters{error.pointer}", hint=error.hint) from error
    except TypeError as error:
        raise InvalidProblem(f"{name!r}: {error}", pointer=f"/parameters/{name}") from error
