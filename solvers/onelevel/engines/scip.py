"""Global optimality by SCIP's spatial branch and bound, on the expressions spelled out in scalars."""

from __future__ import annotations

from solvers.core.engine import EngineSpec
from solvers.onelevel.engines.by_program import ByProgram

ENGINE = ByProgram(
    EngineSpec(
        id="scip",
        family="minimize",
        version="1",
        title="SCIP",
        summary="Non-convex and integer problems of few variables, all with bounds, to a proven gap.",
        solves=frozenset({"bounds", "constraints", "integer", "general", "nonsmooth", "regularizers"}),
        capabilities=frozenset({"incumbents-out", "deterministic"}),
        process_group="torch",
        requires=("torch", "pyscipopt"),
        citation="Bestuzheva et al., J. Global Optim. 91 (2025) 287-310",
    ),
    "scip",
)
