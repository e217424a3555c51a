"""What every bilevel engine does first: refuse what it cannot solve, check options and warm start."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from solvers.bilevel.options import OPTIONS
from solvers.bilevel.problem import Bilevel
from solvers.core import registry
from solvers.core.engine import EngineSpec
from solvers.core.errors import InvalidOption, UnsupportedProblem
from solvers.core.options import resolve

FEATURE_WORDS = {
    "nonlinear": "functions beyond quadratic ones",
    "integer": "integer upper variables",
    "integer-lower": "integer lower variables",
    "lower-bounds": "bounds on lower variables",
    "lower-constraints": "constraints of the lower level",
    "upper-constraints": "constraints of the upper level",
    "nonconvex-lower": "a lower level that is not known to be convex",
}


@dataclass(frozen=True)
class Settings:
    """Checked options of one solve; ``start`` is a checked pair (x, y) or None."""

    values: dict[str, Any]
    start: tuple[np.ndarray, np.ndarray] | None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def settings_of(spec: EngineSpec, problem: Bilevel, options: Mapping[str, Any]) -> Settings:
    """The checked options of a solve.

    Raises:
        UnsupportedProblem: the problem needs what ``spec.solves`` lacks.
        InvalidOption: an unknown option, a value outside its range, a warm start that does not fit.
    """
    lacking = problem.features - spec.solves
    if lacking:
        words = " and ".join(FEATURE_WORDS.get(name, name) for name in sorted(lacking))
        raise UnsupportedProblem(f"{spec.title} does not take {words}", pointer="/engine", hint=_able(problem))
    given = {name: value for name, value in options.items() if name != "start"}
    values = resolve((*OPTIONS, *spec.options), given, owner=spec.title)
    return Settings(values, _start(options.get("start"), problem))


def _start(start: Any, problem: Bilevel) -> tuple[np.ndarray, np.ndarray] | None:
    if start is None:
        return None
    try:
        x, y = (np.array(part, dtype=np.float64).reshape(-1) for part in start)
    except (TypeError, ValueError):
        raise InvalidOption("option 'start' must be a pair of arrays (x, y)", pointer="/start") from None
    for part, size, level in ((x, problem.n, "upper"), (y, problem.m, "lower")):
        if part.shape != (size,) or not np.isfinite(part).all():
            raise InvalidOption(f"the warm start needs {size} finite {level} values", pointer=f"/start/{level}")
    return x, y


def _able(problem: Bilevel) -> str:
    able = []
    for name in registry.names("bilevel"):
        with contextlib.suppress(ImportError):
            if registry.load("bilevel", name).spec.accepts(problem.features):
                able.append(name)
    return f"engines that can: {', '.join(able)}" if able else "no offered engine can"
