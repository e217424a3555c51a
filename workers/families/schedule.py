"""The family of schedules (``solvers.schedules``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from solvers.core import registry
from solvers.core.certificate import Certificate, Check
from solvers.core.engine import Context, EngineSpec, Option
from solvers.schedules.engine import Decision, Task
from workers.families import Choice, Encoded, Files, Refusal, Rescue, Solved, Work
from workers.families.arrays import sane


class ScheduleFamily:
    """Implements ``workers.families.Family``."""

    shared_options: Sequence[Option] = ()
    preload: Sequence[str] = ("solvers.schedules.engine",)

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        problem = document["problem"]
        if "definition" not in problem:
            raise Refusal("internal", "the worker did not load the schedule's data")
        arguments = {name: problem.get(name) for name in ("norm", "tau", "power")}
        task = Task(problem["work"], problem["definition"], tuple(problem["data"]), arguments)
        extra = {name: problem.get(name) for name in ("schedule", "promote")}
        return Work(problem=task, options={}, extra=extra)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        return Choice((offered[0].id,), "the only one")

    def solve(self, work: Work, engine: str, why: str, context: Context) -> Decision:
        decision: Decision = registry.load("schedule", engine).solve(work.problem, work.options, context)
        return decision

    def rescue(self, work: Work, rescue: Rescue) -> Decision:
        raise Refusal("engine-failure", rescue.message)

    def certify(self, work: Work, answer: Decision) -> Solved:
        if answer.curve is None:
            return Solved(answer, Certificate())
        knots = np.array(answer.curve)
        good = bool(np.all(np.isfinite(knots)) and np.all(np.diff(knots[:, 0]) > 0) and np.all(knots[:, 1] >= 0))
        words = "Its steps ascend, its values are finite and not negative."
        return Solved(answer, Certificate((Check("curve", "passed" if good else "failed", words),)))

    def claims(self, solved: Solved) -> dict[str, Any]:
        return {"status": "done", "objective": None, "bound": None, "verified": True, "final": True, "message": ""}

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        return solved

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        decision: Decision = solved.answer
        document = {
            "kind": "schedule",
            "status": "done",
            "work": work.problem.work,
            "schedule": work.extra["schedule"],
            "curve": decision.curve,
            "provenance": sane(decision.provenance),
            "advice": {str(number): sane(advice) for number, advice in decision.advice.items()},
            "memory": None if decision.memory is None else sane(decision.memory),
            "promote": bool(work.extra["promote"]),
        }
        summary = {"status": "done", "verified": solved.certificate.verified, "engine": "standard"}
        return Encoded(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), summary, None)

    def inspect(self, work: Work) -> bytes:
        details = {"policy": work.problem.definition["policy"], "runs": len(work.problem.runs)}
        summary = f"A schedule of the policy {details['policy']} with {details['runs']} runs."
        return orjson.dumps({"kind": "schedule", "summary": summary, "details": details, "warnings": []})


FAMILY = ScheduleFamily()
