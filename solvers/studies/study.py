"""What is to be optimized: a space, objectives and constraints on outcomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from solvers.core.errors import InvalidProblem
from solvers.studies.parameters import Point
from solvers.studies.space import Space


@dataclass(frozen=True)
class Objective:
    """A measured value to be made small or large.

    Attributes:
        reference: a value that is just not interesting any more: hypervolume is measured from there. None: taken
            from the data.
    """

    name: str
    goal: Literal["min", "max"] = "min"
    reference: float | None = None

    def __post_init__(self) -> None:
        if self.goal not in ("min", "max"):
            raise InvalidProblem(
                f"objective {self.name!r}: the goal is min or max, not {self.goal!r}",
                pointer=f"/objectives/{self.name}/goal",
            )

    @property
    def sign(self) -> float:
        """Times this, the objective is to be minimised."""
        return 1.0 if self.goal == "min" else -1.0


@dataclass(frozen=True)
class OutcomeConstraint:
    """A measured value that must stay on one side of a bound."""

    name: str
    sense: Literal["<=", ">="]
    bound: float

    def __post_init__(self) -> None:
        if self.sense not in ("<=", ">=") or not math.isfinite(self.bound):
            raise InvalidProblem(
                f"constraint {self.name!r}: {self.sense} {self.bound} is not a bound",
                pointer=f"/constraints/{self.name}",
                hint='like "<= 16"',
            )

    def slack(self, value: float) -> float:
        """The violation: at most 0 if the constraint holds."""
        return value - self.bound if self.sense == "<=" else self.bound - value


@dataclass(frozen=True)
class Study:
    """A black-box problem.

    Plain JSON form::

        {"space": {...}, "objectives": [{"name": "loss", "goal": "min", "reference": null}],
         "constraints": [{"name": "memory", "sense": "<=", "bound": 16.0}], "guesses": [{"lr": 0.01, ...}],
         "noise": "unknown", "trials": 100, "parallel": 8, "evaluation_seconds": null}

    Attributes:
        objectives: none only for a study by comparisons alone.
        guesses: points that the user believes in; they are suggested first.
        noise: ``"none"``: the same point always gives the same values; ``"high"``; ``"unknown"``: learnt.
        trials: how many the user plans in all, or None.
        parallel: how many evaluators the user plans.
        evaluation_seconds: how long an evaluation is thought to take, or None.
    """

    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[OutcomeConstraint, ...] = ()
    guesses: tuple[Point, ...] = ()
    noise: Literal["unknown", "none", "high"] = "unknown"
    trials: int | None = None
    parallel: int = 1
    evaluation_seconds: float | None = None

    def __post_init__(self) -> None:
        names = [objective.name for objective in self.objectives] + [c.name for c in self.constraints]
        for name in names:
            if names.count(name) > 1:
                raise InvalidProblem(f"two outcomes are called {name!r}", pointer="/objectives")
        if self.noise not in ("unknown", "none", "high"):
            raise InvalidProblem(f"noise is unknown, none or high, not {self.noise!r}", pointer="/noise")
        for i, guess in enumerate(self.guesses):
            try:
                self.space.check(guess)
            except InvalidProblem as error:
                raise InvalidProblem(str(error), pointer=f"/guesses/{i}{error.pointer}", hint=error.hint) from error

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(objective.name for objective in self.objectives)

    def to_json(self) -> dict[str, Any]:
        return {
            "space": self.space.to_json(),
            "objectives": [{"name": o.name, "goal": o.goal, "reference": o.reference} for o in self.objectives],
            "constraints": [{"name": c.name, "sense": c.sense, "bound": c.bound} for c in self.constraints],
            "guesses": [dict(guess) for guess in self.guesses],
            "noise": self.noise,
            "trials": self.trials,
            "parallel": self.parallel,
            "evaluation_seconds": self.evaluation_seconds,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Study:
        """The inverse of ``to_json``; raises InvalidProblem with a pointer into the document."""
        try:
            space = Space.from_json(document["space"])
        except InvalidProblem as error:
            raise InvalidProblem(str(error), pointer=f"/space{error.pointer}", hint=error.hint) from error
        return cls(
            space=space,
            objectives=tuple(
                Objective(item["name"], item.get("goal", "min"), item.get("reference"))
                for item in document["objectives"]
            ),
            constraints=tuple(
                OutcomeConstraint(item["name"], item["sense"], float(item["bound"]))
                for item in document.get("constraints", ())
            ),
            guesses=tuple(dict(guess) for guess in document.get("guesses", ())),
            noise=document.get("noise", "unknown"),
            trials=document.get("trials"),
            parallel=int(document.get("parallel", 1)),
            evaluation_seconds=document.get("evaluation_seconds"),
        )
