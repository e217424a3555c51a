"""Linear and convex quadratic problems of the expression language, by HiGHS."""

from __future__ import annotations

from solvers.core.engine import EngineSpec
from solvers.onelevel.engines.by_program import ByProgram

ENGINE = ByProgram(
    EngineSpec(
        id="highs",
        family="minimize",
        version="1",
        title="HiGHS",
        summary="Linear and convex quadratic problems, also with abs, maximum, relu or norm1; integer variables too.",
        solves=frozenset({"bounds", "constraints", "integer", "general", "nonsmooth", "regularizers"}),
        capabilities=frozenset({"duals", "incumbents-out", "deterministic"}),
        process_group="torch",
        requires=("torch", "highspy"),
        citation="Huangfu, Hall, Math. Prog. Comp. 10 (2018) 119-142",
    ),
    "highs",
)
