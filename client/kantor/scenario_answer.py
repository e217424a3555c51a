"""The answer to one scenario of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api_schemas.programs import ScenarioAnswer as Contract


class ScenarioAnswer:
    """Attributes:
    name, status, objective, bound, iterations: of this scenario.
    certified: its certificate holds.
    """

    def __init__(self, contract: Contract, decode: Callable[[Any], Any], names: list[str] | None) -> None:
        self.contract = contract
        self.name = contract.name
        self.status = contract.status
        self.objective = contract.objective
        self.bound = contract.bound
        self.certified = contract.certified
        self.iterations = contract.iterations
        self._decode = decode
        self._names = names

    @property
    def primal(self) -> Any:
        """n values of the variables, or None."""
        return self._decode(self.contract.primal)

    @property
    def duals(self) -> Any:
        """m numbers, or None."""
        return self._decode(self.contract.row_duals)

    def values(self) -> dict[str, float]:
        """Variable name to value; empty if there is no point."""
        primal = self.primal
        if primal is None:
            return {}
        numbers = primal.tolist() if hasattr(primal, "tolist") else primal
        return dict(zip(self._names or [f"x{j}" for j in range(len(numbers))], numbers, strict=True))

    def __repr__(self) -> str:
        name = f"{self.name}: " if self.name else ""
        objective = "" if self.objective is None else f", objective {self.objective:.10g}"
        return f"<Scenario {name}{self.status}{objective}{', certified' if self.certified else ''}>"
