"""The problem to solve: by arrays, as a model file, or from a modelling tool."""

from __future__ import annotations

import copy
import inspect
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal, Never

from kantor.arrays import Matrix, Numbers, matrix, vector, wrong
from kantor.errors import InvalidProblem
from kantor.labels import Axis, labels_of
from kantor.parts import Form, Names, read_cones, write_indicators, write_matrix, write_sos
from kantor.scenarios import Scenarios
from kantor.slips import refuse
from kantor.source import FileFormat, Source
from kantor.start import Start

if TYPE_CHECKING:
    from kantor.modelling import Origin

INLINE_BYTES = 4 << 20
"""Programs whose arrays are larger than this are uploaded as one .npz artifact."""
REFERENCE_BYTES = 1 << 14
"""Arrays below this stay in the request even then."""

_BOUNDS = frozenset({"row_lower", "row_upper", "lower", "upper"})
_SENSES = {"minimize": "min", "maximize": "max"}
_VECTORS: dict[str, float | None] = {
    "objective": None,
    "row_lower": -math.inf,
    "row_upper": math.inf,
    "lower": -math.inf,
    "upper": math.inf,
}
_KINDS = {"continuous": 0, "integer": 1, "semi-continuous": 2, "semi-integer": 3}
_OTHER_NAMES = {
    **dict.fromkeys(("c", "obj", "f"), "objective"),
    **dict.fromkeys(("A_ub", "A_eq", "G"), "A, with row_lower and row_upper"),
    **dict.fromkeys(("b", "b_ub", "b_eq", "rhs", "h"), "row_lower or row_upper, equal for equations"),
    **dict.fromkeys(("constraints", "bounds"), "row_lower, row_upper, lower, upper; or Program.from_milp"),
    "lb": "lower",
    "ub": "upper",
    "P": "Q",
    "lhs": "row_lower",
    "goal": "sense",
    "maximize": "sense='max'",
}
"""What scipy, cvxpy and their like call the arguments."""


class Program:
    """Optimize ``offset + objective'x + x'Qx/2`` over ``row_lower <= A x <= row_upper`` and ``lower <= x <= upper``,
    with integrality, second-order cones, special ordered sets and indicators.

    Vectors may be lists, numpy arrays, pandas series or anything with ``__array__``; bounds may also be one number
    for all. Matrices may be scipy.sparse (any format), dense arrays, data frames or lists of rows. What comes with
    pandas labels is put in order by them. Nothing is changed or kept by reference that you may change.

    Args:
        objective: n coefficients.
        A: m by n.
        row_lower, row_upper: m; missing means no bound; None within a list too.
        lower: n; missing means 0.
        upper: n; missing means no bound.
        sense: ``"min"`` or ``"max"``; "minimize" and "maximize" too.
        integrality: n of 0 continuous, 1 integer, 2 semi-continuous, 3 semi-integer, numbers or words; or one for all.
        Q: n by n; one triangle or symmetric.
        cones: ``kantor.Cone``, or pairs (F, g).
        sos: ``kantor.SOS``.
        indicators: ``kantor.Indicator``.
        variable_names, constraint_names: unique; by default taken from pandas labels, if they are strings.
        scenarios: ``kantor.Scenarios``: a batch, solved as one job.
        name: of the program.

    Raises:
        InvalidProblem: what does not fit, with a pointer to the field, or other labels; found here, before anything is
            sent.
        TypeError: there is no objective, or an argument that a program has not: with what was probably meant.
    """

    kind: ClassVar[str] = "program"

    def __init__(
        self,
        *,
        objective: Any = None,
        A: Any = None,
        row_lower: Any = None,
        row_upper: Any = None,
        lower: Any = None,
        upper: Any = None,
        sense: Literal["min", "max", "minimize", "maximize"] = "min",
        offset: float = 0.0,
        Q: Any = None,
        integrality: Any = None,
        cones: Iterable[Any] = (),
        sos: Iterable[Any] = (),
        indicators: Iterable[Any] = (),
        variable_names: Sequence[str] | None = None,
        constraint_names: Sequence[str] | None = None,
        scenarios: Scenarios | None = None,
        name: str = "",
        **unknown: Never,
    ) -> None:
        if unknown or objective is None:
            _refuse(unknown)
        self.name = name
        self.sense = _SENSES.get(sense, sense)
        self.offset = float(offset)
        self.source: Source | None = None
        self.origin: Origin | None = None
        columns = Axis(
            variable_names,
            ((objective, "index"), (A, "columns"), *((x, "index") for x in (Q, lower, upper, integrality))),
        )
        rows = Axis(constraint_names, ((A, "index"), (row_lower, "index"), (row_upper, "index")))
        self.variable_names, self.constraint_names = columns.names, rows.names
        objective = columns.align(objective, "objective")
        lower, upper = columns.align(lower, "lower"), columns.align(upper, "upper")
        integrality = columns.align(integrality, "integrality")
        A = rows.align(columns.align(A, "A", "columns"), "A")
        Q = columns.align(columns.align(Q, "Q", "columns"), "Q")
        row_lower, row_upper = rows.align(row_lower, "row_lower"), rows.align(row_upper, "row_upper")
        self.vectors: dict[str, Numbers] = {"objective": vector(objective, "/objective")}
        n = len(self.vectors["objective"])
        self.matrices: dict[str, Matrix] = {}
        for key, value in (("A", A), ("Q", Q)):
            if value is not None:
                self.matrices[key] = matrix(value, f"/{key}", n)
        m = self.matrices["A"].shape[0] if A is not None else 0
        for key, value, length in (
            ("row_lower", row_lower, m),
            ("row_upper", row_upper, m),
            ("lower", lower, n),
            ("upper", upper, n),
        ):
            if value is not None:
                self.vectors[key] = vector(value, f"/{key}", length=length, missing=_VECTORS[key])
        if integrality is not None:
            integrality = _kinds(integrality)
            self.vectors["integrality"] = vector(integrality, "/integrality", length=n, dtype="int8")
        names = Names(self.variable_names, n)
        self.cones = read_cones(cones, n)
        self.sos = write_sos(sos, names)
        self.indicators = write_indicators(indicators, names)
        self.scenarios = scenarios
        self._check()

    @classmethod
    def from_file(
        cls,
        file: str | os.PathLike[str] | bytes | IO[bytes],
        *,
        format: FileFormat = "auto",
        filename: str = "",
        name: str = "",
        scenarios: Scenarios | None = None,
    ) -> Program:
        """A model file: MPS, QPS, LP, MathOptFormat JSON, ``.nl`` or OPB; plain, .gz, .zst or .bz2 (sent as it is,
        never unpacked here).

        Args:
            file: a path, the bytes themselves, or an open binary file. Large ones are uploaded as an artifact, from
                disk.
            format: ``"auto"`` decides by name and content.

        Raises:
            FileNotFoundError, OSError: the file cannot be opened.
            InvalidProblem: it is empty.
        """
        return cls._from_source(Source.of(file, format, filename), name, scenarios)

    @classmethod
    def from_artifact(
        cls,
        artifact: str,
        *,
        format: FileFormat = "auto",
        filename: str = "",
        name: str = "",
        scenarios: Scenarios | None = None,
    ) -> Program:
        """A model file that was uploaded before (``client.artifacts.upload``)."""
        return cls._from_source(Source(filename=filename, format=format, artifact=artifact), name, scenarios)

    @classmethod
    def _from_source(cls, source: Source, name: str, scenarios: Scenarios | None) -> Program:
        program = object.__new__(cls)
        program.name, program.sense, program.offset = name, "min", 0.0
        program.source, program.origin, program.scenarios = source, None, scenarios
        program.variable_names = program.constraint_names = None
        program.vectors, program.matrices = {}, {}
        program.cones, program.sos, program.indicators = [], [], []
        return program

    @classmethod
    def from_milp(
        cls, c: Any, *, integrality: Any = None, bounds: Any = None, constraints: Any = None, **more: Any
    ) -> Program:
        """The arguments of ``scipy.optimize.milp``; ``more`` goes to ``Program`` (names, sense...)."""
        from kantor.modelling.milp import to_program

        return to_program(c, integrality=integrality, bounds=bounds, constraints=constraints, **more)

    @classmethod
    def from_cvxpy(cls, problem: Any) -> Program:
        """A ``cvxpy.Problem`` (linear, quadratic or second-order cone, with integers)."""
        return cls.of(problem)

    @classmethod
    def from_pyomo(cls, model: Any) -> Program:
        """A ``pyomo.environ.ConcreteModel``; a nonlinear one travels as ``.nl``."""
        return cls.of(model)

    @classmethod
    def from_linopy(cls, model: Any) -> Program:
        """A ``linopy.Model``."""
        return cls.of(model)

    @classmethod
    def from_pulp(cls, problem: Any) -> Program:
        """A ``pulp.LpProblem``."""
        return cls.of(problem)

    @classmethod
    def from_mathopt(cls, model: Any) -> Program:
        """A ``mathopt.Model`` of OR-Tools, or its proto."""
        return cls.of(model)

    @classmethod
    def of(cls, problem: Any) -> Program:
        """Whatever can be made a program: a path, or a model of cvxpy, Pyomo, linopy, PuLP or MathOpt; a program is
        returned as it is.

        ``answer.load_into(model)`` brings the values back into the model.

        Raises:
            TypeError: nothing of the kind.
            UnsupportedProblem: the model has parts that no program has.
        """
        if isinstance(problem, cls):
            return problem
        if isinstance(problem, (str, os.PathLike)):
            return cls.from_file(problem)
        from kantor.modelling import convert

        return convert(problem)

    def with_scenarios(self, scenarios: Scenarios) -> Program:
        """The same program as a batch."""
        program = copy.copy(self)
        program.scenarios = scenarios
        if program.source is None:
            program._check()
        return program

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and variables; None for a file."""
        if self.source is not None:
            return None
        return (self.matrices["A"].shape[0] if "A" in self.matrices else 0, len(self.vectors["objective"]))

    def __repr__(self) -> str:
        batch = f", {len(self.scenarios)} scenarios" if self.scenarios else ""
        if self.source is not None:
            return f"Program({self.source.describe()}{batch})"
        m, n = self.shape or (0, 0)
        nnz = self.matrices["A"].nnz if "A" in self.matrices else 0
        kinds = self.vectors.get("integrality")
        integers = f", {sum(kind in (1, 3) for kind in kinds.tolist())} integer" if kinds is not None else ""
        return f"Program({self.sense}, {m} rows, {n} variables{integers}, {nnz} nonzeros{batch})"

    def arrays(self) -> dict[str, Numbers]:
        """Every array under the name that it has in an upload: ``"objective"``, ``"A.data"``..."""
        found = dict(self.vectors)
        for key, value in self.matrices.items():
            found.update({f"{key}.{part}": numbers for part, numbers in value.parts.items()})
        for k, (F, g) in enumerate(self.cones):
            found.update({f"cones.{k}.F.{part}": numbers for part, numbers in F.parts.items()})
            found[f"cones.{k}.g"] = g
        return found

    def start(self, value: Any) -> Start:
        """A warm start: see ``kantor.start.Start``. A pandas series goes by its labels, if they are strings."""
        labels = labels_of(value) if self.variable_names is not None and hasattr(value, "to_dict") else None
        named = labels is not None and all(isinstance(label, str) for label in labels)
        return Start(value.to_dict() if named else value)

    def large_arrays(self) -> dict[str, Numbers]:
        """Those that should be uploaded instead of sent in the request; none if the program is small enough as a
        whole."""
        arrays = self.arrays()
        if sum(numbers.nbytes for numbers in arrays.values()) <= INLINE_BYTES:
            return {}
        return {name: numbers for name, numbers in arrays.items() if numbers.nbytes >= REFERENCE_BYTES}

    def document(self, form: Form, file: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The contract's form.

        Args:
            form: how each array is written.
            file: of a file program: the document of its file.
        """
        document: dict[str, Any] = {"kind": "program"}
        if self.name:
            document["name"] = self.name
        m: int | None = None
        n: int | None = None
        if self.source is not None:
            document["file"] = file
        else:
            m, n = self.shape or (0, 0)
            document["sense"], document["offset"] = self.sense, self.offset
            document.update({key: form(key, numbers) for key, numbers in self.vectors.items()})
            document.update({key: write_matrix(value, key, form) for key, value in self.matrices.items()})
            document["cones"] = [
                {"F": write_matrix(F, f"cones.{k}.F", form), "g": form(f"cones.{k}.g", g)}
                for k, (F, g) in enumerate(self.cones)
            ]
            document["sos"], document["indicators"] = self.sos, self.indicators
            if self.variable_names is not None:
                document["variable_names"] = self.variable_names
            if self.constraint_names is not None:
                document["constraint_names"] = self.constraint_names
        if self.scenarios is not None:
            document["scenarios"] = self.scenarios.document(
                Names(self.variable_names, n), Names(self.constraint_names, m, "constraint")
            )
        return document

    def _check(self) -> None:
        """The contract's own checks, and those that look into long arrays, which the contract leaves to the worker."""
        from pydantic import ValidationError

        from api_schemas.programs import Program as Contract
        from kantor.options import field_errors

        for name, numbers in self.arrays().items():
            k = None if numbers.dtype != "float64" else numbers.first(infinite=name not in _BOUNDS)
            if k is not None:
                raise wrong(f"/{name.replace('.', '/')}/{k}", f"{name} has {numbers.values[k]} at position {k}")
        try:
            Contract.model_validate(self.document(lambda _, numbers: numbers.outline()))
        except ValidationError as error:
            errors = field_errors(error, prefix="/problem")
            raise InvalidProblem(errors[0].detail, errors=errors) from None
        for low, high, default in (("row_lower", "row_upper", -math.inf), ("lower", "upper", 0.0)):
            self._check_interval(low, high, default)

    def _check_interval(self, low: str, high: str, default: float) -> None:
        upper = self.vectors.get(high)
        if upper is None:
            return
        lower = self.vectors.get(low)
        lows = [default] * len(upper) if lower is None else lower.values
        if hasattr(lows, "__array__") and hasattr(upper.values, "__array__"):
            above = lows > upper.values
            k = int(above.argmax()) if above.any() else None
        else:
            k = next((k for k, (a, b) in enumerate(zip(lows, upper.values, strict=True)) if a > b), None)
        if k is not None:
            raise wrong(f"/{high}/{k}", f"{low} {lows[k]:g} is above {high} {upper.values[k]:g}")


def _refuse(unknown: Mapping[str, object]) -> None:
    known = list(inspect.signature(Program).parameters)[:-1]
    refuse("Program (for the arguments of scipy.optimize.milp: Program.from_milp)", unknown, known, _OTHER_NAMES)
    raise TypeError("Program needs an objective: n coefficients (zeros, if any feasible point will do)")


def _kinds(given: Any) -> Any:
    """Integrality, with numbers in place of words."""
    if isinstance(given, str):
        return _kind(given, "")
    if isinstance(given, Iterable) and not hasattr(given, "__array__"):
        return [_kind(kind, f"/{k}") if isinstance(kind, str) else kind for k, kind in enumerate(given)]
    return given


def _kind(word: str, place: str) -> int:
    if word not in _KINDS:
        more = "; a binary one is an integer with lower=0 and upper=1" if word == "binary" else ""
        raise wrong(
            f"/integrality{place}",
            f"integrality is 0 (continuous), 1 (integer), 2 (semi-continuous) or 3 (semi-integer), not {word!r}{more}",
        )
    return _KINDS[word]
