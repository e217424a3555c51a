"""Problems of several objectives in the expression language, and their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kantor.arrays import wrong
from kantor.expression_answer import ExpressionAnswer, plain, plain_values
from kantor.expression_parts import known, variables_of, written
from kantor.expression_problem import ExpressionProblem, Write, plural, size_of

if TYPE_CHECKING:
    from api_schemas.pareto import FrontPoint
    from api_schemas.pareto import ParetoAnswer as Contract
    from kantor.studies_plot import Plot


class Pareto(ExpressionProblem):
    """Several objectives at once: the points that no other one betters in one without being worse in another.

    Args:
        objectives: by name an expression to be minimized, or ``{"maximize": expression}``.
        variables, constraints, data, let: as for ``Minimize``.

    Raises:
        InvalidProblem: what is wrong, with the character of the expression; found here, before anything is sent.

    Options of ``solve``: ``points`` (how many are wanted), ``reference`` (by objective: where hypervolume is measured
    from), ``preferences`` (a list of weights by objective: one point for each).

    Example:
        >>> Pareto({"near": "x**2", "far": "(x - 2)**2"}, variables={"x": []})
        Pareto(near, far; 1 variable)
    """

    kind: ClassVar[str] = "pareto"
    MODEL: ClassVar[str] = "api_schemas.pareto:ParetoProblem"

    def __init__(
        self,
        objectives: Mapping[str, Any],
        *,
        variables: Mapping[str, Any],
        constraints: Sequence[Any] | str = (),
        data: Mapping[str, Any] | None = None,
        let: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(data, let, constraints, name)
        if not isinstance(objectives, Mapping):
            words = 'objectives have names: {"cost": "sum(x)", "risk": {"maximize": "..."}}'
            raise wrong("/objectives", words)
        self.objectives = {key: _goal(goal, f"/objectives/{key}") for key, goal in objectives.items()}
        self.variables = variables_of(variables, "", self.arrays)
        self._check()

    def _own(self, write: Write) -> dict[str, Any]:
        return {"variables": written(self.variables, self.arrays, write), "objectives": self.objectives}

    def __repr__(self) -> str:
        constraints = f", {plural(len(self.constraints), 'constraint')}" if self.constraints else ""
        return f"Pareto({', '.join(self.objectives)}; {plural(size_of(self.variables), 'variable')}{constraints})"


def _goal(goal: Any, pointer: str) -> dict[str, str]:
    if not isinstance(goal, Mapping):
        return {"minimize": str(goal)}
    known(goal, ("minimize", "maximize"), pointer)
    return {word: str(text) for word, text in goal.items() if text is not None}


class Front(Sequence[dict[str, Any]]):
    """The front as a table: a row for each point with the objectives by name, ``status``, ``stationarity`` and ``gap``.

    ``front.columns`` and ``list(front)`` are what ``pandas.DataFrame`` takes.
    """

    def __init__(self, names: Sequence[str], values: Any, points: Sequence[FrontPoint]) -> None:
        self.columns = [*names, "status", "stationarity", "gap"]
        self._names, self._values, self._points = list(names), values, list(points)

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[k] for k in range(*position.indices(len(self)))]
        point = self._points[position]
        row = {name: float(value) for name, value in zip(self._names, self._values[position], strict=True)}
        return {**row, "status": point.status, "stationarity": point.stationarity, "gap": point.gap}

    def __str__(self) -> str:
        cells = [[_cell(row[column]) for column in self.columns] for row in self]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        lines = [self.columns, *cells]
        return "\n".join(
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{_cell(row[c])}</td>" for c in self.columns) + "</tr>" for row in self)
        return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class ParetoAnswer(ExpressionAnswer):
    """A front. Arrays have a row for each point, sorted by the first objective (or in the order of preferences).

    Attributes:
        contract, job, limit, message, engine, engine_version, why, statistics, certificate: as for ``MinimizeAnswer``.
        status: that of the worst point. "globally-optimal": each is proved: no feasible point is better in all
            objectives by more than its gap. "locally-stationary": no first-order step improves all objectives.
        objectives, senses: names, and "min" or "max".
        values: (points, objectives), each in your sense.
        variables: by name (points, *shape); ``answer["x"]`` is short for ``answer.variables["x"]``.
        points: for each point its status, stationarity residual, gap and weights.
        hypervolume: of what lies between the front and ``reference``.
        hypervolume_bound: proved for convex problems of two objectives: no front has more.
        reference: where hypervolume was measured from, by objective.
    """

    WORDS: ClassVar = {
        "globally-optimal": "Pareto-optimal: each point is proved",
        "locally-stationary": "Pareto-stationary: no first-order step improves all objectives of any point",
        "feasible": "feasible: constraints and bounds hold at all points",
        "not-verified": "not verified: that all points are feasible was not shown",
        "no-solution": "no point was found",
        "error": "the engine failed",
    }
    MEASURES: ClassVar = (("hypervolume", "hypervolume"), ("at most", "hypervolume_bound"), ("violation", "violation"))

    def __init__(self, contract: Contract, *, job: Any, fetch: Callable[[str], bytes], problem: Any = None) -> None:
        super().__init__(contract, job=job, fetch=fetch, problem=problem)
        self.objectives: list[str] = contract.objectives
        self.senses: list[str] = list(contract.senses)
        self.points: list[FrontPoint] = contract.points
        self.hypervolume = contract.hypervolume
        self.hypervolume_bound = contract.hypervolume_bound
        self.reference = (
            None if contract.reference is None else dict(zip(self.objectives, contract.reference, strict=True))
        )
        self.violation = contract.violation
        self.structure = contract.structure
        self.variables = self._values(contract.variables)

    def __getitem__(self, name: str) -> Any:
        return self.variables[name]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def values(self) -> Any:
        """(points, objectives), each in your sense.

        Raises:
            NoPoint: the answer has no point.
        """
        if self.contract.values is None:
            from kantor.errors import NoPoint

            raise NoPoint(self._why_not)
        return self._decode(self.contract.values)

    @property
    def front(self) -> Front:
        """The points as a table."""
        return Front(self.objectives, self.values, self.points)

    def plot(self, x: str | None = None, y: str | None = None) -> Plot:
        """The front as a picture (SVG: notebooks show it, ``save`` writes it) of two objectives, by default the first.

        Raises:
            KantorError: there is no objective of that name.
        """
        from kantor.errors import KantorError
        from kantor.studies_plot import chart

        names = [x or self.objectives[0], y or self.objectives[1]]
        for name in names:
            if name not in self.objectives:
                raise KantorError(f"there is no objective {name!r}; there are {', '.join(self.objectives)}")
        columns = [self.objectives.index(name) for name in names]
        places = [(float(row[columns[0]]), float(row[columns[1]])) for row in self.values]
        line = sorted(places) if len(self.objectives) == 2 else []
        title = self.problem.name if self.problem is not None else ""
        return chart(title, names[0], names[1], places, line, [])

    def _plain(self) -> dict[str, Any]:
        if self.contract.variables is None:
            return {}
        return {"variables": plain_values(self.variables), "values": plain(self.values)}

    def _own_facts(self) -> list[tuple[str, str]]:
        rows = [("points", str(len(self.points)))]
        if self.points:
            columns = list(zip(*self.values, strict=True))
            for name, sense, column in zip(self.objectives, self.senses, columns, strict=True):
                rows.append((name, f"{min(column):.6g} to {max(column):.6g} ({sense})"))
        return rows

    def _headline(self) -> str:
        volume = "" if self.hypervolume is None else f", hypervolume {self.hypervolume:.6g}"
        return f", {plural(len(self.points), 'point')}{volume}"
