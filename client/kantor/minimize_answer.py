"""The answer to a problem of one level: variables by name, how good they are, certificate."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from kantor.bilevel_answer import Values
from kantor.certificate import Certificate
from kantor.decode import Decoder

if TYPE_CHECKING:
    from api_schemas.minimize import MinimizeAnswer as Contract

_WORDS = {
    "globally-optimal": "globally optimal: the bound proves it",
    "locally-stationary": "locally stationary: no first-order step improves",
    "feasible": "feasible: constraints and bounds hold",
    "not-verified": "not verified: that this point is feasible was not shown",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "no-solution": "no point was found",
    "error": "the engine failed",
}


class MinimizeAnswer:
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
        structure: what was inferred of the objective: "convex quadratic"...
        certificate: what was checked.
    """

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        self.contract = contract
        self.job = job
        self.problem = problem
        self.status: str = contract.status
        self.limit: str | None = contract.limit
        self.message = contract.message
        self.objective = contract.objective
        self.bound = contract.bound
        self.gap = contract.gap
        self.stationarity = contract.stationarity
        self.violation = contract.violation
        self.structure = contract.structure
        self.engine = contract.engine
        self.engine_version = contract.engine_version
        self.why = contract.why
        self.statistics: dict[str, Any] = contract.statistics
        self.certificate = Certificate(contract.certificate)
        self._decode = Decoder(fetch)
        words = f" ({self.message})" if self.message else ""
        why_not = f"the answer has no point: its status is {self.status}{words}"
        self.variables = Values(contract.variables, self._decode, why_not)

    def __getitem__(self, name: str) -> Any:
        return self.variables[name]

    @property
    def multipliers(self) -> list[Any] | None:
        found = self.contract.multipliers
        if found is None:
            return None
        return [item if isinstance(item, (int, float)) else self._decode(item) for item in found]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings; arrays that lie on the server are fetched."""
        document: dict[str, Any] = self.contract.model_dump(mode="json")
        if document["variables"] is not None:
            document["variables"] = {key: _plain(value) for key, value in self.variables.items()}
        if self.multipliers is not None:
            document["multipliers"] = [_plain(value) for value in self.multipliers]
        return document

    def to_json(self, *, indent: int | None = None) -> str:
        """As ``to_dict``."""
        import json

        return json.dumps(self.to_dict(), indent=indent)

    def _facts(self) -> list[tuple[str, str]]:
        status = _WORDS.get(self.status, self.status) + (f" ({self.limit} limit)" if self.limit else "")
        rows = [("status", status)]
        if self.message:
            rows.append(("", self.message))
        for label, value in (
            ("objective", self.objective),
            ("bound", self.bound),
            ("stationarity", self.stationarity),
            ("violation", self.violation),
        ):
            if value is not None:
                rows.append((label, f"{value:.8g}"))
        for name, value in self.variables.items():
            rows.append((name, _shown(value)))
        if self.engine:
            rows.append(("engine", f"{self.engine} {self.engine_version}"))
        if self.why:
            rows.append(("why", self.why))
        rows.append(("certificate", self.certificate.verdict))
        return rows

    def __repr__(self) -> str:
        objective = "" if self.objective is None else f", objective {self.objective:.8g}"
        verified = "verified" if self.certificate.verified else "not verified"
        return f"<MinimizeAnswer {self.status}{objective}, {self.engine}, {verified}>"

    def __str__(self) -> str:
        return "\n".join(f"{label:>12}  {text}" for label, text in self._facts())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in self._facts())
        return f"<table>{rows}</table>"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _shown(value: Any) -> str:
    """Numbers in a line; of long arrays the beginning."""
    if isinstance(value, (int, float)):
        return f"{value:.6g}"
    flat = value.reshape(-1).tolist() if hasattr(value, "reshape") else list(value)
    text = ", ".join(f"{item:.6g}" if isinstance(item, (int, float)) else str(item) for item in flat[:6])
    shape = f" ({'x'.join(map(str, value.shape))})" if hasattr(value, "shape") and value.ndim > 1 else ""
    return f"[{text}{', ...' if len(flat) > 6 else ''}]{shape}"
