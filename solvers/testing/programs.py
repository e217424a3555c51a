"""The conformance suite for engines of mathematical programs.

    from solvers.testing.programs import ProgramEngineConformance

    class TestMyEngine(ProgramEngineConformance):
        engine = MyEngine()

Run it with pytest. An engine is held to what its specification claims: features decide which programs it must solve
and which it must refuse, capabilities which tests apply. The suite takes some 20 seconds.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "solvers.testing.base",
    "solvers.testing.answers",
    "solvers.testing.behaviour",
    "solvers.testing.duals",
    "solvers.testing.extras",
)

from solvers.testing.answers import AnswersConformance  # noqa: E402  # after the registration
from solvers.testing.behaviour import BehaviourConformance  # noqa: E402
from solvers.testing.duals import DualsConformance  # noqa: E402
from solvers.testing.extras import ExtrasConformance  # noqa: E402


class ProgramEngineConformance(AnswersConformance, DualsConformance, BehaviourConformance, ExtrasConformance):
    """Every test for engines of the family ``program``. Set ``engine`` in your subclass."""


__all__ = ["ProgramEngineConformance"]
