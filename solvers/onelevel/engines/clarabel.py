"""Convex quadratic problems of the expression language, by Clarabel's interior point method."""

from __future__ import annotations

from solvers.core.engine import EngineSpec
from solvers.onelevel.engines.by_program import ByProgram

ENGINE = ByProgram(
    EngineSpec(
        id="clarabel",
        family="minimize",
        version="1",
        title="Clarabel",
        summary="Linear and convex quadratic problems, also with abs, maximum, relu, norm1 and huber in them.",
        solves=frozenset({"bounds", "constraints", "general", "nonsmooth", "regularizers"}),
        capabilities=frozenset({"duals", "deterministic"}),
        process_group="torch",
        requires=("torch", "clarabel"),
        citation="Goulart, Chen, arXiv 2405.12762 (2024)",
    ),
    "clarabel",
)
