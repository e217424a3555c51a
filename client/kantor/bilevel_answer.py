"""The answer to a bilevel problem: both levels by name, lower gap, certificate, map of optima."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from kantor.decode import Decoder
from kantor.expression_answer import ExpressionAnswer, Values, plain_values

if TYPE_CHECKING:
    from api_schemas.bilevel import BilevelAnswer as Contract


class Optimum:
    """One of the optima to which many starts led.

    Attributes:
        objective: of the upper level.
        starts: how many starts ended here.
        upper, lower: values by name.
    """

    def __init__(self, contract: Any, decode: Decoder) -> None:
        self.objective: float = contract.objective
        self.starts: int = contract.starts
        self.upper = Values(contract.upper, decode, "")
        self.lower = Values(contract.lower, decode, "")

    def __repr__(self) -> str:
        return f"Optimum(objective={self.objective:.6g}, starts={self.starts})"


class BilevelAnswer(ExpressionAnswer):
    """What came out of a bilevel job.

    Attributes:
        contract: the answer as the server sent it.
        job: the ``Job`` that it answers.
        status: "globally-optimal", "locally-stationary", "feasible", "not-verified", "infeasible", "unbounded",
            "no-solution" or "error": never a better word than the certificate allows.
        limit: which limit ended the solve, if one did.
        upper, lower: the variables of each level by name: ``answer.upper["lam"]``.
        objective: of the upper level, in your sense; ``lower_objective`` that of the lower one.
        bound, gap: on the upper objective, and |objective - bound| / max(1, |objective|); ``exact`` only.
        lower_gap: by how much the lower objective is above its optimal value, relative, as the certificate measured it.
        stationarity: largest entry of the projected hypergradient.
        hypergradient: derivative of the upper objective along the lower solutions, by upper variable.
        optima: what many starts found, best first.
        certificate: what was checked.
    """

    WORDS: ClassVar = {
        "globally-optimal": "globally optimal: the bound proves it",
        "locally-stationary": "locally stationary: the lower level is solved, no first-order step above improves",
        "feasible": "feasible: the lower level is solved, all constraints hold",
        "not-verified": "not verified: that this point solves the lower level was not shown",
        "infeasible": "infeasible: no point satisfies both levels",
        "unbounded": "unbounded",
        "no-solution": "no point was found",
        "error": "the engine failed",
    }
    MEASURES: ClassVar = (
        ("objective", "objective"),
        ("bound", "bound"),
        ("lower gap", "lower_gap"),
        ("stationarity", "stationarity"),
    )

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        super().__init__(contract, job=job, fetch=fetch, problem=problem)
        self.objective = contract.objective
        self.lower_objective = contract.lower_objective
        self.bound = contract.bound
        self.gap = contract.gap
        self.lower_gap = contract.lower_gap
        self.stationarity = contract.stationarity
        self.restart = contract.restart
        self.upper = self._values(contract.upper)
        self.lower = self._values(contract.lower)
        self.hypergradient = self._values(contract.hypergradient, "the answer has no hypergradient")
        self.optima = [Optimum(item, self._decode) for item in contract.optima]

    def _plain(self) -> dict[str, Any]:
        names = ("upper", "lower", "hypergradient")
        document: dict[str, Any] = {
            name: plain_values(getattr(self, name)) for name in names if getattr(self.contract, name) is not None
        }
        document["optima"] = [
            {
                **item.model_dump(mode="json"),
                "upper": plain_values(optimum.upper),
                "lower": plain_values(optimum.lower),
            }
            for item, optimum in zip(self.contract.optima, self.optima, strict=True)
        ]
        return document

    def _own_facts(self) -> list[tuple[str, str]]:
        if not self.optima:
            return []
        return [("optima", ", ".join(f"{item.objective:.6g} ({item.starts})" for item in self.optima[:10]))]
