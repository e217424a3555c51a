"""Models of other tools become programs, and answers go back into them. None of the tools is imported here: each
adapter is loaded when a model of its tool arrives, and uses what the tool itself offers (standard forms, matrices,
protos), so that names and numbers stay exact.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from kantor.errors import UnsupportedProblem

if TYPE_CHECKING:
    from kantor.answer import Answer
    from kantor.program import Program

_ADAPTERS = {
    "cvxpy": "cvxpy",
    "pyomo": "pyomo",
    "linopy": "linopy",
    "pulp": "pulp",
    "ortools": "mathopt",
}


class Origin(Protocol):
    """The model that a program was made of."""

    model: Any

    def value(self, answer: Answer, item: Any) -> Any:
        """The value of a variable of the tool (a number, or an array of its shape).

        Raises:
            KeyError: not a variable of this model.
        """
        ...

    def load(self, answer: Answer) -> None:
        """Put status and values into the model, as if the tool had solved it."""
        ...


def convert(model: Any) -> Program:
    """The program of a model of another tool.

    Raises:
        TypeError: not a model of a known tool.
        UnsupportedProblem: the model has parts that no program has.
    """
    for kind in type(model).__mro__:
        adapter = _ADAPTERS.get(kind.__module__.partition(".")[0])
        if adapter is not None:
            program: Program = importlib.import_module(f"kantor.modelling.{adapter}").to_program(model)
            return program
    raise TypeError(
        "a problem is a kantor.Program, the path of a model file, or a model of cvxpy, Pyomo, linopy, PuLP or MathOpt,"
        f" not {type(model).__module__}.{type(model).__qualname__}"
    )


def unsupported(tool: str, what: str, hint: str = "") -> UnsupportedProblem:
    """The refusal of a part that no program has."""
    return UnsupportedProblem(
        f"this {tool} model has {what}, which a program cannot have" + (f"; {hint}" if hint else "")
    )


def usable_names(names: list[str]) -> list[str]:
    """The same names, made unique, non-empty and at most 255 characters long by a number at the end where they are
    not."""
    seen: set[str] = set()
    result = []
    for j, name in enumerate(names):
        if not name or len(name) > 255 or name in seen:
            name = f"{name[:240]}#{j}"
        seen.add(name)
        result.append(name)
    return result
