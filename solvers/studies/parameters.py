"""The kinds of parameters of a study: their values, their places in the unit interval, and when they are active."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from solvers.core.errors import InvalidProblem

#: A value of a parameter: plain JSON.
Value: TypeAlias = float | int | str | bool
#: Values of the active parameters by name.
Point: TypeAlias = dict[str, Value]


def same(a: Value, b: Value) -> bool:
    """Equality of plain values in which true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Condition:
    """The parameter ``parent`` is active and has one of ``values`` or, without values, lies in [low, high]."""

    parent: str
    values: tuple[Value, ...] = ()
    low: float = -math.inf
    high: float = math.inf

    def holds(self, point: Mapping[str, Value]) -> bool:
        if self.parent not in point:
            return False
        value = point[self.parent]
        if self.values:
            return any(same(value, wanted) for wanted in self.values)
        return is_number(value) and self.low <= float(value) <= self.high


@dataclass(frozen=True, kw_only=True)
class Parameter(abc.ABC):
    """What all kinds share.

    Attributes:
        name: unique within the space.
        when: all of them must hold for the parameter to be active; an inactive parameter has no value.
    """

    name: str
    when: tuple[Condition, ...] = ()
    type: ClassVar[str]

    @property
    @abc.abstractmethod
    def levels(self) -> int | None:
        """The number of values, or None if they cannot be counted."""

    @abc.abstractmethod
    def at(self, unit: float) -> Value:
        """The value at a place of [0, 1]; levels have places of equal width."""

    @abc.abstractmethod
    def unit(self, value: Value) -> float:
        """The place of a value: ``at(unit(v)) == v``; of a level the middle of its places."""

    @abc.abstractmethod
    def fault(self, value: object) -> str:
        """What is wrong with a value, or "" if nothing is."""


@dataclass(frozen=True, kw_only=True)
class Numeric(Parameter):
    """A number in [low, high], both included; with ``step`` only low, low + step, ... With ``log``, the unit interval
    is that of the logarithm. ``unit`` of a stepless number is exact to rounding."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        where = f"/{self.name}"
        if not (is_number(self.low) and is_number(self.high)):
            raise InvalidProblem(
                f"{self.name!r}: the range [{self.low}, {self.high}] is not finite",
                pointer=where,
                hint="give two finite numbers",
            )
        if self.low > self.high:
            raise InvalidProblem(
                f"{self.name!r}: the range [{self.low}, {self.high}] is empty",
                pointer=f"{where}/low",
                hint="low must not exceed high; were they swapped?",
            )
        if not math.isfinite(float(self.high) - float(self.low)):
            raise InvalidProblem(f"{self.name!r}: the range is wider than any number", pointer=where)
        if self.log and self.low <= 0:
            raise InvalidProblem(
                f"{self.name!r}: a logarithmic scale needs low > 0, not {self.low}",
                pointer=f"{where}/low",
                hint="give a small positive low, or leave log out",
            )
        if self.step is not None and not (is_number(self.step) and self.step > 0):
            raise InvalidProblem(
                f"{self.name!r}: the step must be a positive number, not {self.step}", pointer=f"{where}/step"
            )

    @property
    def levels(self) -> int | None:
        if self.low == self.high:
            return 1
        if self.step is None:
            return None
        return math.floor((self.high - self.low) / self.step * (1 + 1e-12) + 1e-9) + 1

    def at(self, unit: float) -> Value:
        unit = min(max(float(unit), 0.0), 1.0)
        levels = self.levels
        if levels is None:
            return self._plain(self._stretch(unit, self.low, self.high))
        half = (self.step or 0.0) / 2  # each level owns the interval around it, so that all have the same width
        last = self.low + (levels - 1) * (self.step or 0.0)
        low = self.low - half
        if self.log:
            low = max(low, self.low / 2)
        value = self._stretch(unit, low, last + half)
        index = 0 if self.step is None else min(max(round((value - self.low) / self.step), 0), levels - 1)
        # fifteen digits: what is 0.3 for people is not to be 0.30000000000000004
        return self._plain(float(f"{self.low + index * (self.step or 0.0):.15g}"))

    def unit(self, value: Value) -> float:
        number = float(value)
        levels = self.levels
        if levels == 1:
            return 0.5
        low, high = self.low, self.high
        if levels is not None and self.step is not None:
            high = self.low + (levels - 1) * self.step + self.step / 2
            low = max(low - self.step / 2, low / 2) if self.log else low - self.step / 2
        if self.log:
            place = (math.log(max(number, 1e-320)) - math.log(low)) / (math.log(high) - math.log(low))
        else:
            place = (number - low) / (high - low)
        return min(max(place, 0.0), 1.0)

    def fault(self, value: object) -> str:
        if not is_number(value) or not isinstance(value, (int, float)):
            return f"must be a finite number, not {value!r}"
        slack = 1e-9 * max(abs(self.low), abs(self.high), 1e-300)
        if not self.low - slack <= value <= self.high + slack:
            return f"{value} lies outside [{self.low}, {self.high}]"
        if self.step is not None:
            offset = (value - self.low) / self.step
            if abs(offset - round(offset)) > 1e-6:
                return f"{value} is not {self.low} plus a multiple of {self.step}"
        return ""

    def _stretch(self, unit: float, low: float, high: float) -> float:
        if unit in (0.0, 1.0):  # the ends to the last digit
            return high if unit else low
        if self.log:
            return math.exp((1.0 - unit) * math.log(low) + unit * math.log(high))
        return low + unit * (high - low)

    def _plain(self, value: float) -> Value:
        return min(max(float(value), self.low), self.high)


@dataclass(frozen=True, kw_only=True)
class Float(Numeric):
    """A real number."""

    type: ClassVar[str] = "float"


@dataclass(frozen=True, kw_only=True)
class Int(Numeric):
    """An integer; ``step`` is 1 if not given."""

    step: float | None = 1
    type: ClassVar[str] = "int"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step is None:
            object.__setattr__(self, "step", 1)
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if float(value) != int(value):
                raise InvalidProblem(
                    f"{self.name!r}: {name} of an integer must be whole, not {value}", pointer=f"/{self.name}/{name}"
                )
            object.__setattr__(self, name, int(value))

    def _plain(self, value: float) -> Value:
        return round(min(max(value, self.low), self.high))

    def fault(self, value: object) -> str:
        if isinstance(value, float) and value != int(value) if is_number(value) else False:
            return f"must be a whole number, not {value!r}"
        return super().fault(value)


@dataclass(frozen=True, kw_only=True)
class Fidelity(Numeric):
    """How thoroughly a point is evaluated (epochs, share of the data): ``high`` is what counts, less is cheaper.

    Engines that know no fidelities always ask for ``high``. ``whole``: only integers.
    """

    whole: bool = False
    type: ClassVar[str] = "fidelity"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.when:
            raise InvalidProblem(f"{self.name!r}: a fidelity cannot be conditional", pointer=f"/{self.name}/when")
        if self.whole and self.step is None:
            object.__setattr__(self, "step", 1)

    def _plain(self, value: float) -> Value:
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(value)


@dataclass(frozen=True, kw_only=True)
class Choices(Parameter):
    """One of a list of different plain values."""

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise InvalidProblem(
                f"{self.name!r} has no choices", pointer=f"/{self.name}/choices", hint="give at least one"
            )
        for i, choice in enumerate(self.choices):
            if not isinstance(choice, (str, bool)) and not is_number(choice):
                raise InvalidProblem(
                    f"{self.name!r}: a choice must be a string, a finite number or a boolean, not {choice!r}",
                    pointer=f"/{self.name}/choices/{i}",
                )
            if any(same(choice, other) for other in self.choices[:i]):
                raise InvalidProblem(
                    f"{self.name!r}: the choice {choice!r} occurs twice", pointer=f"/{self.name}/choices/{i}"
                )

    @property
    def levels(self) -> int:
        return len(self.choices)

    def index(self, value: Value) -> int:
        """The position of a value among the choices; -1 if it is none of them."""
        return next((i for i, choice in enumerate(self.choices) if same(choice, value)), -1)

    def at(self, unit: float) -> Value:
        return self.choices[min(max(int(unit * len(self.choices)), 0), len(self.choices) - 1)]

    def unit(self, value: Value) -> float:
        return (self.index(value) + 0.5) / len(self.choices)

    def fault(self, value: object) -> str:
        if isinstance(value, (str, int, float, bool)) and self.index(value) >= 0:
            return ""
        return f"{value!r} is not one of {', '.join(repr(choice) for choice in self.choices[:20])}"


@dataclass(frozen=True, kw_only=True)
class Categorical(Choices):
    """Choices without an order: any two are equally far apart."""

    type: ClassVar[str] = "categorical"


@dataclass(frozen=True, kw_only=True)
class Ordinal(Choices):
    """Choices in the order given, neighbours equally far apart."""

    type: ClassVar[str] = "ordinal"
