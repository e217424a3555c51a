"""The answer to a bilevel problem: both levels by name, lower gap, certificate, map of optima."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from kantor.certificate import Certificate
from kantor.decode import Decoder
from kantor.errors import NoPoint

if TYPE_CHECKING:
    from api_schemas.bilevel import BilevelAnswer as Contract

_WORDS = {
    "globally-optimal": "globally optimal: the bound proves it",
    "locally-stationary": "locally stationary: the lower level is solved, no first-order step above improves",
    "feasible": "feasible: the lower level is solved, all constraints hold",
    "not-verified": "not verified: that this point solves the lower level was not shown",
    "infeasible": "infeasible: no point satisfies both levels",
    "unbounded": "unbounded",
    "no-solution": "no point was found",
    "error": "the engine failed",
}


class Values(Mapping[str, Any]):
    """Arrays by variable name; those that lie on the server are fetched when looked at."""

    def __init__(self, values: Mapping[str, Any] | None, decode: Decoder, why_not: str) -> None:
        self._values, self._decode, self._why_not = values, decode, why_not

    def __getitem__(self, name: str) -> Any:
        """A numpy array of the variable's shape, or a number.

        Raises:
            NoPoint: the answer has no point.
            KeyError: there is no such variable.
        """
        if self._values is None:
            raise NoPoint(self._why_not)
        if name not in self._values:
            raise KeyError(f"there is no variable {name!r}; there are {', '.join(self._values)}")
        value = self._values[name]
        return value if isinstance(value, (int, float)) else self._decode(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values or {})

    def __len__(self) -> int:
        return len(self._values or {})

    def __repr__(self) -> str:
        return repr(dict(self.items()))


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


class BilevelAnswer:
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

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        self.contract = contract
        self.job = job
        self.problem = problem
        self.status: str = contract.status
        self.limit: str | None = contract.limit
        self.message = contract.message
        self.objective = contract.objective
        self.lower_objective = contract.lower_objective
        self.bound = contract.bound
        self.gap = contract.gap
        self.lower_gap = contract.lower_gap
        self.stationarity = contract.stationarity
        self.restart = contract.restart
        self.engine = contract.engine
        self.engine_version = contract.engine_version
        self.why = contract.why
        self.statistics: dict[str, Any] = contract.statistics
        self.certificate = Certificate(contract.certificate)
        decode = Decoder(fetch)
        why_not = f"the answer has no point: its status is {self.status}" + (
            f" ({self.message})" if self.message else ""
        )
        self.upper = Values(contract.upper, decode, why_not)
        self.lower = Values(contract.lower, decode, why_not)
        self.hypergradient = Values(contract.hypergradient, decode, "the answer has no hypergradient")
        self.optima = [Optimum(item, decode) for item in contract.optima]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings; arrays that lie on the server are fetched."""
        document: dict[str, Any] = self.contract.model_dump(mode="json")
        for name in ("upper", "lower", "hypergradient"):
            if document[name] is not None:
                document[name] = {key: _plain(value) for key, value in getattr(self, name).items()}
        for item, optimum in zip(document["optima"], self.optima, strict=True):
            for level in ("upper", "lower"):
                item[level] = {key: _plain(value) for key, value in getattr(optimum, level).items()}
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
            ("lower gap", self.lower_gap),
            ("stationarity", self.stationarity),
        ):
            if value is not None:
                rows.append((label, f"{value:.8g}"))
        if self.optima:
            rows.append(("optima", ", ".join(f"{item.objective:.6g} ({item.starts})" for item in self.optima[:10])))
        if self.engine:
            rows.append(("engine", f"{self.engine} {self.engine_version}"))
        if self.why:
            rows.append(("why", self.why))
        rows.append(("certificate", self.certificate.verdict))
        return rows

    def __repr__(self) -> str:
        objective = "" if self.objective is None else f", objective {self.objective:.8g}"
        verified = "verified" if self.certificate.verified else "not verified"
        return f"<BilevelAnswer {self.status}{objective}, {self.engine}, {verified}>"

    def __str__(self) -> str:
        return "\n".join(f"{label:>12}  {text}" for label, text in self._facts())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in self._facts())
        return f"<table>{rows}</table>"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
