"""The certificate: what was checked about an answer, how, and what was found. The same form for every family."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["passed", "failed", "trusted", "skipped"]
Arithmetic = Literal["double", "extended", "exact"]


@dataclass(frozen=True)
class Check:
    """One claim of an answer and what a check of it showed.

    Attributes:
        name: the claim in kebab-case: ``"primal-feasibility"``, ``"dual-bound"``, ``"farkas-ray"``...
        outcome: ``passed`` and ``failed`` are this checker's own finding; ``trusted`` says that the claim rests on the
            engine's word; ``skipped`` that there was nothing to check (``text`` says why).
        value: the measured quantity (a violation, a gap), in the units of the problem; None if there is none.
        tolerance: what ``value`` was compared with; None if not compared.
        arithmetic: in which the deciding comparison was made.
        text: one plain sentence for people.
    """

    name: str
    outcome: Outcome
    text: str
    value: float | None = None
    tolerance: float | None = None
    arithmetic: Arithmetic = "double"


@dataclass(frozen=True)
class Certificate:
    """What Kantor checked itself, on the original problem.

    Attributes:
        checks: every claim of the answer, each once.
        seconds: time spent checking.
    """

    checks: tuple[Check, ...] = field(default_factory=tuple)
    seconds: float = 0.0

    @property
    def verified(self) -> bool:
        """True if at least one claim was checked and none failed; ``rests_on_engine`` names those not checkable."""
        outcomes = {check.outcome for check in self.checks}
        return "failed" not in outcomes and "passed" in outcomes

    @property
    def proved(self) -> bool:
        """True if every claim of the answer was checked and passed: nothing rests on the engine's word."""
        return self.verified and not self.rests_on_engine

    @property
    def rests_on_engine(self) -> tuple[str, ...]:
        """Names of the claims that no check could decide."""
        return tuple(check.name for check in self.checks if check.outcome == "trusted")

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.outcome == "failed")
