"""Problems of one level in the expression language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from kantor.expression_parts import variables_of, written
from kantor.expression_problem import ExpressionProblem, Write, brief, plural, size_of


class Minimize(ExpressionProblem):
    """Minimize (or maximize) an expression of variables, subject to constraints and bounds.

    Args:
        minimize: the objective, or None with ``maximize=``. Expressions are strings, or made with the operators of
            ``kantor.expressions``.
        variables: for each name ``{"shape": [..], "start":, "lower":, "upper":, "integer":}``; or the shape alone.
        constraints: ``left <= right``, ``left >= right`` or ``left == right``, elementwise.
        data: arrays (or numbers) by name; whole numbers may also be labels and indices.
        let: names for expressions, each of which may use those before it.

    Raises:
        InvalidProblem: what is wrong, with the character of the expression; found here, before anything is sent.

    Example:
        >>> Minimize("(1 - x[0])**2 + 100*(x[1] - x[0]**2)**2", variables={"x": [2]})
        Minimize('(1 - x[0])**2 + 100*(x[1] - x[0]**2)**2', 2 variables)
    """

    kind: ClassVar[str] = "minimize"
    MODEL: ClassVar[str] = "api_schemas.minimize:MinimizeProblem"

    def __init__(
        self,
        minimize: Any = None,
        *,
        variables: Mapping[str, Any],
        maximize: Any = None,
        constraints: Sequence[Any] | str = (),
        data: Mapping[str, Any] | None = None,
        let: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(data, let, constraints, name)
        self.objective = {
            word: str(text) for word, text in (("minimize", minimize), ("maximize", maximize)) if text is not None
        }
        self.variables = variables_of(variables, "", self.arrays)
        self._check()

    def _own(self, write: Write) -> dict[str, Any]:
        return {"variables": written(self.variables, self.arrays, write), **self.objective}

    def __repr__(self) -> str:
        word = next(iter(self.objective))
        constraints = f", {plural(len(self.constraints), 'constraint')}" if self.constraints else ""
        prefix = "" if word == "minimize" else "maximize="
        variables = plural(size_of(self.variables), "variable")
        return f"Minimize({prefix}{brief(self.objective[word])}, {variables}{constraints})"
