"""The family of bilevel problems (``solvers.bilevel``).

What needs torch is imported where it is used: the first zygote loads every family, and must stay free of torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.options import OPTIONS
from solvers.core import registry
from solvers.core.certificate import Certificate
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import SolverError
from workers.families import Choice, Encoded, Files, Rescue, Solved, Work
from workers.families.arrays import number, sane
from workers.families.choosing import named
from workers.families.placement import Placement, encoded

if TYPE_CHECKING:
    from solvers.bilevel.stated import StatedBilevel


class BilevelFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("scipy.optimize",)

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        from workers.families.bilevel_decode import decode

        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        from solvers.bilevel.select import choose

        if engine == "auto":
            name, why = choose(work.problem, work.options, offered)
            return Choice((name,), why)
        if work.race is not None:
            return named(work.race, offered)
        first, why = choose(work.problem, work.options, offered)
        others = [spec.id for spec in offered if spec.accepts(work.problem.features) and spec.id != first]
        return Choice((first, *others[:2]), why)

    def solve(self, work: Work, engine: str, why: str, context: Context) -> BilevelAnswer:
        try:
            answer: BilevelAnswer = registry.load("bilevel", engine).solve(work.problem, work.options, context)
        except SolverError as error:
            from workers.families.bilevel_decode import OPTION_RULES

            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            elif error.code == "invalid-problem" and error.pointer.startswith("/"):
                error.pointer = f"/problem{error.pointer}"
            raise
        return replace(answer, engine=engine, why=answer.why or why)

    def rescue(self, work: Work, rescue: Rescue) -> BilevelAnswer:
        problem = work.problem
        common: dict[str, Any] = {
            "limit": rescue.limit,
            "message": rescue.message,
            "bound": rescue.bound,
            "engine": rescue.engine,
            "engine_version": registry.load("bilevel", rescue.engine).spec.version,
            "why": rescue.why,
        }
        z = None if rescue.point is None else np.asarray(rescue.point[1], dtype=np.float64).reshape(-1)
        if z is None or z.size != problem.n + problem.m:
            return BilevelAnswer(status="no-solution", **common)
        import torch

        x, y = z[: problem.n], z[problem.n :]
        # the engine's own word for the objective is not taken: the process that gave it has failed
        value, below = (
            float(level.objective(torch.tensor(x), torch.tensor(y)).detach())
            for level in (problem.upper, problem.lower)
        )
        return BilevelAnswer(
            status="feasible",
            x=x,
            y=y,
            objective=problem.signed(value),
            lower_objective=problem.signed(below, "lower"),
            **common,
        )

    def certify(self, work: Work, answer: BilevelAnswer) -> Solved:
        from solvers.bilevel.certificates import certify, settle

        certificate = certify(work.problem, answer, work.options)
        return Solved(settle(answer, certificate), certificate)

    def claims(self, solved: Solved) -> dict[str, Any]:
        answer: BilevelAnswer = solved.answer
        return {
            "status": answer.status,
            "objective": sane(answer.objective),
            "bound": sane(answer.bound),
            "verified": solved.certificate.verified,
            "final": answer.status in ("globally-optimal", "infeasible") and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        """A bound that another engine proved may make a local answer a global one; the check decides."""
        answer: BilevelAnswer = solved.answer
        if bound is not None and answer.bound is None and answer.objective is not None:
            tried = self.certify(work, replace(answer, bound=bound, status="globally-optimal"))
            solved = tried if tried.answer.status == "globally-optimal" else solved
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return _encode(work.extra["stated"], solved.answer, solved.certificate, Placement(files, inline_limit))

    def inspect(self, work: Work) -> bytes:
        from solvers.bilevel.inspection import inspect

        return orjson.dumps({"kind": "bilevel", **sane(inspect(work.problem))}, option=orjson.OPT_SERIALIZE_NUMPY)


def _encode(stated: StatedBilevel, answer: BilevelAnswer, certificate: Certificate, arrays: Placement) -> Encoded:
    def by_name(which: Literal["upper", "lower"], flat: np.ndarray | None, prefix: str) -> dict[str, Any] | None:
        if flat is None:
            return None
        parts = stated.named(which, np.asarray(flat))
        return {
            name: number(float(part)) if part.ndim == 0 else arrays.place(f"{prefix}/{name}", part)
            for name, part in parts.items()
        }

    sign = -1.0 if stated.problem.upper.sense == "max" else 1.0
    document: dict[str, Any] = {
        "kind": "bilevel",
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "objective": number(answer.objective),
        "lower_objective": number(answer.lower_objective),
        "bound": number(answer.bound),
        "gap": number(answer.gap),
        "lower_gap": number(answer.lower_gap),
        "stationarity": number(answer.stationarity),
        "upper": by_name("upper", answer.x, "upper"),
        "lower": by_name("lower", answer.y, "lower"),
        "hypergradient": by_name(
            "upper", None if answer.hypergradient is None else sign * answer.hypergradient, "hypergradient"
        ),
        "optima": [
            {
                "objective": number(optimum.objective),
                "starts": optimum.starts,
                "upper": by_name("upper", optimum.x, f"optima/{k}/upper"),
                "lower": by_name("lower", optimum.y, f"optima/{k}/lower"),
                "lower_residual": number(optimum.lower_residual),
            }
            for k, optimum in enumerate(answer.optima)
        ],
        "restart": answer.restart,
    }
    return encoded(document, answer, certificate, arrays)


FAMILY = BilevelFamily()
