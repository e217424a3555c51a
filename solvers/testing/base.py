"""What the parts of the conformance suite share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from solvers.core.engine import Context, Engine, LocalContext
from solvers.core.errors import UnsupportedProblem
from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify
from solvers.programs.problem import Program
from solvers.testing.cases import heavy_linear, market_split


class Base:
    """Set ``engine``; the other attributes are limits that a slow machine or an unusual engine may need wider.

    Attributes:
        stop_within: seconds after a request in which the engine must be back; the contract of ``Engine`` says one, the
            rest is for busy machines.
        grace: seconds by which a time limit may be exceeded.
    """

    engine: Engine[Program, ProgramAnswer]
    stop_within = 3.0
    grace = 3.0

    def run(
        self, problem: Program, options: Mapping[str, Any] | None = None, context: Context | None = None
    ) -> ProgramAnswer:
        """The engine's answer; skips the test if the engine refuses the program for a reason finer than features."""
        try:
            return self.engine.solve(problem, options or {}, context if context is not None else LocalContext())
        except UnsupportedProblem as refusal:
            pytest.skip(f"{self.engine.spec.id} refuses it: {refusal}")

    def needs(self, *capabilities: str) -> None:
        """Skip unless the engine claims these."""
        lacking = set(capabilities) - self.engine.spec.capabilities
        if lacking:
            pytest.skip(f"{self.engine.spec.id} does not claim {', '.join(sorted(lacking))}")

    def accepts(self, problem: Program) -> None:
        """Skip unless the specification covers the program."""
        if not self.engine.spec.accepts(problem.features):
            pytest.skip(f"{self.engine.spec.id} does not claim {', '.join(sorted(problem.features))}")

    def easy(self) -> Program:
        """``min -x - 4y`` with optimum -11 at the integer point (3, 2): integers where the engine takes them."""
        return Program.build(
            c=[-1.0, -4.0],
            A=[[1.0, 1.0], [1.0, -2.0]],
            row_upper=[5.0, 4.0],
            upper=[4.0, 2.0],
            integrality=1 if "integer" in self.engine.spec.solves else 0,
        )

    def hard(self) -> Program:
        """A program of a kind that the engine solves, which takes it many seconds."""
        if "integer" in self.engine.spec.solves:
            return market_split()[0]
        return heavy_linear()


def assert_certified(problem: Program, answer: ProgramAnswer, options: Mapping[str, Any] | None = None) -> None:
    """Kantor's own checker finds nothing wrong with the answer."""
    certificate = certify(problem, answer, options or {})
    assert not certificate.failures, [f"{check.name}: {check.text}" for check in certificate.failures]


def assert_near(found: float | None, wanted: float, relative: float = 1e-6) -> None:
    """Equal up to ``relative * max(1, |wanted|)``."""
    assert found is not None
    assert abs(found - wanted) <= relative * max(1.0, abs(wanted)), (found, wanted)


def arrays_of(problem: Program) -> list[np.ndarray]:
    """Every array that the program holds."""
    found = [problem.c, problem.row_lower, problem.row_upper, problem.lower, problem.upper, problem.integrality]
    for matrix in (problem.A, problem.Q, *(cone.F for cone in problem.cones)):
        if matrix is not None:
            found += [matrix.data, matrix.indices, matrix.indptr]
    found += [cone.g for cone in problem.cones]
    for group in problem.sos:
        found += [group.indices, group.weights]
    for one in problem.indicators:
        found += [one.indices, one.coefficients]
    return found
