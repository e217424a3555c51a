"""The answer to a problem of one level: variables by name, how good they are, certificate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from kantor.expression_answer import ExpressionAnswer, plain, plain_values, shown

if TYPE_CHECKING:
    from api_schemas.minimize import MinimizeAnswer as Contract


class MinimizeAnswer(ExpressionAnswer):
    """What came out of a job.

    Attributes:
        contract: the answer as the server sent it.
        job: the ``Job`` that it answers.
        status: "globally-optimal", "locally-stationary", "feasible", "not-verified", "infeasible", "unbounded",
            "no-solution" or "error": never a better word than the certificate allows.
        limit: which limit ended the solve, if one did.
        variables: values by name; ``answer["w"]`` is short for ``answer.variables["w"]``.
        objective: in your sense.
        bound, gap: on the optimal objective, and |objective - bound| / max(1, |objective|); None if unknown.
        stationarity, violation: residual of the first-order conditions, and largest violation of a constraint.
        multipliers: for each constraint an array of its shape, >= 0 for inequalities; None if there are none.
        ray: of an unbounded problem values by name, as ``variables``: from there in this direction the objective
            improves without end; empty otherwise.
        structure: what was inferred of the objective: "convex quadratic"...
        certificate: what was checked.
    """

    WORDS: ClassVar = {
        "globally-optimal": "globally optimal: the bound proves it",
        "locally-stationary": "locally stationary: no first-order step improves",
        "feasible": "feasible: constraints and bounds hold",
        "not-verified": "not verified: that this point is feasible was not shown",
        "infeasible": "infeasible: no point satisfies all constraints",
        "unbounded": "unbounded: the objective improves without end",
        "no-solution": "no point was found",
        "error": "the engine failed",
    }
    MEASURES: ClassVar = (
        ("objective", "objective"),
        ("bound", "bound"),
        ("stationarity", "stationarity"),
        ("violation", "violation"),
    )

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        super().__init__(contract, job=job, fetch=fetch, problem=problem)
        self.objective = contract.objective
        self.bound = contract.bound
        self.gap = contract.gap
        self.stationarity = contract.stationarity
        self.violation = contract.violation
        self.structure = contract.structure
        self.variables = self._values(contract.variables)
        self.ray = self._values(contract.ray)

    def __getitem__(self, name: str) -> Any:
        return self.variables[name]

    @property
    def multipliers(self) -> list[Any] | None:
        found = self.contract.multipliers
        if found is None:
            return None
        return [item if isinstance(item, (int, float)) else self._decode(item) for item in found]

    def _plain(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        if self.contract.variables is not None:
            document["variables"] = plain_values(self.variables)
        if self.multipliers is not None:
            document["multipliers"] = [plain(value) for value in self.multipliers]
        if self.ray:
            document["ray"] = plain_values(self.ray)
        return document

    def _own_facts(self) -> list[tuple[str, str]]:
        along = [(f"ray of {name}", shown(value)) for name, value in self.ray.items()]
        return [*((name, shown(value)) for name, value in self.variables.items()), *along]
