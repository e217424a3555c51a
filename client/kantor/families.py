"""The kinds of problems: what the client needs to know of each to send a problem and to read its answer."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from kantor.arrays import Numbers
from kantor.parts import Form
from kantor.source import Source

ANSWERS: dict[str, str] = {
    "program": "kantor.answer:Answer",
    "bilevel": "kantor.bilevel_answer:BilevelAnswer",
    "minimize": "kantor.minimize_answer:MinimizeAnswer",
    "saddle": "kantor.saddle:SaddleAnswer",
    "pareto": "kantor.pareto:ParetoAnswer",
    "transport": "kantor.transport_answer:TransportAnswer",
}
"""kind to "module:class" of the answer: made with the contract's answer, ``job=``, ``fetch=`` and ``problem=``."""


class Start(Protocol):
    """A warm start: arrays, each sent within the request or beside it, and the document that they are part of."""

    arrays: dict[str, Numbers]

    def document(self, form: Form) -> dict[str, Any]:
        """The contract's form; ``form(name, numbers)`` gives that of an array."""
        ...


class Problem(Protocol):
    """What can be solved.

    Attributes:
        kind: of the contract: ``"program"``, ``"transport"``...
        source: the model file that it is, or None.
    """

    kind: ClassVar[str]
    source: Source | None

    def large_arrays(self) -> dict[str, Numbers]:
        """Those that are uploaded, since they are too large for a request."""
        ...

    def document(self, form: Form, file: Mapping[str, Any] | None) -> dict[str, Any]:
        """The contract's form; ``form(name, numbers)`` gives that of an array, ``file`` that of the source."""
        ...

    def start(self, value: Any) -> Start:
        """A warm start from whatever the user has: an answer, arrays...

        Raises:
            InvalidProblem: there is nothing of the kind in it.
        """
        ...


def problem_of(value: Any) -> Problem:
    """A problem as it is; or what can be made one (see ``Program.of``).

    Raises:
        TypeError: nothing of the kind.
    """
    if isinstance(getattr(value, "kind", None), str) and hasattr(value, "large_arrays"):
        problem: Problem = value
        return problem
    from kantor.program import Program

    return Program.of(value)


def answer(contract: Any, *, job: Any, fetch: Callable[[str], bytes], problem: Any) -> Any:
    """The answer of a finished job, as the class of its kind."""
    module, _, name = ANSWERS[contract.kind].partition(":")
    return getattr(importlib.import_module(module), name)(contract, job=job, fetch=fetch, problem=problem)
