"""Saddle problems in the expression language, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kantor.expression_answer import ExpressionAnswer, plain_values, shown
from kantor.expression_parts import variables_of, written
from kantor.expression_problem import ExpressionProblem, Write, brief, size_of

if TYPE_CHECKING:
    from api_schemas.saddle import SaddleAnswer as Contract

PLAYERS = ("minimize_over", "maximize_over")


class Saddle(ExpressionProblem):
    """``min over x, max over y`` of one expression; each player has bounds and constraints of its own.

    Args:
        objective: a string, or made with the operators of ``kantor.expressions``.
        minimize_over, maximize_over: variables of the two players: for each name ``{"shape": [..], "start":,
            "lower":, "upper":}``; or the shape alone.
        constraints: ``left <= right``, ``left >= right`` or ``left == right``, each in variables of one player. Engines
            take affine and convex quadratic ones.
        data, let: as for ``Minimize``.

    Raises:
        InvalidProblem: what is wrong, with the character of the expression; found here, before anything is sent.

    Example:
        >>> Saddle("x*y + x**2/2 - y**2/2", minimize_over={"x": []}, maximize_over={"y": []})
        Saddle('x*y + x**2/2 - y**2/2', 1 variable against 1)
    """

    kind: ClassVar[str] = "saddle"
    MODEL: ClassVar[str] = "api_schemas.saddle:SaddleProblem"
    PLACES: ClassVar[str] = "/minimize_over"

    def __init__(
        self,
        objective: Any,
        *,
        minimize_over: Mapping[str, Any],
        maximize_over: Mapping[str, Any],
        constraints: Sequence[Any] | str = (),
        data: Mapping[str, Any] | None = None,
        let: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(data, let, constraints, name)
        self.objective = str(objective)
        given = {"minimize_over": minimize_over, "maximize_over": maximize_over}
        self.players = {
            player: variables_of(variables, "", self.arrays, at=f"/{player}") for player, variables in given.items()
        }
        self._check()

    def _own(self, write: Write) -> dict[str, Any]:
        sides = {player: written(variables, self.arrays, write) for player, variables in self.players.items()}
        return {"objective": self.objective, **sides}

    def __repr__(self) -> str:
        first, second = (size_of(self.players[player]) for player in PLAYERS)
        word = "variable" if first == 1 else "variables"
        return f"Saddle({brief(self.objective)}, {first} {word} against {second})"


class SaddleAnswer(ExpressionAnswer):
    """What came out of a saddle problem.

    Attributes:
        contract, job, status, limit, message, engine, engine_version, why, statistics, certificate: as for
            ``MinimizeAnswer``; "globally-optimal" says that the duality gap proves the saddle point.
        minimizer, maximizer: each player's variables by name; ``answer["x"]`` looks in both.
        objective: of the point.
        lower, upper: proved bounds on the value of the game: the maximizing player gets at least ``lower`` and the
            minimizing one pays at most ``upper`` with its part of the answer, whatever the other does; None if there is
            no proof.
        gap: (upper - lower) / max(1, |objective|).
        minimizer_residual, maximizer_residual: of both players' first-order conditions.
        second_order: "local-minimax" where second-order conditions of a strict local minimax point hold,
            "not-a-local-minimax" where they are violated, else "unknown".
        structure: what was inferred of the objective: "bilinear", "convex-concave quadratic"...
    """

    WORDS: ClassVar = {
        "globally-optimal": "saddle point: the duality gap proves it",
        "locally-stationary": "stationary: no first-order step helps either player",
        "feasible": "feasible: both players' constraints hold",
        "not-verified": "not verified: that this point is feasible was not shown",
        "unbounded": "unbounded",
        "no-solution": "no point was found",
        "error": "the engine failed",
    }
    MEASURES: ClassVar = (
        ("objective", "objective"),
        ("lower", "lower"),
        ("upper", "upper"),
        ("gap", "gap"),
        ("residual (min)", "minimizer_residual"),
        ("residual (max)", "maximizer_residual"),
    )

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        super().__init__(contract, job=job, fetch=fetch, problem=problem)
        self.objective = contract.objective
        self.lower = contract.lower
        self.upper = contract.upper
        self.gap = contract.gap
        self.minimizer_residual = contract.minimizer_residual
        self.maximizer_residual = contract.maximizer_residual
        self.violation = contract.violation
        self.second_order: str = contract.second_order
        self.structure = contract.structure
        self.minimizer = self._values(contract.minimizer)
        self.maximizer = self._values(contract.maximizer)

    def __getitem__(self, name: str) -> Any:
        return self.minimizer[name] if name in self.minimizer else self.maximizer[name]

    def _plain(self) -> dict[str, Any]:
        names = ("minimizer", "maximizer")
        return {name: plain_values(getattr(self, name)) for name in names if getattr(self.contract, name) is not None}

    def _own_facts(self) -> list[tuple[str, str]]:
        rows = [(name, shown(value)) for part in (self.minimizer, self.maximizer) for name, value in part.items()]
        if self.second_order != "unknown":
            rows.insert(0, ("second order", self.second_order.replace("-", " ")))
        return rows
