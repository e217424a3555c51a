"""What answers to problems in the expression language have in common: facts, certificate, how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, ClassVar

from kantor.certificate import Certificate
from kantor.decode import Decoder
from kantor.errors import NoPoint


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


class ExpressionAnswer:
    """What came out of a job.

    Attributes:
        contract: the answer as the server sent it.
        job: the ``Job`` that it answers.
        status: never a better word than the certificate allows.
        limit: which limit ended the solve, if one did.
        message, engine, engine_version, why, statistics: of the engine.
        certificate: what was checked.
    """

    WORDS: ClassVar[Mapping[str, str]] = {}
    """Each status in words."""
    MEASURES: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Numbers that are shown: label and attribute."""

    def __init__(self, contract: Any, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        self.contract = contract
        self.job = job
        self.problem = problem
        self.status: str = contract.status
        self.limit: str | None = contract.limit
        self.message: str = contract.message
        self.engine: str = contract.engine
        self.engine_version: str = contract.engine_version
        self.why: str = contract.why
        self.statistics: dict[str, Any] = contract.statistics
        self.certificate = Certificate(contract.certificate, contract.status)
        self._decode = Decoder(fetch)
        words = f" ({self.message})" if self.message else ""
        self._why_not = f"the answer has no point: its status is {self.status}{words}"

    def _values(self, values: Mapping[str, Any] | None, why_not: str | None = None) -> Values:
        return Values(values, self._decode, self._why_not if why_not is None else why_not)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and strings; arrays that lie on the server are fetched."""
        document: dict[str, Any] = self.contract.model_dump(mode="json")
        document.update(self._plain())
        return document

    def _plain(self) -> dict[str, Any]:
        """Fields that may hold references to arrays, with the arrays."""
        return {}

    def to_json(self, *, indent: int | None = None) -> str:
        """As ``to_dict``."""
        import json

        return json.dumps(self.to_dict(), indent=indent)

    def _own_facts(self) -> list[tuple[str, str]]:
        """Label and text of what only this kind has, after the measures."""
        return []

    def _facts(self) -> list[tuple[str, str]]:
        status = self.WORDS.get(self.status, self.status) + (f" ({self.limit} limit)" if self.limit else "")
        rows = [("status", status)]
        if self.message:
            rows.append(("", self.message))
        for label, attribute in self.MEASURES:
            value = getattr(self, attribute)
            if value is not None:
                rows.append((label, f"{value:.8g}"))
        rows += self._own_facts()
        if self.engine:
            rows.append(("engine", f"{self.engine} {self.engine_version}"))
        if self.why:
            rows.append(("why", self.why))
        rows.append(("certificate", self.certificate.verdict))
        return rows

    def _headline(self) -> str:
        objective = getattr(self, "objective", None)
        return "" if objective is None else f", objective {objective:.8g}"

    def __repr__(self) -> str:
        verified = "verified" if self.certificate.verified else "not verified"
        return f"<{type(self).__name__} {self.status}{self._headline()}, {self.engine}, {verified}>"

    def __str__(self) -> str:
        facts = self._facts()
        width = max(12, *(len(label) for label, _ in facts))
        return "\n".join(f"{label:>{width}}  {text}" for label, text in facts)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>" for label, text in self._facts())
        return f"<table>{rows}</table>"


def plain(value: Any) -> Any:
    """An array as nested lists."""
    return value.tolist() if hasattr(value, "tolist") else value


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by name as nested lists by name."""
    return {key: plain(value) for key, value in values.items()}


def shown(value: Any) -> str:
    """Numbers in a line; of long arrays the beginning."""
    if isinstance(value, (int, float)):
        return f"{value:.6g}"
    flat = value.reshape(-1).tolist() if hasattr(value, "reshape") else list(value)
    text = ", ".join(f"{item:.6g}" if isinstance(item, (int, float)) else str(item) for item in flat[:6])
    shape = f" ({'x'.join(map(str, value.shape))})" if hasattr(value, "shape") and value.ndim > 1 else ""
    return f"[{text}{', ...' if len(flat) > 6 else ''}]{shape}"
