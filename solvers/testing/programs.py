"""The conformance suite for engines of mathematical programs.

    from solvers.testing.programs import ProgramEngineConformance

    class TestMyEngine(ProgramEngineConformance):
        engine = MyEngine()

Run it with pytest. An engine is held to what its specification claims: features decide which programs it must solve
and which it must refuse, capabilities which tests apply. The suite takes some 20 seconds.
"""

from __future__ import annotations

import sys

import pytest

_PARTS = [f"solvers.testing.{part}" for part in ("base", "answers", "behaviour", "duals", "extras")]
pytest.register_assert_rewrite(*(name for name in _PARTS if name not in sys.modules))

from solvers.testing.answers import AnswersConformance  # noqa: E402  # after the registration
from solvers.testing.behaviour import BehaviourConformance  # noqa: E402
from solvers.testing.duals import DualsConformance  # noqa: E402
from solvers.testing.extras import ExtrasConformance  # noqa: E402


class ProgramEngineConformance(AnswersConformance, DualsConformance, BehaviourConformance, ExtrasConformance):
    """Every test for engines of the family ``program``. Set ``engine`` in your subclass."""


__all__ = ["ProgramEngineConformance"]
