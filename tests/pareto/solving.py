"""Problems of several objectives through the family, as a runner would: JSON in, JSON out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from api_schemas.jobs import JobRequest
from api_schemas.pareto import ParetoAnswer
from solvers.core import registry
from solvers.core.engine import LocalContext
from tests.onelevel.solving import NoFiles
from workers.families.pareto import FAMILY


def document(problem: dict[str, Any], options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The request as the API would store it: validated, in JSON."""
    listed = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in problem.get("data", {}).items()}
    body = {"problem": {"kind": "pareto", **problem, "data": listed}, "options": options or {}}
    request = JobRequest.model_validate_json(json.dumps(body))
    return dict(json.loads(request.model_dump_json(exclude_unset=True)))


def solve(
    problem: dict[str, Any],
    engine: str = "auto",
    options: dict[str, Any] | None = None,
    context: LocalContext | None = None,
) -> ParetoAnswer:
    """The answer as a client would read it."""
    work = FAMILY.decode(document(problem, options), NoFiles())
    offered = [registry.load("pareto", name).spec for name in registry.names("pareto")]
    choice = FAMILY.choose(work, engine, offered) if engine == "auto" else None
    name = choice.engines[0] if choice else engine
    answer = FAMILY.solve(work, name, choice.why if choice else "", context or LocalContext(time_limit=250.0))
    solved = FAMILY.certify(work, answer)
    encoded = FAMILY.encode(work, solved, NoFiles(), inline_limit=1 << 20)
    return ParetoAnswer.model_validate_json(encoded.document)
