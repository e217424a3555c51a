"""The family of saddle problems (``solvers.saddle``).

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
from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.options import OPTIONS
from solvers.saddle.problem import Saddle
from solvers.saddle.select import describe, ranked
from workers.families import Choice, Encoded, Files, Rescue, Solved, Work
from workers.families.arrays import number, sane
from workers.families.choosing import chosen
from workers.families.placement import Placement, encoded
from workers.families.saddle_decode import OPTION_RULES, decode


class SaddleFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("scipy.optimize",)

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        return chosen(work, engine, offered, ranked(work.problem, offered))

    def solve(self, work: Work, engine: str, why: str, context: Context) -> SaddleAnswer:
        try:
            answer: SaddleAnswer = registry.load("saddle", engine).solve(work.problem, work.options, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            raise
        return replace(answer, engine=engine, why=answer.why or why)

    def rescue(self, work: Work, rescue: Rescue) -> SaddleAnswer:
        problem: Saddle = work.problem
        common: dict[str, Any] = {
            "limit": rescue.limit,
            "message": rescue.message,
            "engine": rescue.engine,
            "engine_version": registry.load("saddle", rescue.engine).spec.version,
            "why": rescue.why,
        }
        z = None if rescue.point is None else np.asarray(rescue.point[1], dtype=np.float64).reshape(-1)
        if z is None or z.size != problem.n + problem.m:
            return SaddleAnswer(status="no-solution", **common)
        # the engine's own word for the objective is not taken: the process that gave it has failed
        return SaddleAnswer(status="feasible", z=z, objective=problem.oracle.value(z), **common)

    def certify(self, work: Work, answer: SaddleAnswer) -> Solved:
        from solvers.saddle.certificates import certify

        settled, certificate = certify(work.problem, answer, work.options)
        return Solved(settled, certificate)

    def claims(self, solved: Solved) -> dict[str, Any]:
        """Of two points the one with the smaller gap, or else residual, is better: both are given as an objective."""
        answer: SaddleAnswer = solved.answer
        residuals = [value for value in (answer.minimizer_residual, answer.maximizer_residual) if value is not None]
        measure = answer.gap if answer.gap is not None else max(residuals, default=np.inf)
        return {
            "status": answer.status,
            "objective": sane(None if answer.z is None else measure),
            "bound": None,
            "verified": solved.certificate.verified,
            "final": answer.status == "globally-optimal" and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        """Another engine's bound says nothing here: this point's own bounds were proved."""
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return _encode(work.problem, solved.answer, solved.certificate, Placement(files, inline_limit))

    def inspect(self, work: Work) -> bytes:
        problem: Saddle = work.problem
        players = {"minimizer": problem.minimizer, "maximizer": problem.maximizer}
        warnings = []
        if not problem.convex_concave:
            warnings.append(
                "the objective is not known to be convex in minimize_over and concave in maximize_over: the answer "
                "will be a stationary point, whose value may not be that of the game"
            )
        elif not all(
            (np.isfinite(p.lower).all() and np.isfinite(p.upper).all()) or p.constraints for p in players.values()
        ):
            warnings.append("variables without bounds: the duality gap can be proved only if curvature bounds it")
        if not problem.smooth:
            warnings.append(
                "the objective is not smooth: convergence is slow, and first-order conditions are not checked"
            )
        document = {
            "kind": "saddle",
            "summary": describe(problem),
            "details": {
                "degree": problem.degree,
                "convex_concave": problem.convex_concave,
                "smooth": problem.smooth,
                "operations": len(problem.program.operations),
                **{
                    name: {
                        "variables": {key: list(shape) for key, shape in player.layout.shapes.items()},
                        "objective": player.words,
                        "constraints": [{"source": c.source, "convex": c.convex} for c in player.constraints],
                    }
                    for name, player in players.items()
                },
            },
            "warnings": warnings,
        }
        return orjson.dumps(sane(document))


def _encode(problem: Saddle, answer: SaddleAnswer, certificate: Certificate, arrays: Placement) -> Encoded:
    def named(player: str, flat: np.ndarray) -> dict[str, Any]:
        layout = (problem.minimizer if player == "minimizer" else problem.maximizer).layout
        return {
            name: number(float(part)) if part.ndim == 0 else arrays.place(f"{player}/{name}", part)
            for name, part in layout.split(flat).items()
        }

    x, y = (None, None) if answer.z is None else np.split(np.asarray(answer.z), [problem.n])
    document: dict[str, Any] = {
        "kind": "saddle",
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "objective": number(answer.objective),
        "lower": number(answer.lower),
        "upper": number(answer.upper),
        "gap": number(answer.gap),
        "minimizer_residual": number(answer.minimizer_residual),
        "maximizer_residual": number(answer.maximizer_residual),
        "violation": number(answer.violation),
        "second_order": answer.second_order,
        "minimizer": None if x is None else named("minimizer", x),
        "maximizer": None if y is None else named("maximizer", y),
        "structure": problem.words,
    }
    glance = {"objective": answer.objective, "bound": answer.lower, "gap": answer.gap}
    return encoded(document, answer, certificate, arrays, glance=glance)


FAMILY = SaddleFamily()
