"""The family of problems with several objectives (``solvers.pareto``).

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
from solvers.pareto.answer import ParetoAnswer
from solvers.pareto.options import OPTIONS
from solvers.pareto.problem import Pareto
from solvers.pareto.select import describe, ranked
from workers.families import Choice, Encoded, Files, Rescue, Solved, Work
from workers.families.arrays import number, sane
from workers.families.choosing import chosen
from workers.families.pareto_decode import OPTION_RULES, decode
from workers.families.placement import Placement, encoded


class ParetoFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("scipy.optimize", "scipy.stats")

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        return chosen(work, engine, offered, ranked(work.problem, offered))

    def solve(self, work: Work, engine: str, why: str, context: Context) -> ParetoAnswer:
        try:
            answer: ParetoAnswer = registry.load("pareto", engine).solve(work.problem, work.options, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            raise
        return replace(answer, engine=engine, why=answer.why or why)

    def rescue(self, work: Work, rescue: Rescue) -> ParetoAnswer:
        problem: Pareto = work.problem
        common: dict[str, Any] = {
            "limit": rescue.limit,
            "message": rescue.message,
            "engine": rescue.engine,
            "engine_version": registry.load("pareto", rescue.engine).spec.version,
            "why": rescue.why,
        }
        flat = None if rescue.point is None else np.asarray(rescue.point[1], dtype=np.float64).reshape(-1)
        if flat is None or not flat.size or flat.size % problem.n:
            return ParetoAnswer(status="no-solution", **common)
        from solvers.pareto import fronts

        X = flat.reshape(-1, problem.n)
        values = problem.oracle.values(X)
        keep = fronts.nondominated(values) if problem.preferences is None else np.ones(len(X), dtype=bool)
        return ParetoAnswer(status="feasible", X=X[keep], values=values[keep], **common)

    def certify(self, work: Work, answer: ParetoAnswer) -> Solved:
        from solvers.pareto.certificates import certify

        settled, certificate = certify(work.problem, answer, work.options)
        return Solved(settled, certificate)

    def claims(self, solved: Solved) -> dict[str, Any]:
        """The larger hypervolume is better; two racers' reference points differ unless the user gave one."""
        answer: ParetoAnswer = solved.answer
        return {
            "status": answer.status,
            "objective": sane(None if answer.hypervolume is None else -answer.hypervolume),
            "bound": None,
            "verified": solved.certificate.verified,
            "final": answer.status == "globally-optimal" and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        """Another engine's bound says nothing of this front."""
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return _encode(work.problem, solved.answer, solved.certificate, Placement(files, inline_limit))

    def inspect(self, work: Work) -> bytes:
        problem: Pareto = work.problem
        warnings = []
        if not problem.convex:
            warnings.append(
                "the problem is not known to be convex: points of the front will be stationary, which does not exclude "
                "that better ones exist elsewhere"
            )
        if not problem.smooth:
            warnings.append("objectives or constraints are not smooth: first-order conditions are not checked")
        document = {
            "kind": "pareto",
            "summary": describe(problem),
            "details": {
                "variables": {name: list(shape) for name, shape in problem.layout.shapes.items()},
                "size": problem.n,
                "operations": len(problem.program.operations),
                "convex": problem.convex,
                "objectives": {
                    name: {"sense": sense, "degree": f.degree, "curvature": f.curvature, "smooth": f.smooth}
                    for name, sense, f in zip(problem.names, problem.senses, problem.facts, strict=True)
                },
                "constraints": [{"source": c.source, "convex": c.convex} for c in problem.weighted.constraints],
            },
            "warnings": warnings,
        }
        return orjson.dumps(sane(document))


def _encode(problem: Pareto, answer: ParetoAnswer, certificate: Certificate, arrays: Placement) -> Encoded:
    signs = problem.signs
    variables = values = None
    if answer.X is not None and answer.values is not None:
        values = arrays.place("values", answer.values * signs)
        count = answer.X.shape[0]
        variables = {
            name: arrays.place(
                f"variables/{name}",
                answer.X[:, problem.layout.slices[name]].reshape(count, *problem.layout.shapes[name]),
            )
            for name in problem.layout.names
        }
    document: dict[str, Any] = {
        "kind": "pareto",
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "objectives": list(problem.names),
        "senses": list(problem.senses),
        "values": values,
        "variables": variables,
        "points": [
            {
                "status": point.status,
                "stationarity": number(point.stationarity),
                "gap": number(point.gap),
                "weights": [number(weight) for weight in point.weights],
            }
            for point in answer.points
        ],
        "hypervolume": number(answer.hypervolume),
        "hypervolume_bound": number(answer.hypervolume_bound),
        "reference": None if answer.reference is None else [number(value) for value in answer.reference * signs],
        "violation": number(answer.violation),
        "structure": problem.words,
    }
    glance = {"objective": answer.hypervolume, "bound": answer.hypervolume_bound, "gap": None}
    return encoded(document, answer, certificate, arrays, glance=glance)


FAMILY = ParetoFamily()
