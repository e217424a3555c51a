"""The search space of a study: parameters, conditions among them, and constraints on the inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from api_schemas.base import Model
from api_schemas.expression.errors import ExpressionError
from api_schemas.expression.syntax import parse

Scalar = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=255)]
Point = Annotated[dict[str, Scalar], Field(max_length=500)]
"""Values of parameters by name; an inactive parameter has none."""


class Range(Model):
    """Values of a numeric parent, both ends included."""

    low: FiniteFloat | None = None
    high: FiniteFloat | None = None


Condition = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=1000)] | Range
"""A value, any of several values, or a range of a numeric parent."""
When = Annotated[dict[str, Condition], Field(max_length=16)]
Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]


class FloatParameter(Model):
    """A real number in [low, high]; with ``step`` only low, low + step..."""

    type: Literal["float"] = "float"
    low: FiniteFloat
    high: FiniteFloat
    log: bool = False
    step: Annotated[FiniteFloat, Field(gt=0)] | None = None
    when: When = {}
    """The parameter is active only where all these parents have such values."""

    @model_validator(mode="after")
    def _range(self) -> FloatParameter:
        _check_range(self.low, self.high, self.log)
        return self


class IntParameter(Model):
    """A whole number in [low, high]."""

    type: Literal["int"] = "int"
    low: Annotated[int, Field(ge=-(2**53), le=2**53)]
    high: Annotated[int, Field(ge=-(2**53), le=2**53)]
    log: bool = False
    step: Annotated[int, Field(ge=1)] = 1
    when: When = {}

    @model_validator(mode="after")
    def _range(self) -> IntParameter:
        _check_range(self.low, self.high, self.log)
        return self


class CategoricalParameter(Model):
    """One of several values without an order."""

    type: Literal["categorical"] = "categorical"
    choices: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)]
    when: When = {}

    @model_validator(mode="after")
    def _different(self) -> CategoricalParameter:
        _check_choices(self.choices)
        return self


class OrdinalParameter(Model):
    """One of several values in their order."""

    type: Literal["ordinal"] = "ordinal"
    choices: Annotated[list[Scalar], Field(min_length=1, max_length=10_000)]
    when: When = {}

    @model_validator(mode="after")
    def _different(self) -> OrdinalParameter:
        _check_choices(self.choices)
        return self


class FidelityParameter(Model):
    """How thoroughly a point is evaluated (epochs, share of the data): ``high`` is what counts, less is cheaper."""

    type: Literal["fidelity"] = "fidelity"
    low: FiniteFloat
    high: FiniteFloat
    log: bool = False
    step: Annotated[FiniteFloat, Field(gt=0)] | None = None
    whole: bool = False

    @model_validator(mode="after")
    def _range(self) -> FidelityParameter:
        _check_range(self.low, self.high, self.log)
        return self

    @property
    def top(self) -> float:
        """The highest fidelity."""
        if self.step is None:
            return self.high
        return self.low + math.floor((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) * self.step


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | FidelityParameter,
    Field(discriminator="type"),
]
NUMERIC = (FloatParameter, IntParameter, FidelityParameter)


def same(a: object, b: object) -> bool:
    """Equality in which true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def fault_of(parameter: Any, value: object) -> str:
    """What is wrong with a value of a parameter; "" if nothing is."""
    if not isinstance(parameter, NUMERIC):
        if any(same(choice, value) for choice in parameter.choices):
            return ""
        return f"{value!r} is not one of {', '.join(repr(choice) for choice in parameter.choices[:20])}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"must be a finite number, not {value!r}"
    if isinstance(parameter, IntParameter) and value != int(value):
        return f"must be a whole number, not {value!r}"
    slack = 1e-9 * max(abs(parameter.low), abs(parameter.high), 1e-300)
    if not parameter.low - slack <= value <= parameter.high + slack:
        return f"{value!r} lies outside [{parameter.low!r}, {parameter.high!r}]"
    if parameter.step is not None:
        offset = (value - parameter.low) / parameter.step
        if abs(offset - round(offset)) > 1e-6:
            return f"{value!r} is not {parameter.low!r} plus a multiple of {parameter.step!r}"
    return ""


def holds(condition: Any, value: object) -> bool:
    """Whether a parent's value meets a condition on it."""
    if isinstance(condition, Range):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        low = -math.inf if condition.low is None else condition.low
        high = math.inf if condition.high is None else condition.high
        return low <= value <= high
    if isinstance(condition, list):
        return any(same(value, wanted) for wanted in condition)
    return same(value, condition)


def ordered(space: Mapping[str, Any]) -> list[str]:
    """Names of the parameters, parents before children.

    Raises:
        PydanticCustomError: they depend on each other in a circle.
    """
    done: dict[str, None] = {}
    waiting = list(space)
    while waiting:
        ready = [name for name in waiting if all(parent in done for parent in getattr(space[name], "when", {}))]
        if not ready:
            raise wrong(
                f"/space/{waiting[0]}/when", "parameters depend on each other in a circle: " + ", ".join(waiting)
            )
        done.update(dict.fromkeys(ready))
        waiting = [name for name in waiting if name not in done]
    return list(done)


def active(space: Mapping[str, Any], point: Mapping[str, Any]) -> list[str]:
    """The parameters that have a value where the others are as in ``point``, parents first."""
    found: list[str] = []
    for name in ordered(space):
        when = getattr(space[name], "when", {})
        if all(parent in found and holds(condition, point.get(parent)) for parent, condition in when.items()):
            found.append(name)
    return found


def point_fault(space: Mapping[str, Any], point: Mapping[str, Any], *, partial: bool = False) -> tuple[str, str]:
    """The parameter at fault and what is wrong with it; ("", "") if the point fits.

    Args:
        partial: values may be missing.
    """
    for name, value in point.items():
        if name not in space:
            return name, f"there is no parameter {name!r}; there are: {', '.join(list(space)[:30])}"
        fault = fault_of(space[name], value)
        if fault:
            return name, fault
    if partial:
        for name in point:
            for parent, condition in getattr(space[name], "when", {}).items():
                if parent in point and not holds(condition, point[parent]):
                    return name, f"is not active where {parent!r} is {point[parent]!r}: leave one of them out"
        return "", ""
    wanted = set(active(space, point))
    for name in space:
        if name in wanted and name not in point:
            return name, "is missing"
        if name not in wanted and name in point:
            return name, "is not active here: leave it out, or change its parents"
    return "", ""


_CALLS = {"abs": "abs", "exp": "exp", "log": "log", "sqrt": "sqrt", "minimum": "min", "maximum": "max"}


def constraint_tree(text: str) -> list[Any]:
    """A constraint on the inputs as prefix lists: ``["<=", ["var", "x"], 1.0]``.

    Raises:
        ExpressionError: not a comparison of scalar expressions.
    """
    built: list[Any] = []
    nodes = parse(text)
    for node in nodes:
        operands = [built[k] for k in node.children]
        if node.kind == "number":
            built.append(node.value)
        elif node.kind == "name":
            built.append(["var", node.text])
        elif node.kind == "negate":
            built.append(["neg", *operands])
        elif node.kind == "binary" and node.text != "@":
            built.append(["pow" if node.text == "**" else node.text, *operands])
        elif node.kind == "compare":
            built.append([node.text, *operands])
        elif node.kind == "call" and node.text in _CALLS and node.axis is None:
            built.append([_CALLS[node.text], *operands])
        else:
            raise ExpressionError(
                "constraints on the inputs are made of numbers, parameters, + - * / ** and "
                + ", ".join(sorted(_CALLS)),
                source=text,
                start=node.start,
                end=node.end,
            )
    if nodes[-1].kind != "compare":
        raise ExpressionError("this is not a comparison", source=text, end=len(text), hint="x + y <= 1")
    tree: list[Any] = built[-1]
    return tree


def oddities(space: Mapping[str, Any]) -> list[str]:
    """Steps longer than their range, and conditions on values that the parent does not have: allowed, since limits and
    choices come and go, but said aloud."""
    found = []
    for name, parameter in space.items():
        step = getattr(parameter, "step", None)
        if step is not None and parameter.low < parameter.high < parameter.low + step * (1 - 1e-9):
            found.append(
                f"{name!r} is always {parameter.low:g}: its step {step:g} is longer than the range from "
                f"{parameter.low:g} to {parameter.high:g}"
            )
        for parent, condition in getattr(parameter, "when", {}).items():
            if isinstance(condition, Range):
                continue
            values = condition if isinstance(condition, list) else [condition]
            faults = [fault for fault in (fault_of(space[parent], value) for value in values) if fault]
            if faults:
                what = "is never active" if len(faults) == len(values) else "has a condition that is never met"
                found.append(f"{name!r} {what}: of {parent!r}, {faults[0]}")
    return found


def names_in(tree: Any) -> set[str]:
    """The parameters that a constraint speaks of."""
    if not isinstance(tree, list):
        return set()
    return {tree[1]} if tree[0] == "var" else set().union(*(names_in(part) for part in tree[1:]))


def check_space(space: Mapping[str, Any], constraints: Sequence[str], guesses: Sequence[Mapping[str, Any]]) -> None:
    """Raises PydanticCustomError where parameters, constraints and guesses contradict each other."""
    for name, parameter in space.items():
        for parent, condition in getattr(parameter, "when", {}).items():
            where = f"/space/{name}/when/{parent}"
            if parent not in space:
                raise wrong(where, f"{name!r} depends on {parent!r}, which is no parameter")
            if isinstance(condition, Range):
                if not isinstance(space[parent], NUMERIC):
                    raise wrong(where, f"{parent!r} has choices: give values, not a range")
                if condition.low is not None and condition.high is not None and condition.low > condition.high:
                    raise wrong(where, "low is above high")
    ordered(space)
    for k, text in enumerate(constraints):
        try:
            tree = constraint_tree(text)
        except ExpressionError as error:
            raise wrong(f"/input_constraints/{k}", error.detail) from None
        loose = [name for name in names_in(tree) if getattr(space.get(name), "type", "") == "float"]
        if tree[0] == "==" and any(space[name].step is None for name in loose):
            words = "an equality leaves no room among real numbers: express one of the parameters by the others"
            raise wrong(f"/input_constraints/{k}", words)
        for name in sorted(names_in(tree)):
            if name not in space:
                raise wrong(f"/input_constraints/{k}", f"{name!r} is no parameter")
            if not _numeric(space[name]):
                raise wrong(f"/input_constraints/{k}", f"{name!r} has choices that are no numbers")
    for k, guess in enumerate(guesses):
        name, fault = point_fault(space, guess)
        if fault:
            raise wrong(f"/guesses/{k}/{name}", f"{name!r}: {fault}")


def _numeric(parameter: Any) -> bool:
    """All values are numbers."""
    return isinstance(parameter, NUMERIC) or not any(isinstance(c, bool | str) for c in parameter.choices)


def _check_range(low: float, high: float, log: bool) -> None:
    if low > high:
        raise ValueError(f"the range is empty: low {low:g} is above high {high:g}")
    if not math.isfinite(float(high) - float(low)):
        raise ValueError(f"the range from {low:g} to {high:g} is wider than any number")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale needs low above 0, but low is {low:g}")


def _check_choices(choices: Sequence[Any]) -> None:
    seen = set()
    for choice in choices:
        key = (isinstance(choice, bool), choice)
        if isinstance(choice, float) and not math.isfinite(choice):
            raise ValueError("a choice is not finite")
        if key in seen:
            raise ValueError(f"the choice {choice!r} occurs twice")
        seen.add(key)


def wrong(pointer: str, message: str) -> PydanticCustomError:
    """An error of a model's validator that names the place."""
    return PydanticCustomError("invalid_problem", "{message}", {"message": message, "pointer": pointer})
