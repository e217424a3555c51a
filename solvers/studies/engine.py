"""Ask and tell: how an engine learns of trials and suggests the next ones.

An engine keeps nothing that is not in the study, its options, the seed and the observations: built anew from them in
another process it makes the same suggestions. ``StudyEngine`` is what the registry names (family ``"study"``);
``solve`` is one whole step for a worker: build, update, suggest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from solvers.core.engine import Context, EngineSpec, LocalContext
from solvers.core.errors import InvalidProblem, UnsupportedProblem
from solvers.core.options import resolve
from solvers.studies.observations import Observations
from solvers.studies.parameters import Point, Value
from solvers.studies.study import Study


@dataclass(frozen=True)
class Suggestion:
    """A point to evaluate next.

    Attributes:
        parameters: values of the active parameters; meets the space's constraints.
        why: plain JSON for people and plots. Always ``"text"`` (a sentence) and ``"method"`` (``"guess"``,
            ``"initial"``, ``"model"``, ``"random"``, ...). Engines with a model add ``"predicted"`` ({outcome: {"mean",
            "std"}}, in the user's units), ``"acquisition"``, ``"feasible"`` (probability), ``"transformed"`` (outcomes
            that the model saw as logarithms) and ``"alternatives"`` (points with their acquisition).
    """

    parameters: Point
    why: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"parameters": dict(self.parameters), "why": dict(self.why)}


@dataclass(frozen=True)
class Finding:
    """Something that an engine learnt about the whole study.

    Attributes:
        kind: ``"exhausted"``: every point was tried. ``"infeasible"``: the constraints can probably not all be met.
        text: a sentence with the evidence.
        evidence: the numbers behind it.
    """

    kind: Literal["exhausted", "infeasible"]
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "evidence": dict(self.evidence)}


class Advisor(Protocol):
    """A living engine of one study. Not thread-safe. ``update`` takes all observations, not only the new ones."""

    def update(self, observations: Observations) -> None:
        """Learn. Cheap: the work is done in ``suggest``."""
        ...

    def suggest(self, count: int, fixed: Mapping[str, Value] | None = None) -> list[Suggestion]:
        """Up to ``count`` different points that are neither pending nor, without noise, already evaluated.

        Fewer, or none, if the space is used up (see ``finding``). Parameters in ``fixed`` have these values. The answer
        depends on the study, options, seed and observations only, not on earlier calls.
        """
        ...

    def finding(self) -> Finding | None:
        """What was learnt about the study as a whole by the last ``suggest``."""
        ...


#: (study, checked options, seed, context) -> a living engine.
Build = Callable[[Study, Mapping[str, Any], int, Context], Advisor]


@dataclass(frozen=True)
class Step:
    """One request for suggestions: the problem that a worker solves.

    Plain JSON form: ``{"study": ..., "observations": ..., "count": 4, "fixed": {}, "seed": 7}``.
    """

    study: Study
    observations: Observations = field(default_factory=Observations)
    count: int = 1
    fixed: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 10_000:
            raise InvalidProblem(
                f"between 1 and 10000 suggestions can be asked for, not {self.count}", pointer="/count"
            )
        try:
            self.study.space.check(self.fixed, partial=True)
        except InvalidProblem as error:
            raise InvalidProblem(str(error), pointer=f"/fixed{error.pointer}", hint=error.hint) from error

    def to_json(self) -> dict[str, Any]:
        return {
            "study": self.study.to_json(),
            "observations": self.observations.to_json(),
            "count": self.count,
            "fixed": dict(self.fixed),
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Step:
        return cls(
            Study.from_json(document["study"]),
            Observations.from_json(document.get("observations", {})),
            int(document.get("count", 1)),
            dict(document.get("fixed", {})),
            int(document.get("seed", 0)),
        )


@dataclass(frozen=True)
class Advice:
    """The answer to a ``Step``: with study, options and seed stored beside it, it can be computed again and compared.

    Attributes:
        engine, version: who really made the suggestions (``auto`` names the engine that it chose).
        digest: of the observations that were seen.
    """

    suggestions: tuple[Suggestion, ...]
    finding: Finding | None
    engine: str
    version: str
    seed: int
    digest: str

    def to_json(self) -> dict[str, Any]:
        return {
            "suggestions": [suggestion.to_json() for suggestion in self.suggestions],
            "finding": None if self.finding is None else self.finding.to_json(),
            "engine": self.engine,
            "version": self.version,
            "seed": self.seed,
            "digest": self.digest,
        }


@dataclass(frozen=True)
class StudyEngine:
    """An engine of the family ``"study"``: its specification and how it is built."""

    spec: EngineSpec
    build: Build

    def create(
        self, study: Study, options: Mapping[str, Any] | None = None, seed: int = 0, context: Context | None = None
    ) -> Advisor:
        """A living engine.

        Raises:
            InvalidOption: unknown option or bad value.
            UnsupportedProblem: the engine cannot work on such a study.
        """
        checked = resolve(self.spec.options, options or {}, owner=self.spec.id)
        if not study.objectives and "comparisons" not in self.spec.solves:
            raise UnsupportedProblem(
                f"{self.spec.id} cannot learn from comparisons, and the study has no objective",
                pointer="/engine",
                hint="auto, preference or ranking",
            )
        return self.build(study, checked, seed, context or LocalContext())

    def solve(self, problem: Step, options: Mapping[str, Any], context: Context) -> Advice:
        """Build, update, suggest."""
        advisor = self.create(problem.study, options, problem.seed, context)
        advisor.update(problem.observations)
        suggestions = tuple(advisor.suggest(problem.count, problem.fixed))
        why = suggestions[0].why if suggestions else {}
        return Advice(
            suggestions,
            advisor.finding(),
            why.get("engine", self.spec.id),
            why.get("engine_version", self.spec.version),
            problem.seed,
            problem.observations.digest,
        )
