"""The answer to a program: status, numbers by name or position, certificate."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any

from kantor.certificate import Certificate
from kantor.decode import Decoder, is_integer_like
from kantor.errors import KantorError, NoPoint
from kantor.scenario_answer import ScenarioAnswer

if TYPE_CHECKING:
    from api_schemas.programs import InfeasibleSubsystem, ProgramAnswer, RangingAnswer, Relaxation
    from kantor.program import Program


class Answer:
    """What came out of a job.

    Vectors are numpy arrays if numpy is installed, else lists; None where the answer has none. Large ones stay on the
    server until they are looked at.

    Attributes:
        contract: the answer as the server sent it (``api_schemas.programs.ProgramAnswer``).
        job: the ``Job`` (or ``AsyncJob``) that it answers.
        status: "optimal" (said only if the certificate allows it), "feasible", "infeasible", "unbounded",
            "infeasible-or-unbounded", "imprecise" (claimed, but not within the tolerances), "no-solution" (a limit
            came first) or "error".
        limit: which limit ended the solve, if one did: "time", "nodes", "cancelled"...
        objective, bound: in the sense of the problem; None if unknown.
        gap: |objective - bound| / max(1, |objective|).
        engine, engine_version, why: which engine answered, and why it was chosen.
        statistics: what the engine counted.
        certificate: what was checked.
    """

    def __init__(
        self, contract: ProgramAnswer, *, job: Any, fetch: Callable[[str], bytes], problem: Program | None = None
    ) -> None:
        self.contract = contract
        self.job = job
        self.status: str = contract.status
        self.limit: str | None = contract.limit
        self.message = contract.message
        self.objective = contract.objective
        self.bound = contract.bound
        self.gap = contract.gap
        self.engine = contract.engine
        self.engine_version = contract.engine_version
        self.why = contract.why
        self.statistics: dict[str, Any] = contract.statistics
        self.certificate = Certificate(contract.certificate, contract.status)
        self._decode = Decoder(fetch)
        self._program = problem
        self._positions: dict[str, int] | None = None

    # vectors

    @property
    def primal(self) -> Any:
        """n values of the variables."""
        return self._decode(self.contract.primal)

    @property
    def duals(self) -> Any:
        """m numbers: the change of the optimal objective per unit of the row's active side."""
        return self._decode(self.contract.row_duals)

    @property
    def reduced_costs(self) -> Any:
        """n numbers: ``objective + Qx - A'duals``."""
        return self._decode(self.contract.reduced_costs)

    @property
    def row_activity(self) -> Any:
        """m numbers: ``A x``."""
        return self._decode(self.contract.row_activity)

    @property
    def slacks(self) -> Any:
        """m distances of the row activities from their nearer side: 0 where the row is active, negative where it is
        violated, infinite where it has no side."""
        return self._decode(self.contract.row_slacks)

    @property
    def cone_duals(self) -> list[Any] | None:
        """One vector for each cone."""
        duals = self.contract.cone_duals
        return None if duals is None else [self._decode(dual) for dual in duals]

    @property
    def primal_ray(self) -> Any:
        """For an unbounded program: a direction that improves the objective without end."""
        return self._decode(self.contract.primal_ray)

    @property
    def dual_ray(self) -> Any:
        """For an infeasible program: Farkas multipliers of the rows."""
        return self._decode(self.contract.dual_ray)

    @property
    def basis(self) -> dict[str, Any] | None:
        """``{"variables": ..., "rows": ...}``: 0 basic, 1 at lower, 2 at upper, 3 free, 4 fixed."""
        basis = self.contract.basis
        return None if basis is None else {"variables": self._decode(basis.variables), "rows": self._decode(basis.rows)}

    # other parts

    @property
    def pool(self) -> list[tuple[float, Any]]:
        """Feasible points, best first: (objective, values)."""
        return [(point.objective, self._decode(point.primal)) for point in self.contract.pool]

    @property
    def scenarios(self) -> list[ScenarioAnswer]:
        """The answers of a batch, in order."""
        return [ScenarioAnswer(item, self._decode, self.variable_names) for item in self.contract.scenarios]

    @property
    def iis(self) -> InfeasibleSubsystem | None:
        """Rows and bounds that contradict each other, with names: ``iis.rows``, ``iis.bounds``, each with index, side
        and name."""
        found = self.contract.iis
        if found is None:
            return None
        named = found.model_copy(deep=True)
        for member in named.rows:
            member.name = member.name or self.constraint_name(member.index)
        for member in named.bounds:
            member.name = member.name or self.variable_name(member.index)
        return named

    @property
    def relaxation(self) -> Relaxation | None:
        """The cheapest change of sides that makes the program feasible."""
        return self.contract.relaxation

    @property
    def ranging(self) -> RangingAnswer | None:
        """How far one number may move before the optimal basis changes; its vectors decoded."""
        found = self.contract.ranging
        if found is None:
            return None
        fields = type(found).model_fields
        return found.model_copy(update={name: self._decode(getattr(found, name)) for name in fields})

    @property
    def log(self) -> str:
        """The engine's log, fetched when it is looked at; with ``AsyncClient``: ``await answer.job.log()``."""
        text = self.job.log()
        if not isinstance(text, str):
            text.close()
            raise KantorError("with AsyncClient the log is had by `await answer.job.log()`")
        return text

    # names

    @property
    def variable_names(self) -> list[str] | None:
        """None if the problem has none; then they are x0, x1..."""
        return self._names("variable_names")

    @property
    def constraint_names(self) -> list[str] | None:
        """None if the problem has none; then they are c0, c1..."""
        return self._names("constraint_names")

    def _names(self, which: str) -> list[str] | None:
        names: list[str] | None = getattr(self.contract, which)
        if names is None and self.contract.arrays_artifact is not None:
            names = self._decode.names(self.contract.arrays_artifact, which)
        if names is None and self._program is not None:
            names = getattr(self._program, which)
        return names

    def variable_name(self, index: int) -> str:
        names = self.variable_names
        return names[index] if names is not None else f"x{index}"

    def constraint_name(self, index: int) -> str:
        names = self.constraint_names
        return names[index] if names is not None else f"c{index}"

    def position(self, name: str) -> int:
        """The index of a variable.

        Raises:
            KeyError: there is none of this name; the near one is suggested.
        """
        names = self.variable_names
        if names is None:
            primal = self.primal
            count = 0 if primal is None else len(primal)
            if name[:1] == "x" and name[1:].isdecimal() and int(name[1:]) < count:
                return int(name[1:])
            raise KeyError(f"there is no variable {name!r}: the problem has no names, so they are x0 to x{count - 1}")
        if self._positions is None:
            self._positions = {known: j for j, known in enumerate(names)}
        if name not in self._positions:
            near = difflib.get_close_matches(name, names, n=1)
            raise KeyError(f"there is no variable {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return self._positions[name]

    # values

    def __getitem__(self, key: Any) -> Any:
        """The value of a variable by name, by index, or (if the program came from a modelling tool) by the tool's own
        variable.

        Raises:
            NoPoint: the answer has no point.
            KeyError, IndexError: there is no such variable.
        """
        primal = self.primal
        if primal is None:
            raise NoPoint(
                f"the answer has no point: its status is {self.status}" + (f" ({self.message})" if self.message else "")
            )
        if isinstance(key, str):
            return _plain(primal[self.position(key)])
        if isinstance(key, slice):
            return primal[key]
        if is_integer_like(key):
            return _plain(primal[int(key)])
        origin = self._program.origin if self._program is not None else None
        if origin is None:
            raise KeyError(f"a variable is named by its name or index, not by {key!r:.80}")
        return origin.value(self, key)

    def values(self, *, nonzero: bool = False) -> dict[str, float]:
        """Variable name to value.

        Raises:
            NoPoint: the answer has no point.
        """
        primal = self[:]
        numbers = primal.tolist() if hasattr(primal, "tolist") else primal
        names = self.variable_names or [f"x{j}" for j in range(len(numbers))]
        return {name: value for name, value in zip(names, numbers, strict=True) if value != 0.0 or not nonzero}

    def duals_by_name(self) -> dict[str, float]:
        """Constraint name to dual; empty if there are none."""
        duals = self.duals
        if duals is None:
            return {}
        numbers = duals.tolist() if hasattr(duals, "tolist") else duals
        names = self.constraint_names or [f"c{i}" for i in range(len(numbers))]
        return dict(zip(names, numbers, strict=True))

    def load_into(self, model: Any) -> None:
        """Put the values (and duals, where the tool has a place for them) into a model of cvxpy, Pyomo, linopy or PuLP.

        Raises:
            NoPoint: the answer has no point.
            TypeError: not such a model.
        """
        origin = self._program.origin if self._program is not None else None
        if origin is None or origin.model is not model:
            from kantor.modelling import convert

            origin = convert(model).origin
            assert origin is not None
        origin.load(self)

    # other forms

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python numbers, lists and strings; vectors that lie on the server are fetched."""
        from kantor.export import to_dict

        return to_dict(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """As ``to_dict``; infinities and NaN are the strings "Infinity", "-Infinity" and "NaN"."""
        from kantor.export import to_json

        return to_json(self, indent=indent)

    def to_pandas(self, what: str = "variables") -> Any:
        """A data frame of ``"variables"`` (value, reduced_cost), ``"constraints"`` (activity, dual, slack) or
        ``"scenarios"``."""
        from kantor.export import to_pandas

        return to_pandas(self, what)

    def to_csv(self, path: str | PathLike[str], what: str = "variables") -> None:
        """The same table as ``to_pandas``, as a file, without pandas."""
        from kantor.export import to_csv

        to_csv(self, path, what)

    def to_sol(self, path: str | PathLike[str]) -> None:
        """MIPLIB's solution format: ``=obj=`` and the objective, then a name and a value on each line."""
        from kantor.export import to_sol

        to_sol(self, path)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("an answer is not a sequence; use answer.primal, or answer.values()")

    def __repr__(self) -> str:
        from kantor.render import summary

        return f"<Answer {summary(self)}>"

    def __str__(self) -> str:
        from kantor.render import as_text

        return as_text(self)

    def __rich__(self) -> Any:
        from kantor.render import as_rich

        return as_rich(self)

    def _repr_html_(self) -> str:
        from kantor.render import as_html

        return as_html(self)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
