"""The family of problems of one level (``solvers.onelevel``).

What needs torch is imported where it is used: the first zygote loads every family, and must stay free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import SolverError
from solvers.onelevel.answer import MinimizeAnswer
from solvers.onelevel.options import OPTIONS
from solvers.onelevel.problem import Minimize
from solvers.onelevel.select import choose, describe, ranked
from workers.families import Choice, Encoded, Files, Rescue, Solved, Work
from workers.families.arrays import number, sane
from workers.families.choosing import named
from workers.families.minimize_decode import OPTION_RULES, decode
from workers.families.placement import Placement, encoded


class MinimizeFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("scipy.optimize", "scipy.special")

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        if engine == "auto":
            name, why = choose(work.problem, offered)
            return Choice((name,), why)
        if work.race is not None:
            return named(work.race, offered)
        engines = ranked(work.problem, offered)[:3]
        return Choice(engines, f"{describe(work.problem)}: the most promising are {', '.join(engines)}")

    def solve(self, work: Work, engine: str, why: str, context: Context) -> MinimizeAnswer:
        try:
            from solvers.onelevel import starts

            one = registry.load("minimize", engine).solve
            answer = starts.solve(engine, one, work.problem, work.options, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            elif error.code == "invalid-problem" and error.pointer.startswith("/"):
                error.pointer = f"/problem{error.pointer}"
            raise
        return replace(answer, engine=engine, why=answer.why or why)

    def rescue(self, work: Work, rescue: Rescue) -> MinimizeAnswer:
        problem: Minimize = work.problem
        common: dict[str, Any] = {
            "limit": rescue.limit,
            "message": rescue.message,
            "bound": rescue.bound,
            "engine": rescue.engine,
            "engine_version": registry.load("minimize", rescue.engine).spec.version,
            "why": rescue.why,
        }
        x = None if rescue.point is None else np.asarray(rescue.point[1], dtype=np.float64).reshape(-1)
        if x is None or x.size != problem.n:
            return MinimizeAnswer(status="no-solution", **common)
        # the engine's own word for the objective is not taken: the process that gave it has failed
        return MinimizeAnswer(status="feasible", x=x, objective=problem.signed(problem.oracle.value(x)), **common)

    def certify(self, work: Work, answer: MinimizeAnswer) -> Solved:
        from solvers.onelevel.certificates import certify

        settled, certificate = certify(work.problem, answer, work.options)
        return Solved(settled, certificate)

    def claims(self, solved: Solved) -> dict[str, Any]:
        answer: MinimizeAnswer = solved.answer
        return {
            "status": answer.status,
            "objective": sane(answer.objective),
            "bound": sane(answer.bound),
            "verified": solved.certificate.verified,
            "final": answer.status in ("globally-optimal", "infeasible") and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        answer: MinimizeAnswer = solved.answer
        if bound is not None and answer.bound is None and answer.objective is not None:
            solved = self.certify(work, replace(answer, bound=bound))
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return _encode(work.problem, solved.answer, solved.certificate, Placement(files, inline_limit))

    def inspect(self, work: Work) -> bytes:
        problem: Minimize = work.problem
        document = {
            "kind": "minimize",
            "summary": describe(problem),
            "details": {
                "variables": {name: list(shape) for name, shape in problem.layout.shapes.items()},
                "size": problem.n,
                "operations": len(problem.program.operations),
                "objective": problem.words,
                "degree": problem.facts.degree,
                "curvature": problem.facts.curvature,
                "smooth": problem.facts.smooth,
                "convex_problem": problem.convex,
                "sum_of_squares": "residual" in problem.program.outputs,
                "regularizers": [{"norm": r.norm, "weight": r.weight} for r in problem.regularizers],
                "constraints": [
                    {"source": c.source, "curvature": c.facts.curvature, "degree": c.facts.degree, "convex": c.convex}
                    for c in problem.constraints
                ],
            },
            "warnings": [],
        }
        return orjson.dumps(sane(document))


def _encode(problem: Minimize, answer: MinimizeAnswer, certificate: Certificate, arrays: Placement) -> Encoded:
    def placed(name: str, part: np.ndarray) -> Any:
        return number(float(part)) if part.ndim == 0 else arrays.place(name, part)

    def by_name(prefix: str, flat: np.ndarray | None) -> dict[str, Any] | None:
        if flat is None:
            return None
        parts = problem.layout.split(np.asarray(flat))
        return {name: placed(f"{prefix}/{name}", part) for name, part in parts.items()}

    ray = answer.ray if answer.status == "unbounded" else None
    multipliers = None
    if answer.multipliers is not None:
        multipliers = [placed(f"multipliers/{k}", part) for k, part in enumerate(answer.multipliers)]
    document: dict[str, Any] = {
        "kind": "minimize",
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "objective": number(answer.objective),
        "bound": number(answer.bound),
        "gap": number(answer.gap),
        "stationarity": number(answer.stationarity),
        "violation": number(answer.violation),
        "variables": by_name("variables", answer.x),
        "multipliers": multipliers,
        "ray": by_name("ray", ray),
        "structure": problem.words,
    }
    return encoded(document, answer, certificate, arrays)


FAMILY = MinimizeFamily()
