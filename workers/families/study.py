"""The family of studies (``solvers.studies``): suggestions from stored observations, and analysis of these."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from solvers.core import registry
from solvers.core.certificate import Certificate, Check
from solvers.core.engine import Context, EngineSpec, Option, StopReason
from solvers.core.errors import SolverError
from solvers.studies.engine import Advice, Step
from workers.families import Choice, Encoded, Files, Refusal, Rescue, Solved, Work
from workers.families.arrays import sane
from workers.families.placement import certificate_document
from workers.families.study_analysis import analyse

OPTIONS: tuple[Option, ...] = ()
#: Engines in the order in which "auto" takes them where the family has no chooser of its own.
_FALLBACK = ("gp", "quasi-random")


_EXTRA = (
    *("study", "work", "watermark", "told", "points", "replayed"),
    *("parameters", "objective", "grid", "trial"),
)


@dataclass(frozen=True)
class Made:
    """What a job has found out.

    Attributes:
        advice: suggestions, for "suggest" and "replay".
        found: fields of the answer, for analyses.
    """

    advice: Advice | None
    found: Mapping[str, Any] = field(default_factory=dict)
    engine: str = ""
    why: str = ""
    seconds: float = 0.0


class StudyFamily:
    """Implements ``workers.families.Family``."""

    shared_options: Sequence[Option] = OPTIONS
    preload: Sequence[str] = ("solvers.studies.engines.gp",)

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        problem = document["problem"]
        if "step" not in problem:
            raise Refusal("internal", "the worker did not load the study's data")
        try:
            step = Step.from_json(problem["step"])
        except SolverError as error:
            error.pointer = "/problem" + error.pointer
            raise
        options = document.get("options") or {}
        return Work(
            problem=step,
            options=dict(options.get("engine_options") or {}),
            time_limit=options.get("time_limit"),
            memory_limit=options.get("memory_limit"),
            threads=options.get("threads") or 1,
            extra={name: problem.get(name) for name in _EXTRA},
        )

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        names = [spec.id for spec in offered]
        if "auto" in names:
            return Choice(("auto",), "it chooses by the space and the data")
        chosen = next((name for name in _FALLBACK if name in names), names[0])
        return Choice((chosen,), "the best of those that this worker offers")

    def solve(self, work: Work, engine: str, why: str, context: Context) -> Made:
        began = time.perf_counter()
        step: Step = work.problem
        if work.extra["work"] not in ("suggest", "replay"):
            found = analyse(work.extra["work"], step, work.extra)
            return Made(None, found, engine, why, time.perf_counter() - began)
        if work.extra["work"] == "suggest":
            context = _Impatient(context)
        try:
            advice: Advice = registry.load("study", engine).solve(step, work.options, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = "/engine_options" + error.pointer
            raise
        return Made(advice, {}, advice.engine, why, time.perf_counter() - began)

    def rescue(self, work: Work, rescue: Rescue) -> Made:
        raise Refusal("engine-failure", rescue.message)

    def certify(self, work: Work, answer: Made) -> Solved:
        if answer.advice is None:
            return Solved(answer, Certificate())
        began = time.perf_counter()
        checks = _checks(work.problem, answer.advice)
        return Solved(answer, Certificate(checks, time.perf_counter() - began))

    def claims(self, solved: Solved) -> dict[str, Any]:
        return {"status": "done", "objective": None, "bound": None, "verified": True, "final": True, "message": ""}

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        return solved

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        made: Made = solved.answer
        step: Step = work.problem
        advice = made.advice
        document: dict[str, Any] = {
            "kind": "study",
            "status": "done",
            "work": work.extra["work"],
            "study": work.extra["study"],
            "watermark": work.extra["watermark"],
            "told": work.extra["told"],
            "engine": made.engine,
            "engine_version": "" if advice is None else advice.version,
            "seed": step.seed,
            "fixed": dict(step.fixed),
            "suggestions": [] if advice is None else [_suggestion(s.parameters, s.why) for s in advice.suggestions],
            "message": "" if advice is None or advice.finding is None else advice.finding.text,
            "statistics": {
                "count": step.count,
                "trials": len(step.observations.trials),
                "seconds": round(made.seconds, 4),
                "digest": "" if advice is None else advice.digest,
            },
            "certificate": certificate_document(solved.certificate),
            **sane(dict(made.found)),
        }
        if work.extra["work"] == "replay" and advice is not None:
            document["replay"] = _compare(work.extra["replayed"], advice)
        summary = {
            "status": "done",
            "objective": None,
            "verified": solved.certificate.verified,
            "proved": solved.certificate.proved,
            "engine": made.engine,
            "seconds": round(made.seconds, 4),
        }
        return Encoded(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), summary, None)

    def inspect(self, work: Work) -> bytes:
        step: Step = work.problem
        count = len(step.observations.trials)
        details = {"parameters": len(step.study.space.parameters), "trials": count}
        summary = f"A study of {details['parameters']} parameters with {count} trials."
        return orjson.dumps({"kind": "study", "summary": summary, "details": details, "warnings": []})


class _Impatient:
    """A context that ends a long row of suggestions: who waits is better served by a few soon, and then by others that
    know more. Engines make them one after the other, so those that were made are the same as in a longer row. Seconds
    are of CPU: how busy the machine is decides nothing."""

    SECONDS = 2.0

    def __init__(self, inner: Context) -> None:
        self._inner = inner
        self._end = time.process_time() + self.SECONDS
        self._made = False

    @property
    def deadline(self) -> float | None:
        return self._inner.deadline

    @property
    def offers(self) -> bool:
        return self._inner.offers

    def report(self, **metrics: float | int | str | None) -> None:
        self._made = self._made or bool(metrics.get("suggestions"))
        self._inner.report(**metrics)

    def incumbent(self, objective: float, x: Any) -> None:
        self._inner.incumbent(objective, x)

    def log(self, text: str) -> None:
        self._inner.log(text)

    def should_stop(self) -> StopReason | None:
        return self._inner.should_stop() or ("time" if self._made and time.process_time() > self._end else None)

    def foreign_incumbent(self) -> Any:
        return self._inner.foreign_incumbent()


def _suggestion(params: Mapping[str, Any], why: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in why.items() if name != "text"}
    return {"params": dict(params), "why": str(why.get("text", "")), "explanation": sane(rest)}


def _checks(step: Step, advice: Advice) -> tuple[Check, ...]:
    """What can be said of suggestions without believing their engine."""
    space = step.study.space
    known = [trial.parameters for trial in step.observations.trials]
    outside, broken, again = 0, 0, 0
    for suggestion in advice.suggestions:
        try:
            space.check(suggestion.parameters)
        except SolverError:
            outside += 1
            continue
        broken += not space.feasible(suggestion.parameters)
        again += suggestion.parameters in known
    count = len(advice.suggestions)
    return (
        Check("in-space", "failed" if outside else "passed", f"{count - outside} of {count} points lie in the space."),
        Check(
            "input-constraints",
            ("failed" if broken else "passed") if space.constraints else "skipped",
            f"{count - broken} of {count} points meet the constraints on the inputs."
            if space.constraints
            else "There are no constraints on the inputs.",
        ),
        Check(
            "new",
            "skipped" if step.study.noise == "high" else "failed" if again else "passed",
            f"{count - again} of {count} points were not evaluated before.",
        ),
    )


def _compare(made: Mapping[str, Any], advice: Advice) -> dict[str, Any]:
    """A suggestion made again, beside what was stored of it."""
    place = int(made["place"])
    again = advice.suggestions[place].parameters if place < len(advice.suggestions) else None
    return {
        "again": again,
        "explanation": {} if again is None else sane(dict(advice.suggestions[place].why)),
        "same_version": advice.version == made["engine_version"],
        "digest": advice.digest,
    }


FAMILY = StudyFamily()
