"""An answer to a transport problem as the contract's JSON, with large arrays in an artifact."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from solvers.core.certificate import Certificate
from solvers.transport.answer import TransportAnswer
from solvers.transport.plan import LowRankPlan, PotentialPlan, SparsePlan
from workers.families import Encoded, Files, Work
from workers.families.arrays import number
from workers.families.placement import Placement, encoded


def encode(
    work: Work,
    answer: TransportAnswer,
    certificate: Certificate,
    files: Files,
    *,
    inline_limit: int,
) -> Encoded:
    """See ``workers.families.Family.encode``."""
    include = work.extra["include"]
    wanted: Collection[str] = {"plan", "potentials", "trace"} if include is None else set(include)
    arrays = Placement(files, inline_limit)
    document = _numbers(answer, arrays, wanted, "")
    document |= {"kind": "transport", "type": work.extra["type"]}
    document["support"] = arrays.place("support", answer.support)
    document["weights"] = arrays.place("weights", answer.weights)
    document["parameters"] = {
        name: arrays.place(f"parameters/{name}", np.asarray(values)) for name, values in answer.parameters.items()
    }
    if answer.batch:
        full = include is not None or not work.extra["collection"]
        document["batch"] = _batch(answer.batch, arrays, wanted if full else None, inline_limit)
    statistics = dict(answer.statistics)
    if "trace" not in wanted:
        statistics.pop("trace", None)
    return encoded(document, answer, certificate, arrays, glance=_glance(answer), statistics=statistics)


def _glance(answer: TransportAnswer) -> dict[str, float | None]:
    """The regularized problem's numbers, where it is regularized."""
    if answer.objective is None:
        return {"objective": answer.cost, "bound": answer.bound, "gap": answer.gap}
    return {"objective": answer.objective, "bound": answer.objective_bound, "gap": answer.objective_gap}


def _numbers(
    answer: TransportAnswer, arrays: Placement, wanted: Collection[str], prefix: str, *, apart: bool = False
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "cost": number(answer.cost),
        "bound": number(answer.bound),
        "gap": number(answer.gap),
        "objective": number(answer.objective),
        "objective_bound": number(answer.objective_bound),
        "objective_gap": number(answer.objective_gap),
        "epsilon": number(answer.epsilon or None),
        "epsilon_from": answer.epsilon_from,
        "marginal_error": number(answer.marginal_error),
    }
    if "plan" in wanted and answer.plan is not None:
        document["plan"] = _plan(answer, arrays, f"{prefix}plan", apart)
    if "potentials" in wanted:
        document["f"] = arrays.place(f"{prefix}f", answer.f, apart=apart)
        document["g"] = arrays.place(f"{prefix}g", answer.g, apart=apart)
    return document


def _plan(answer: TransportAnswer, arrays: Placement, prefix: str, apart: bool) -> dict[str, Any]:
    plan = answer.plan

    def placed(**parts: np.ndarray) -> dict[str, Any]:
        return {name: arrays.place(f"{prefix}/{name}", values, apart=apart) for name, values in parts.items()}

    if isinstance(plan, SparsePlan):
        matrix = plan.matrix
        parts = placed(data=matrix.data, indices=matrix.indices, indptr=matrix.indptr)
        return {"form": "sparse", "shape": list(matrix.shape), **parts}
    if isinstance(plan, PotentialPlan):
        parts = placed(f=plan.f, g=plan.g, row_rest=plan.row_rest, column_rest=plan.column_rest)
        return {"form": "potential", "shape": [len(plan.f), len(plan.g)], "epsilon": plan.epsilon, **parts}
    assert isinstance(plan, LowRankPlan)
    parts = placed(Q=plan.Q, R=plan.R, weights=plan.weights)
    return {"form": "low-rank", "shape": [len(plan.Q), len(plan.R)], **parts}


def _batch(
    answers: tuple[TransportAnswer, ...], arrays: Placement, wanted: Collection[str] | None, limit: int
) -> dict[str, Any]:
    """Costs and bounds as columns; each answer in full where its parts are wanted."""
    document: dict[str, Any] = {
        "count": len(answers),
        "status": [answer.status for answer in answers],
        "cost": arrays.place("batch/cost", _column([answer.cost for answer in answers])),
        "bound": arrays.place("batch/bound", _column([answer.bound for answer in answers])),
    }
    if wanted is not None:
        # thousands of small arrays are a large one
        apart = sum(_size(answer, wanted) for answer in answers) > limit
        document["answers"] = [
            _numbers(answer, arrays, wanted, f"batch/{k}/", apart=apart) for k, answer in enumerate(answers)
        ]
    return document


def _column(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _size(answer: TransportAnswer, wanted: Collection[str]) -> int:
    arrays: list[np.ndarray | None] = [answer.f, answer.g] if "potentials" in wanted else []
    if "plan" in wanted and answer.plan is not None:
        plan = answer.plan.matrix if isinstance(answer.plan, SparsePlan) else answer.plan
        arrays += [value for value in vars(plan).values() if isinstance(value, np.ndarray)]
        if isinstance(answer.plan, SparsePlan):
            arrays += [answer.plan.matrix.data, answer.plan.matrix.indices, answer.plan.matrix.indptr]
    return sum(array.nbytes for array in arrays if array is not None)
