"""What an engine is: its specification, and the context through which it reports and is told to stop."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

OptionType = Literal["float", "integer", "boolean", "string"]
StopReason = Literal["time", "cancelled", "memory", "beaten"]


@dataclass(frozen=True)
class Option:
    """One option of an engine: enough to check a value, to draw a form field and to print a table of help.

    Attributes:
        name: in snake_case.
        type: ``minimum`` and ``maximum`` (both inclusive) are for numbers, ``choices`` for strings.
        default: None means that the engine decides.
        unit: ``"s"``, ``"MB"``..., or "".
    """

    name: str
    type: OptionType
    default: float | int | bool | str | None
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class EngineSpec:
    """What an engine says of itself. Announced by workers, shown to users, used by ``auto`` to choose.

    Attributes:
        id: unique within the family, kebab-case: ``"highs"``.
        family: the problem kind: ``"program"``, ``"transport"``, ``"bilevel"``, ``"study"``, ``"schedule"``.
        version: of the underlying solver, or of the engine where it is our own.
        title: a short name for people.
        summary: one sentence: what it solves best.
        solves: features of a problem that it accepts, for example ``{"linear", "integer", "sos"}``: a problem is
            accepted when the features it needs are a subset.
        capabilities: what else it can do: ``"warm-start"``, ``"duals"``, ``"basis"``, ``"ranging"``, ``"iis"``,
            ``"rays"``, ``"pool"``, ``"incumbents-in"``, ``"incumbents-out"``, ``"deterministic"``, ``"threads"``...
        options: engine-specific ones; those that all engines of a family share are declared by the family.
        pool: which worker pool runs it: ``"cpu"``, ``"gpu"``, or one of its own (``"botorch"``).
        process_group: engines of one group may share a process; libraries that cannot be loaded together differ here.
        requires: import names that must be present for the engine to be offered.
        citation: paper or address.
        excludes: combinations of features that it does not take although it takes each of them alone.
    """

    id: str
    family: str
    version: str
    title: str
    summary: str
    solves: frozenset[str]
    capabilities: frozenset[str] = frozenset()
    options: tuple[Option, ...] = ()
    pool: str = "cpu"
    process_group: str = "default"
    requires: tuple[str, ...] = ()
    citation: str = ""
    excludes: tuple[frozenset[str], ...] = ()

    def accepts(self, features: Collection[str]) -> bool:
        """True if a problem that needs these features can be given to the engine."""
        needed = set(features)
        return needed <= self.solves and not any(combination <= needed for combination in self.excludes)


class Context(Protocol):
    """The engine's only way to the outside. Every method is cheap and may be called from any thread of the process."""

    @property
    def deadline(self) -> float | None:
        """``time.monotonic()`` value at which the engine must be back, or None."""
        ...

    @property
    def offers(self) -> bool:
        """True if other engines work on the same problem, so that ``foreign_incumbent`` may return something."""
        ...

    def report(self, **metrics: float | int | str | None) -> None:
        """Report progress. Common names: objective, bound, gap, nodes, iterations; an engine may add its own."""
        ...

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        """Hand over the best feasible point so far (it is copied): it survives even if this process is killed."""
        ...

    def log(self, text: str) -> None:
        """Add the engine's own log output (one or several lines)."""
        ...

    def should_stop(self) -> StopReason | None:
        """Why the engine should return its best answer now, or None to go on. Poll it at least every 100 ms."""
        ...

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        """The newest feasible point that another engine found, once each; None if there is no new one."""
        ...


P = TypeVar("P", contravariant=True)
A = TypeVar("A", covariant=True)


class Engine(Protocol[P, A]):
    """``solve`` must not change ``problem`` or ``options``, must have no side effects outside ``context``, and must
    return within a second of ``context.should_stop()`` wherever the underlying solver lets it."""

    @property
    def spec(self) -> EngineSpec: ...

    def solve(self, problem: P, options: Mapping[str, Any], context: Context) -> A: ...


@dataclass
class LocalContext:
    """A context for use as a plain library: keeps what was reported, stops at a time limit or when told.

    Attributes:
        time_limit: seconds from construction, or None.
        reports, incumbents, lines: what the engine handed over, in order.
    """

    time_limit: float | None = None
    reports: list[dict[str, Any]] = field(default_factory=list)
    incumbents: list[tuple[float, np.ndarray]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    stop: StopReason | None = None
    offers: bool = False
    deadline: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = None if self.time_limit is None else time.monotonic() + self.time_limit

    def report(self, **metrics: float | int | str | None) -> None:
        self.reports.append(metrics)

    def incumbent(self, objective: float, x: np.ndarray) -> None:
        self.incumbents.append((objective, np.array(x, copy=True)))

    def log(self, text: str) -> None:
        self.lines.extend(text.splitlines())

    def should_stop(self) -> StopReason | None:
        if self.stop is None and self.deadline is not None and time.monotonic() >= self.deadline:
            self.stop = "time"
        return self.stop

    def foreign_incumbent(self) -> tuple[float, np.ndarray] | None:
        return None


class Quiet(LocalContext):
    """For a problem within another: the outer one's stop; what is found on the way is not the whole's progress."""

    def __init__(self, outer: Context) -> None:
        super().__init__()
        self._outer = outer

    def should_stop(self) -> StopReason | None:
        return self._outer.should_stop()
