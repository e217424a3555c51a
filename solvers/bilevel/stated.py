"""A bilevel problem from the intermediate form of the expression language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from solvers.bilevel.problem import Bilevel, Function, Level, Sense, Structure
from solvers.bilevel.sampling import Sampler
from solvers.bilevel.sources import Sources
from solvers.core.errors import SolverError
from solvers.expression.coefficients import affine
from solvers.expression.function import compile as compile_function
from solvers.expression.layout import Layout
from solvers.expression.program import Program, checked_data

Which = Literal["upper", "lower"]


@dataclass(frozen=True)
class Constraint:
    """An output of the program that must be <= 0, >= 0 or == 0, elementwise. ``affine``: known to be so in all
    variables together."""

    output: str
    sense: Literal["<=", ">=", "=="]
    affine: bool = False


@dataclass(frozen=True)
class Stated:
    """One level in the form of the language.

    Attributes:
        objective: an output of the program.
        sense: of the objective.
        constraints: of this level.
        start, lower, upper: by variable: an array of its shape, or a number for all its elements.
        integer: names of variables that must be whole.
    """

    objective: str
    sense: Sense = "min"
    constraints: Sequence[Constraint] = ()
    start: Mapping[str, Any] | None = None
    lower: Mapping[str, Any] | None = None
    upper: Mapping[str, Any] | None = None
    integer: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StatedBilevel:
    """The problem, and how its vectors are named.

    Attributes:
        problem: on flat vectors.
        layouts: of the upper and of the lower variables.
    """

    problem: Bilevel
    layouts: Mapping[Which, Layout]

    def named(self, which: Which, flat: np.ndarray) -> dict[str, np.ndarray]:
        """A level's vector as arrays by name."""
        layout = self.layouts[which]
        return {name: flat[layout.slices[name]].reshape(layout.shapes[name]) for name in layout.names}


def build(
    program: Program | Mapping[str, Any],
    data: Mapping[str, Any],
    upper: Stated,
    lower: Stated,
    *,
    structure: Structure | None = None,
    name: str = "",
    batches: Mapping[str, int] | None = None,
    batch_program: Program | Mapping[str, Any] | None = None,
) -> StatedBilevel:
    """Compile the program and fill in starts (0) and bounds (none).

    Args:
        program: its variables have the groups ``"upper"`` and ``"lower"``.
        structure: what is known of the expressions, as functions of all variables.
        batches: rows of the first axis of data that a stochastic engine looks at in a step.
        batch_program: the same program with these shapes of the data.

    Raises:
        InvalidProblem: data, starts or bounds that do not fit; ``pointer`` is below the problem.
    """
    if not isinstance(program, Program):
        program = Program.load(program)
    arrays = checked_data(program, data)
    layouts: dict[Which, Layout] = {
        "upper": Layout(program.variables("upper")),
        "lower": Layout(program.variables("lower")),
    }
    both: tuple[tuple[Which, Stated], ...] = (("upper", upper), ("lower", lower))
    levels = [_level(program, arrays, layouts, which, stated) for which, stated in both]
    senses = {"<=": 1.0, ">=": -1.0, "==": 1.0}
    sources = Sources(
        program=program,
        data=arrays,
        layouts=layouts,
        objectives={which: (stated.objective, -1.0 if stated.sense == "max" else 1.0) for which, stated in both},
        constraints={
            which: [(item.output, senses[item.sense], item.sense == "==") for item in stated.constraints]
            for which, stated in both
        },
    )
    known = structure or Structure()
    sampler = None
    if batches and batch_program is not None:
        smaller = batch_program if isinstance(batch_program, Program) else Program.load(batch_program)
        sampler = Sampler(smaller, arrays, batches, layouts, sources.objectives)
    problem = Bilevel(levels[0], levels[1], known, name, sources, sampler)
    return StatedBilevel(problem, layouts)


def _level(
    program: Program, data: Mapping[str, np.ndarray], layouts: Mapping[Which, Layout], which: Which, stated: Stated
) -> Level:
    layout = layouts[which]
    senses = {"<=": 1.0, ">=": -1.0}
    below = [(item.output, senses[item.sense]) for item in stated.constraints if item.sense != "=="]
    equal = [(item.output, 1.0) for item in stated.constraints if item.sense == "=="]
    objective = [(stated.objective, -1.0 if stated.sense == "max" else 1.0)]
    fills = {"start": 0.0, "lower": -np.inf, "upper": np.inf}
    vectors = {
        field: layout.join({name: (getattr(stated, field) or {}).get(name, fill) for name in layout.names})
        for field, fill in fills.items()
    }
    integer = layout.join({name: float(name in stated.integer) for name in layout.names})
    kept = _as_bounds(program, data, layouts, which, stated, vectors)
    try:
        return Level.build(
            _scalar(program, data, layouts, objective),
            vectors["start"],
            lower=vectors["lower"],
            upper=vectors["upper"],
            inequalities=_several(program, data, layouts, below, kept),
            equalities=_several(program, data, layouts, equal),
            integrality=integer > 0.0,
            sense=stated.sense,
        )
    except SolverError as error:
        error.pointer = _pointer(error.pointer, layout, which)
        raise


def _as_bounds(
    program: Program,
    data: Mapping[str, np.ndarray],
    layouts: Mapping[Which, Layout],
    which: Which,
    stated: Stated,
    vectors: dict[str, np.ndarray],
) -> np.ndarray | None:
    """Affine inequalities in a single variable of the level become its bounds; engines take bounds far better.

    Returns:
        Which values of the inequalities, one after the other, remain constraints; None: all.
    """
    parts = [item for item in stated.constraints if item.sense != "=="]
    if not any(item.affine for item in parts):
        return None
    sizes = {name: layouts[name].size for name in ("upper", "lower")}
    begin = 0 if which == "upper" else sizes["upper"]
    own = slice(begin, begin + sizes[which])
    keep: list[np.ndarray] = []
    for item in parts:
        function = compile_function(program, data, item.output)

        def of(z: torch.Tensor, function: Any = function) -> torch.Tensor:
            x, y = layouts["upper"].split(z[: sizes["upper"]]), layouts["lower"].split(z[sizes["upper"] :])
            return torch.as_tensor(function({**x, **y})).reshape(-1)

        if not item.affine:
            keep.append(np.ones(of(torch.zeros(sum(sizes.values()), dtype=torch.float64)).numel(), dtype=bool))
            continue
        A, b = affine(of, sum(sizes.values()))
        A, b = (A, b) if item.sense == "<=" else (-A, -b)
        stays = np.ones(len(b), dtype=bool)
        for i in np.flatnonzero((A != 0.0).sum(axis=1) == 1):
            j = int(np.flatnonzero(A[i])[0])
            if not own.start <= j < own.stop:
                continue
            limit, k = -b[i] / A[i, j], j - own.start
            low, high = vectors["lower"][k], vectors["upper"][k]
            low, high = (low, min(high, limit)) if A[i, j] > 0.0 else (max(low, limit), high)
            if low <= high:  # what contradicts itself stays as it was said
                vectors["lower"][k], vectors["upper"][k], stays[i] = low, high, False
        keep.append(stays)
    return np.concatenate(keep)


def _scalar(
    program: Program,
    data: Mapping[str, np.ndarray],
    layouts: Mapping[Which, Layout],
    outputs: Sequence[tuple[str, float]],
) -> Function:
    ((output, sign),) = outputs
    function = compile_function(program, data, output)
    upper, lower = layouts["upper"], layouts["lower"]
    if sign > 0.0:
        return lambda x, y: function({**upper.split(x), **lower.split(y)})
    return lambda x, y: -function({**upper.split(x), **lower.split(y)})


def _several(
    program: Program,
    data: Mapping[str, np.ndarray],
    layouts: Mapping[Which, Layout],
    outputs: Sequence[tuple[str, float]],
    kept: np.ndarray | None = None,
) -> Function | None:
    """All values one after the other, or those that are kept."""
    if not outputs or (kept is not None and not kept.any()):
        return None
    places = None if kept is None or kept.all() else torch.tensor(np.flatnonzero(kept))
    function = compile_function(program, data, [output for output, _ in outputs])
    signs = [sign for _, sign in outputs]
    upper, lower = layouts["upper"], layouts["lower"]

    def values(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        found = function({**upper.split(x), **lower.split(y)})
        parts = found if isinstance(found, tuple) else (found,)
        flat = torch.cat([sign * part.reshape(-1) for sign, part in zip(signs, parts, strict=True)])
        return flat if places is None else flat[places]

    return values


def _pointer(pointer: str, layout: Layout, which: Which) -> str:
    """``/start/17`` of a level as the place of the variable that element 17 belongs to."""
    parts = pointer.strip("/").split("/")
    if len(parts) == 2 and parts[1].isdigit():
        name = layout.label(int(parts[1])).split("[")[0]
        return f"/{which}/variables/{name}/{parts[0]}"
    return f"/{which}{pointer}"
