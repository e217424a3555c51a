"""A certificate in plain words."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api_schemas.certificates import Certificate as Contract
    from api_schemas.certificates import Check

SIGNS = {"passed": "✓", "failed": "✗", "trusted": "?", "skipped": "-"}


#: What a reader might take for proved beside these words for a status, but is not claimed.
_UNPROVED = {
    "feasible": "that there is no better point is not claimed",
    "locally-stationary": "that there is no better point elsewhere is not claimed",
    "not-verified": "that the point solves the problem is not claimed",
}


class Certificate:
    """What Kantor checked itself about an answer, on the problem as it was sent, with code that no engine shares.

    Attributes:
        verified: at least one claim was checked, and none failed.
        proved: every claim was checked and passed: nothing rests on the engine's word. What is claimed is the answer's
            status: of one that is "feasible", that no better point exists is no part of it.
        rests_on_engine: names of the claims that no check could decide.
        checks: each with name, outcome, text, value, tolerance and arithmetic.
        seconds: time spent checking.
    """

    def __init__(self, contract: Contract | None, status: str | None = None) -> None:
        self.contract = contract
        self._status = status
        self.verified = contract is not None and contract.verified
        self.proved = contract is not None and contract.proved
        self.rests_on_engine: list[str] = list(contract.rests_on_engine) if contract else []
        self.checks: list[Check] = list(contract.checks) if contract else []
        self.seconds = contract.seconds if contract else 0.0

    @property
    def failed(self) -> list[Check]:
        """The claims that turned out wrong."""
        return [check for check in self.checks if check.outcome == "failed"]

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.contract is None or not self.checks:
            return "not certified: there was nothing to check"
        if self.failed:
            return f"NOT verified: {', '.join(check.name for check in self.failed)} failed"
        if self.proved:
            limits = _UNPROVED.get(self._status or "")
            return "proved: Kantor checked every claim itself" + (f"; {limits}" if limits else "")
        if not self.verified:
            return "not verified: no claim could be checked"
        return f"verified: every check passed; on the engine's word: {', '.join(self.rests_on_engine) or 'the rest'}"

    @property
    def text(self) -> str:
        """The verdict, and a line for each check."""
        return "\n".join([self.verdict, *(f"  {line(check)}" for check in self.checks)])

    def __repr__(self) -> str:
        return f"<Certificate {self.verdict}>"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{SIGNS[check.outcome]}</td><td>{escape(check.name)}</td><td>{escape(check.text)}</td></tr>"
            for check in self.checks
        )
        return f"<p><b>{escape(self.verdict)}</b></p><table>{rows}</table>"


def line(check: Check) -> str:
    """A check on one line: sign, name, words; and the arithmetic, where it is better than double."""
    better = check.arithmetic != "double" and check.outcome in ("passed", "failed")
    return f"{SIGNS[check.outcome]} {check.name}: {check.text}" + (
        f" [{check.arithmetic} arithmetic]" if better else ""
    )
