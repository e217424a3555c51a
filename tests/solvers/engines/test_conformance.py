"""The public conformance suite over every built-in engine."""

from __future__ import annotations

from solvers.core import registry
from solvers.testing.programs import ProgramEngineConformance


class TestHighs(ProgramEngineConformance):
    engine = registry.load("program", "highs")


class TestScip(ProgramEngineConformance):
    engine = registry.load("program", "scip")


class TestCpSat(ProgramEngineConformance):
    engine = registry.load("program", "cp-sat")


class TestPdlp(ProgramEngineConformance):
    engine = registry.load("program", "pdlp")


class TestClarabel(ProgramEngineConformance):
    engine = registry.load("program", "clarabel")


def test_every_engine_of_the_registry_is_tested_here() -> None:
    tested = {one.engine.spec.id for one in ProgramEngineConformance.__subclasses__()}
    assert set(registry.names("program")) <= tested
