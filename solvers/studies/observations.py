"""What is known of a study: its trials, with values, curves and costs, and comparisons between trials."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from solvers.core.errors import InvalidProblem
from solvers.studies.parameters import Point

#: ``complete``: evaluated. ``failed``: the evaluation broke, nothing was measured. ``infeasible``: the evaluator says
#: that the point is not allowed. ``pending``: handed out, not back yet. ``stopped``: ended early; its curve counts.
State = Literal["complete", "failed", "infeasible", "pending", "stopped"]
STATES: tuple[str, ...] = get_args(State)

#: (step, value), steps ascending.
Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Trial:
    """One point and what came of it.

    Plain JSON form: the attributes by name, those that are empty left out; curves as lists of [step, value].

    Attributes:
        number: unique within the study, ascending in the order of creation.
        parameters: values of the active parameters.
        state: see ``State``. A complete trial without a finite value for each objective counts as failed.
        values: by name of the objective, in the user's sense (a maximised one is not negated).
        constraints: measured values by name of the outcome constraint (not the slack).
        noise: standard deviation of a value by name, where the evaluator knows it.
        curves: intermediate values by name of the objective.
        cost: of the evaluation, in the unit of the study (seconds, euros), or None.
        reason: why it failed, is infeasible or was stopped, in the evaluator's words.
    """

    number: int
    parameters: Point
    state: State = "complete"
    values: Mapping[str, float] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    cost: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise InvalidProblem(
                f"trial {self.number}: unknown state {self.state!r}", pointer="/state", hint=", ".join(STATES)
            )

    def measured(self, names: Iterable[str]) -> bool:
        """True if the trial is complete with a finite value for each of these objectives."""
        return self.state == "complete" and all(math.isfinite(self.values.get(name, math.nan)) for name in names)

    def to_json(self) -> dict[str, Any]:
        item: dict[str, Any] = {"number": self.number, "parameters": dict(self.parameters), "state": self.state}
        for name in ("values", "constraints", "noise"):
            if getattr(self, name):
                item[name] = dict(getattr(self, name))
        if self.curves:
            item["curves"] = {name: [list(knot) for knot in curve] for name, curve in self.curves.items()}
        if self.cost is not None:
            item["cost"] = self.cost
        if self.reason:
            item["reason"] = self.reason
        return item

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Trial:
        curves = {
            name: tuple(sorted((float(step), float(value)) for step, value in curve))
            for name, curve in item.get("curves", {}).items()
        }
        return cls(
            number=int(item["number"]),
            parameters=dict(item["parameters"]),
            state=item.get("state", "complete"),
            values={name: float(value) for name, value in item.get("values", {}).items()},
            constraints={name: float(value) for name, value in item.get("constraints", {}).items()},
            noise={name: float(value) for name, value in item.get("noise", {}).items()},
            curves=curves,
            cost=None if item.get("cost") is None else float(item["cost"]),
            reason=item.get("reason", ""),
        )


@dataclass(frozen=True)
class Comparison:
    """Someone looked at several trials and named the best ones in order.

    A pairwise preference is ``Comparison((better,), (worse,))``; "these two are alike" cannot be said.

    Attributes:
        best: numbers of trials, best first.
        others: numbers of trials that are worse than all of ``best``, in no order.
    """

    best: tuple[int, ...]
    others: tuple[int, ...] = ()

    def pairs(self) -> list[tuple[int, int]]:
        """(better, worse) for every pair whose order is known: k(k-1)/2 + k(m-k) of them."""
        ranked = [(a, b) for i, a in enumerate(self.best) for b in self.best[i + 1 :]]
        return ranked + [(a, b) for a in self.best for b in self.others]

    def to_json(self) -> dict[str, Any]:
        return {"best": list(self.best), "others": list(self.others)}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Comparison:
        return cls(tuple(int(n) for n in item["best"]), tuple(int(n) for n in item.get("others", ())))


@dataclass(frozen=True)
class Observations:
    """All that an engine may know, in the order of the trials' numbers (whatever order they are given in).

    Plain JSON form: ``{"trials": [...], "comparisons": [...]}``.
    """

    trials: tuple[Trial, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    def __post_init__(self) -> None:
        trials = tuple(sorted(self.trials, key=lambda trial: trial.number))
        for one, next_one in itertools.pairwise(trials):
            if one.number == next_one.number:
                raise InvalidProblem(f"two trials have the number {one.number}", pointer="/trials")
        known = {trial.number for trial in trials}
        for comparison in self.comparisons:
            missing = sorted({*comparison.best, *comparison.others} - known)
            if missing:
                raise InvalidProblem(f"a comparison names trial {missing[0]}, which is unknown", pointer="/comparisons")
        object.__setattr__(self, "trials", trials)

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that name exactly this knowledge (SHA-256 of the plain JSON form)."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def pending(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.state == "pending")

    def to_json(self) -> dict[str, Any]:
        return {
            "trials": [trial.to_json() for trial in self.trials],
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Observations:
        return cls(
            tuple(Trial.from_json(item) for item in document.get("trials", ())),
            tuple(Comparison.from_json(item) for item in document.get("comparisons", ())),
        )
