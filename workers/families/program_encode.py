"""An answer to a program as the contract's JSON, with large arrays in an artifact."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from solvers.core.certificate import Certificate
from solvers.programs.answer import Basis, ProgramAnswer, ScenarioAnswer
from solvers.programs.problem import Program
from workers.families import Encoded, Files, Work
from workers.families.arrays import number, sane
from workers.families.placement import Placement, encoded


def encode(
    work: Work,
    answer: ProgramAnswer,
    certificate: Certificate,
    files: Files,
    *,
    inline_limit: int,
) -> Encoded:
    """See ``workers.families.Family.encode``."""
    problem: Program = work.problem
    include = work.extra["include"]
    wanted: Collection[str] | None = None if include is None else set(include)
    arrays = Placement(files, inline_limit)
    document: dict[str, Any] = {
        "kind": "program",
        "status": answer.status,
        "limit": answer.limit,
        "message": answer.message,
        "objective": number(answer.objective),
        "bound": number(answer.bound),
        "gap": number(answer.gap),
    }

    def part(name: str, part_name: str, array: np.ndarray | None) -> None:
        if wanted is None or part_name in wanted:
            document[name] = arrays.place(name, array)

    part("primal", "primal", answer.x)
    part("row_duals", "row_duals", answer.row_duals)
    part("reduced_costs", "reduced_costs", answer.reduced_costs)
    part("row_activity", "row_activity", answer.row_activity)
    if answer.row_activity is not None:
        slacks = np.minimum(answer.row_activity - problem.row_lower, problem.row_upper - answer.row_activity)
        part("row_slacks", "row_activity", slacks)
    part("primal_ray", "rays", answer.primal_ray)
    part("dual_ray", "rays", answer.dual_ray)
    if answer.cone_duals is not None and (wanted is None or "row_duals" in wanted):
        document["cone_duals"] = [arrays.place(f"cone_duals/{k}", dual) for k, dual in enumerate(answer.cone_duals)]
    if answer.basis is not None and (wanted is None or "basis" in wanted):
        document["basis"] = _basis(answer.basis, arrays)
    if answer.ranging is not None:
        fields = ("cost_down", "cost_up", "row_down", "row_up", "bound_down", "bound_up")
        document["ranging"] = {name: arrays.place(f"ranging/{name}", getattr(answer.ranging, name)) for name in fields}
    if answer.pool and (wanted is None or "pool" in wanted):
        document["pool"] = [
            {"objective": number(point.objective), "primal": arrays.place(f"pool/{k}", point.x)}
            for k, point in enumerate(answer.pool)
        ]
    if answer.iis is not None:
        document["iis"] = _subsystem(problem, answer)
    if answer.relaxation is not None:
        document["relaxation"] = {
            "violation": number(answer.relaxation.violation),
            "rows": sane(answer.relaxation.rows),
            "bounds": sane(answer.relaxation.bounds),
        }
    if answer.scenarios:
        document["scenarios"] = _scenarios(work, answer.scenarios, arrays, inline_limit, wanted)
    if wanted is None or "names" in wanted:
        document["variable_names"] = arrays.names("variable_names", problem.variable_names)
        document["constraint_names"] = arrays.names("constraint_names", problem.constraint_names)
    return encoded(document, answer, certificate, arrays)


def _basis(basis: Basis, arrays: Placement) -> dict[str, Any]:
    return {
        "variables": arrays.place("basis/variables", basis.variables),
        "rows": arrays.place("basis/rows", basis.rows),
    }


def _subsystem(problem: Program, answer: ProgramAnswer) -> dict[str, Any]:
    assert answer.iis is not None
    rows = [
        {"index": int(i), "side": side, "name": problem.constraint_name(int(i)) if problem.constraint_names else ""}
        for i, side in answer.iis.rows
    ]
    bounds = [
        {"index": int(j), "side": side, "name": problem.variable_name(int(j)) if problem.variable_names else ""}
        for j, side in answer.iis.bounds
    ]
    return {
        "rows": rows,
        "bounds": bounds,
        "integrality": [int(j) for j in answer.iis.integrality],
        "irreducible": answer.iis.irreducible,
    }


def _scenarios(
    work: Work, answers: tuple[ScenarioAnswer, ...], arrays: Placement, limit: int, wanted: Collection[str] | None
) -> list[dict[str, Any]]:
    names = work.extra["scenarios"].names
    keep_x, keep_duals = (wanted is None or part in wanted for part in ("primal", "row_duals"))
    # thousands of small vectors are a large array
    total = sum(
        (answer.x.nbytes if keep_x and answer.x is not None else 0)
        + (answer.row_duals.nbytes if keep_duals and answer.row_duals is not None else 0)
        for answer in answers
    )
    apart = total > limit
    return [
        {
            "status": answer.status,
            "objective": number(answer.objective),
            "bound": number(answer.bound),
            "primal": arrays.place(f"scenarios/{k}/primal", answer.x if keep_x else None, apart=apart),
            "row_duals": arrays.place(
                f"scenarios/{k}/row_duals", answer.row_duals if keep_duals else None, apart=apart
            ),
            "certified": answer.certified,
            "iterations": answer.iterations,
            "name": names[k] if names is not None else "",
        }
        for k, answer in enumerate(answers)
    ]
