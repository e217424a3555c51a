"""The family of mathematical programs (``solvers.programs``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from solvers.core import registry
from solvers.core.engine import Context, Engine, EngineSpec, LocalContext
from solvers.core.errors import SolverError
from solvers.programs import batch
from solvers.programs.analysis import inspect
from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import FeasiblePoint, certify, settle
from solvers.programs.options import OPTIONS
from solvers.programs.problem import Program
from solvers.programs.select import choose, describe, race_candidates
from workers.families import Choice, Encoded, Files, Refusal, Rescue, Solved, Work
from workers.families.arrays import sane
from workers.families.program_decode import OPTION_RULES, below, decode
from workers.families.program_encode import encode
from workers.runner import limits

#: Engines in a race that the user has not named, on a machine with few cores.
FEWEST_RACERS = 3

#: For one question of the checker to an engine.
HELP_SECONDS = 10.0

#: Statuses after which no better answer can come.
_FINAL = frozenset({"optimal", "infeasible", "unbounded"})


class ProgramFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("solvers.programs.formats",)

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        if engine == "auto":
            name, why = choose(work.problem, work.options, offered)
            return Choice((name,), why)
        if work.race is not None:
            return _named(work.race, [spec.id for spec in offered])
        engines = race_candidates(work.problem, offered)
        if not engines:
            choose(work.problem, work.options, offered)  # says why there is none
        # more processes than cores would slow each other down
        engines = engines[: max(FEWEST_RACERS, limits.machine_cores())]
        return Choice(engines, f"{describe(work.problem)}: the most promising are {', '.join(engines)}")

    def solve(self, work: Work, engine: str, why: str, context: Context) -> ProgramAnswer:
        try:
            answer = _solve(work, engine, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            elif error.code == "invalid-problem":
                error.pointer = below("/problem", error.pointer)
            raise
        version = answer.engine_version or registry.load("program", engine).spec.version
        return replace(answer, engine=engine, engine_version=version, why=why)

    def rescue(self, work: Work, rescue: Rescue) -> ProgramAnswer:
        common: dict[str, Any] = {
            "limit": rescue.limit,
            "message": rescue.message,
            "bound": rescue.bound,
            "engine": rescue.engine,
            "engine_version": registry.load("program", rescue.engine).spec.version,
            "why": rescue.why,
        }
        scenarios = work.extra["scenarios"]
        if scenarios is not None:
            kept = None if rescue.point is None else rescue.point[1]
            nothing = ProgramAnswer(status="no-solution", **{**common, "bound": None})
            return batch.rescue(work.problem, scenarios, work.options, kept, nothing)
        if rescue.point is None:
            return ProgramAnswer(status="no-solution", **common)
        _, x = rescue.point
        problem = work.problem
        # the engine's own word for the objective is not taken: the process that gave it has failed
        return ProgramAnswer(
            status="feasible", objective=problem.objective_at(x), x=x, row_activity=problem.A @ x, **common
        )

    def certify(self, work: Work, answer: ProgramAnswer) -> Solved:
        helper = None if answer.iis is None else _feasible_point(answer.engine)
        certificate = certify(work.problem, answer, work.options, feasible_point=helper)
        return Solved(settle(answer, certificate), certificate)

    def claims(self, solved: Solved) -> dict[str, Any]:
        answer: ProgramAnswer = solved.answer
        return {
            "status": answer.status,
            "objective": sane(answer.objective),
            "bound": sane(answer.bound),
            "verified": solved.certificate.verified,
            "final": answer.status in _FINAL and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        answer: ProgramAnswer = solved.answer
        if bound is not None and _tighter(bound, answer.bound, answer.objective, work.sense):
            solved = self.certify(work, replace(answer, bound=bound))
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return encode(work, solved.answer, solved.certificate, files, inline_limit=inline_limit)

    def inspect(self, work: Work) -> bytes:
        details = inspect(work.problem).to_dict()
        document = {
            "kind": "program",
            "summary": details.pop("summary"),
            "details": details,
            "warnings": details.pop("warnings"),
        }
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _solve(work: Work, engine: str, context: Context) -> ProgramAnswer:
    solver: Engine[Program, ProgramAnswer] = registry.load("program", engine)
    scenarios = work.extra["scenarios"]
    if scenarios is None:
        return solver.solve(work.problem, work.options, context)
    answer = batch.solve(solver, work.problem, scenarios, work.options, context)
    reason = context.should_stop()
    if answer.limit is None and reason is not None and any(map(batch.unsolved, answer.scenarios)):
        return replace(answer, limit=reason)
    return answer


def _feasible_point(engine: str) -> FeasiblePoint:
    """The engine's help in checking that each proper part of an infeasible subsystem is feasible."""

    def ask(part: Program) -> tuple[np.ndarray | None, np.ndarray | None]:
        try:
            answer = registry.load("program", engine).solve(part, {}, LocalContext(time_limit=HELP_SECONDS))
        except SolverError:
            return None, None
        return answer.x, answer.dual_ray

    return ask


def _named(engines: Sequence[str], offered: Sequence[str]) -> Choice:
    """The engines of a race that the user has named."""
    for k, name in enumerate(engines):
        if name not in offered:
            words = f"no {name} among the engines of this worker"
            raise Refusal("unknown-engine", words, pointer=f"/options/race/{k}", hint=f"offered: {', '.join(offered)}")
    return Choice(tuple(dict.fromkeys(engines)), "named in the request")


def _tighter(bound: float, than: float | None, objective: float | None, sense: str) -> bool:
    """True if a bound is nearer to the objective than another, and not beyond it: that would be a contradiction."""
    sign = 1.0 if sense == "min" else -1.0
    return (than is None or sign * bound > sign * than) and (objective is None or sign * bound <= sign * objective)


FAMILY = ProgramFamily()
