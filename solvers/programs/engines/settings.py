"""What every program engine does first: refuse what it cannot solve, check the options and the warm start."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core.engine import EngineSpec
from solvers.core.errors import InvalidOption, UnsupportedProblem
from solvers.core.options import resolve
from solvers.programs.answer import Basis
from solvers.programs.options import OPTIONS
from solvers.programs.problem import Program
from solvers.programs.start import Start

_FEATURE_WORDS = {
    "integer": "integer variables",
    "semi-continuous": "semi-continuous variables",
    "quadratic-objective": "a quadratic objective",
    "nonconvex-quadratic": "a nonconvex quadratic objective",
    "second-order-cone": "second-order cones",
    "sos": "special ordered sets",
    "indicator": "indicator constraints",
    "nonlinear": "nonlinear expressions",
}


@dataclass(frozen=True)
class Settings:
    """Checked options of one solve.

    Attributes:
        values: every shared and engine-specific option by name; None where the engine decides.
        start: the warm start, checked against the problem's shape; None if there is none.
    """

    values: dict[str, Any]
    start: Start | None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def settings_of(spec: EngineSpec, problem: Program, options: Mapping[str, Any]) -> Settings:
    """The checked options of a solve of ``problem`` by the engine of this specification.

    Raises:
        UnsupportedProblem: the problem needs what ``spec.solves`` lacks, or a combination in ``spec.excludes``.
        InvalidOption: an unknown option, a value outside its range, a warm start that does not fit the problem.
    """
    refuse_unsupported(spec, problem)
    given = {name: value for name, value in options.items() if name != "start"}
    values = resolve((*OPTIONS, *spec.options), given, owner=spec.title)
    start = options.get("start")
    return Settings(values, None if start is None else _checked_start(start, problem))


def refuse_unsupported(spec: EngineSpec, problem: Program) -> None:
    """Raise ``UnsupportedProblem``, naming engines that can, unless the specification covers the problem."""
    if spec.accepts(problem.features):
        return
    lacking = problem.features - spec.solves
    if lacking:
        words = " and ".join(_FEATURE_WORDS.get(name, name) for name in sorted(lacking))
    else:
        together = next(combination for combination in spec.excludes if combination <= problem.features)
        words = " together with ".join(_FEATURE_WORDS.get(name, name) for name in sorted(together))
    raise UnsupportedProblem(
        f"{spec.title} does not solve programs with {words}", pointer="/engine", hint=can_solve(problem)
    )


def feature_words(problem: Program, *, but: tuple[str, ...] = ()) -> list[str]:
    """What the problem has beyond linear constraints, in words."""
    return [_FEATURE_WORDS.get(name, name) for name in sorted(problem.features - {"linear", *but})]


def can_solve(problem: Program, *, but: str = "") -> str:
    """Which of the offered engines take the problem, in words; for the hint of ``UnsupportedProblem``."""
    from solvers.core import registry

    able = []
    for name in registry.names("program"):
        with contextlib.suppress(ImportError):  # an engine that cannot be loaded is none
            if name != but and registry.load("program", name).spec.accepts(problem.features):
                able.append(name)
    return f"engines that can: {', '.join(able)}" if able else "no other engine that is offered can"


def _checked_start(start: Any, problem: Program) -> Start | None:
    if not isinstance(start, Start):
        raise InvalidOption("option 'start' must be a solvers.programs.start.Start", pointer="/start")
    x = _vector(start.x, problem.n, "/start/x", "variables", nan=True)
    if x is not None and np.isnan(x).all():
        x = None
    duals = _vector(start.row_duals, problem.m, "/start/row_duals", "rows", nan=False)
    basis = start.basis
    if basis is not None:
        basis = Basis(
            _statuses(basis.variables, problem.n, "/start/basis/variables"),
            _statuses(basis.rows, problem.m, "/start/basis/rows"),
        )
    if x is None and duals is None and basis is None:
        return None
    return replace(start, x=x, row_duals=duals, basis=basis)


def _vector(value: Any, size: int, pointer: str, what: str, *, nan: bool) -> np.ndarray | None:
    if value is None:
        return None
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (size,):
        raise InvalidOption(f"the warm start has shape {array.shape}, but there are {size} {what}", pointer=pointer)
    if np.isinf(array).any() or (not nan and np.isnan(array).any()):
        raise InvalidOption("the warm start holds values that are not finite", pointer=pointer)
    return array


def _statuses(value: Any, size: int, pointer: str) -> np.ndarray:
    array = np.asarray(value)
    if array.shape != (size,) or array.dtype.kind not in "iu" or ((array < 0) | (array > 4)).any():
        raise InvalidOption(f"a basis must hold {size} of the numbers 0 to 4", pointer=pointer)
    return array.astype(np.int8, copy=False)
