"""What can be said of a program before solving it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.programs.analysis.activity import Activity, activity_of
from solvers.programs.analysis.kinds import KINDS, NONE, RowKinds, classify
from solvers.programs.analysis.numerics import Numerics, counted, numerics_of
from solvers.programs.analysis.sizes import Sizes, sizes_of
from solvers.programs.analysis.structure import Structure, structure_of
from solvers.programs.problem import Program

#: Names listed for a finding; ``count`` says how many there are.
LISTED = 10

#: A second independent part this large, compared with the first, is worth a warning.
SIZABLE = 0.05


@dataclass(frozen=True)
class KindCount:
    """How many sides of rows are of one kind, and one of the rows.

    Attributes:
        kind, formula, words: see ``kinds.Kind``.
        example: the name of the first such row.
    """

    kind: str
    count: int
    formula: str
    words: str
    example: str


@dataclass(frozen=True)
class Finding:
    """A list of rows or variables: how many, and the names of the first."""

    count: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """Attributes:
    name: of the program.
    features: what an engine must be able to take.
    convex: True if the objective is convex (min) or concave (max), as far as it is not nonlinear; None if it is.
    kinds: the kinds of constraints that occur, most frequent first.
    row_kinds: the kind of every row, as indices into ``kinds.KINDS``.
    infeasible_rows, infeasible_variables: proofs that the program has no solution, from bounds alone.
    redundant_rows, forcing_rows: see ``Activity``.
    warnings: in plain words, the most important first.
    summary: in plain words.
    """

    name: str
    sense: str
    features: tuple[str, ...]
    convex: bool | None
    sizes: Sizes
    structure: Structure
    numerics: Numerics
    kinds: tuple[KindCount, ...]
    row_kinds: RowKinds
    infeasible_rows: Finding
    infeasible_variables: Finding
    redundant_rows: Finding
    forcing_rows: Finding
    warnings: tuple[str, ...]
    summary: str

    def to_dict(self, *, rows: bool = False) -> dict[str, Any]:
        """Plain lists, dicts, strings and finite numbers, of a size that does not grow with the program.

        Args:
            rows: include ``row_kinds``, a list of kinds with one entry for each row.
        """
        shallow = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del shallow["row_kinds"]
        if rows:
            codes = self.row_kinds.first.tolist()
            shallow["row_kinds"] = [KINDS[code].id if code != NONE else "nonlinear" for code in codes]
        plain: dict[str, Any] = _plain(shallow)
        return plain


def inspect(program: Program) -> Inspection:
    """Sizes, structure, numerics, kinds of constraints and what bounds alone show.

    Takes time proportional to the nonzeros, but for the convexity of a quadratic objective (see ``convexity``).
    """
    sizes, structure, numerics = sizes_of(program), structure_of(program), numerics_of(program)
    activity = activity_of(program)
    row_kinds = classify(program)
    kinds = _kind_counts(program, row_kinds)
    nonlinear = program.nonlinear is not None and program.nonlinear.objective is not None
    return Inspection(
        name=program.name,
        sense=program.sense,
        features=tuple(sorted(program.features)),
        convex=None if nonlinear else "nonconvex-quadratic" not in program.features,
        sizes=sizes,
        structure=structure,
        numerics=numerics,
        kinds=kinds,
        row_kinds=row_kinds,
        infeasible_rows=_rows(program, activity.infeasible_rows),
        infeasible_variables=_variables(program, activity.infeasible_variables),
        redundant_rows=_rows(program, activity.redundant_rows),
        forcing_rows=_rows(program, activity.forcing_rows),
        warnings=(*_proofs(program, activity), *numerics.warnings, *_structure_warnings(structure)),
        summary=_summary(program, sizes, structure, kinds),
    )


def _rows(program: Program, which: np.ndarray) -> Finding:
    return Finding(int(which.size), tuple(program.constraint_name(int(i)) for i in which[:LISTED]))


def _variables(program: Program, which: np.ndarray) -> Finding:
    return Finding(int(which.size), tuple(program.variable_name(int(j)) for j in which[:LISTED]))


def _kind_counts(program: Program, row_kinds: RowKinds) -> tuple[KindCount, ...]:
    counts = row_kinds.counts()
    found = []
    for code in np.argsort(-counts, kind="stable").tolist():
        if not counts[code]:
            continue
        either = (row_kinds.first == code) | (row_kinds.second == code)
        kind = KINDS[code]
        example = program.constraint_name(int(np.argmax(either)))
        found.append(KindCount(kind.id, int(counts[code]), kind.formula, kind.words, example))
    return tuple(found)


def _proofs(program: Program, activity: Activity) -> list[str]:
    found = []
    if activity.infeasible_rows.size:
        i = int(activity.infeasible_rows[0])
        found.append(
            f"The program is infeasible: no values within the bounds satisfy row {program.constraint_name(i)!r}"
            + (f" and {activity.infeasible_rows.size - 1} more." if activity.infeasible_rows.size > 1 else ".")
        )
    if activity.infeasible_variables.size:
        j = int(activity.infeasible_variables[0])
        found.append(
            f"The program is infeasible: variable {program.variable_name(j)!r} has no integer between its bounds "
            f"{program.lower[j]:g} and {program.upper[j]:g}."
        )
    return found


def _structure_warnings(structure: Structure) -> list[str]:
    found = []
    blocks = structure.largest_blocks
    if len(blocks) > 1 and blocks[1].variables >= SIZABLE * blocks[0].variables:
        found.append(f"The program falls into {structure.blocks} independent parts, which can be solved apart.")
    if structure.repeated_rows:
        words = counted(structure.repeated_rows, "row is a multiple", "rows are multiples")
        found.append(f"{words} of another row.")
    return found


_TITLES = (
    ("nonlinear", "nonlinear program"),
    ("second-order-cone", "second-order cone program"),
    ("quadratic-objective", "quadratic program"),
)


def _summary(program: Program, sizes: Sizes, structure: Structure, kinds: tuple[KindCount, ...]) -> str:
    title = next((words for feature, words in _TITLES if feature in program.features), "linear program")
    if program.discrete:
        continuous = sizes.continuous + sizes.semi_continuous > 0
        title = f"{'mixed-integer' if continuous else 'pure integer'} {title}"
    if "nonconvex-quadratic" in program.features:
        title = f"nonconvex {title}"
    text = [
        f"A {title} ({'maximize' if program.sense == 'max' else 'minimize'}) with "
        f"{counted(sizes.variables, 'variable', 'variables')}, {counted(sizes.rows, 'row', 'rows')} and "
        f"{counted(sizes.nonzeros, 'nonzero', 'nonzeros')}."
    ]
    parts = [(sizes.binary, "binary"), (sizes.integer, "integer"), (sizes.continuous, "continuous")]
    parts += [(sizes.semi_continuous, "semi-continuous"), (sizes.semi_integer, "semi-integer")]
    listed = [f"{count} {word}" for count, word in parts if count]
    if listed:
        text.append(f"Variables: {', '.join(listed)}.")
    if kinds:
        shown = [f"{kind.count} {kind.kind}" for kind in kinds[:4]]
        more = len(kinds) - len(shown)
        text.append(f"Constraints: {', '.join(shown)}{f' and {more} more kinds' if more else ''}.")
    sets = (sizes.special_ordered_sets, "special ordered set", "special ordered sets")
    for count, one, many in ((sizes.cones, "cone", "cones"), sets, (sizes.indicators, "indicator", "indicators")):
        if count:
            text.append(f"Besides: {counted(count, one, many)}.")
    if not structure.objective_nonzeros and program.Q is None and title.find("nonlinear") < 0:
        text.append("The objective is constant: any feasible point is optimal.")
    return " ".join(text)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
