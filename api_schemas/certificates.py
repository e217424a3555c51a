"""The certificate of an answer: the same form for every family of problems."""

from __future__ import annotations

from typing import Literal

from api_schemas.base import Extended, Reply


class Check(Reply):
    """One claim of an answer and what a check of it showed."""

    name: str
    """The claim: "primal-feasibility", "dual-bound", "farkas-ray"..."""
    outcome: Literal["passed", "failed", "trusted", "skipped"]
    """"trusted": the claim rests on the engine's word; "skipped": there was nothing to check."""
    text: str
    """One plain sentence."""
    value: Extended | None = None
    """What was measured, for example the largest violation."""
    tolerance: float | None = None
    arithmetic: Literal["double", "extended", "exact"] = "double"
    """In which arithmetic the deciding comparison was made."""


class Certificate(Reply):
    """What Kantor checked itself about an answer, on the original problem, with code that no engine shares."""

    verified: bool
    """At least one claim was checked, and none failed."""
    proved: bool
    """Every claim was checked and passed: nothing rests on the engine's word."""
    rests_on_engine: list[str] = []
    """Names of the claims that no check could decide."""
    checks: list[Check] = []
    seconds: float = 0.0
    """Time spent checking."""
