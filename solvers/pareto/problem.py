"""Several objectives of one flat vector x, in intermediate form, with bounds and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from solvers.expression import Layout, Program
from solvers.expression.program import checked_data
from solvers.onelevel.problem import Facts, Minimize

if TYPE_CHECKING:
    from solvers.pareto.oracle import Oracle

Sense = Literal["min", "max"]

FEATURE_WORDS = {
    "constraints": "constraints",
    "nonconvex": "problems not known to be convex",
    "nonsmooth": "functions that are not smooth",
    "preferences": "preferences",
}


@dataclass(frozen=True)
class Pareto:
    """Build it with ``Pareto.build``. Arrays must not be changed later.

    Attributes:
        program: intermediate form; output ``objective<k>`` is the k-th objective, minimized (the negative of the
            user's, if that is maximized).
        names, senses: of the objectives.
        facts: of each minimized objective.
        weighted: their weighted sum as a problem of one level, with the weights as its data ``weights_name``.
        boundary: ``min t`` such that ``objective<k> - origin[k] - t direction[k] <= 0``, with origin and direction as
            data; t is its last variable.
        data_names: of weights, origin and direction.
        preferences: (points, objectives), >= 0; None for points spread over the front.
        reference: for hypervolume, one number for each minimized objective; None: chosen from the front.
    """

    program: Program
    data: Mapping[str, np.ndarray]
    layout: Layout
    names: tuple[str, ...]
    senses: tuple[Sense, ...]
    facts: tuple[Facts, ...]
    weighted: Minimize
    boundary: Minimize
    data_names: tuple[str, str, str]
    preferences: np.ndarray | None = None
    reference: np.ndarray | None = None
    name: str = ""

    @classmethod
    def build(
        cls,
        plain: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        names: tuple[str, ...],
        senses: tuple[Sense, ...],
        facts: tuple[Facts, ...],
        weighted: Minimize,
        boundary: Minimize,
        data_names: tuple[str, str, str],
        preferences: np.ndarray | None = None,
        reference: np.ndarray | None = None,
        name: str = "",
    ) -> Pareto:
        """A checked problem.

        Raises:
            InvalidProblem: data that do not fit.
        """
        program = Program.load(plain)
        return cls(
            program=program,
            data=checked_data(program, data),
            layout=Layout(program.variables()),
            names=names,
            senses=senses,
            facts=facts,
            weighted=weighted,
            boundary=boundary,
            data_names=data_names,
            preferences=preferences,
            reference=reference,
            name=name,
        )

    @property
    def n(self) -> int:
        """Number of scalar variables."""
        return self.layout.size

    @property
    def k(self) -> int:
        """Number of objectives."""
        return len(self.names)

    @property
    def lower(self) -> np.ndarray:
        """n lower bounds."""
        return self.weighted.lower

    @property
    def upper(self) -> np.ndarray:
        """n upper bounds."""
        return self.weighted.upper

    @property
    def start(self) -> np.ndarray:
        """Where to begin, within the bounds."""
        return self.weighted.start

    @property
    def signs(self) -> np.ndarray:
        """-1 for objectives that the user maximizes, else 1."""
        return np.array([-1.0 if sense == "max" else 1.0 for sense in self.senses])

    @cached_property
    def oracle(self) -> Oracle:
        """Values and Jacobians of many points by torch, made when first needed."""
        from solvers.pareto.oracle import Oracle

        return Oracle(self)

    def sum_with(self, weights: np.ndarray, start: np.ndarray | None = None) -> Minimize:
        """The weighted sum of the minimized objectives as a problem of one level."""
        data = {**self.weighted.data, self.data_names[0]: np.asarray(weights, dtype=np.float64)}
        return replace(self.weighted, data=data, start=self.start if start is None else start)

    def towards(self, origin: np.ndarray, direction: np.ndarray, start: np.ndarray, t: float) -> Minimize:
        """From ``origin`` against ``direction`` as far as all objectives go (Pascoletti, Serafini 1984)."""
        _, at, along = self.data_names
        data = {**self.boundary.data, at: np.asarray(origin), along: np.asarray(direction)}
        return replace(self.boundary, data=data, start=np.append(start, t))

    @property
    def smooth(self) -> bool:
        """True if all objectives and constraints are continuously differentiable."""
        return all(f.smooth for f in self.facts) and all(c.facts.smooth for c in self.weighted.constraints)

    @cached_property
    def convex(self) -> bool:
        """True if the problem is known to be convex: then each weighted sum's minimum is global."""
        if not all(constraint.convex for constraint in self.weighted.constraints):
            return False
        each = np.eye(self.k)
        return all(f.convex or self._strongly(each[i]) for i, f in enumerate(self.facts))

    def _strongly(self, weights: np.ndarray) -> bool:
        only = self.facts[int(np.argmax(weights))]
        return only.degree == 2 and replace(self.sum_with(weights), facts=only, smooth_facts=only).least_curvature > 0.0

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must take: see ``FEATURE_WORDS``."""
        found = set()
        if self.weighted.constraints:
            found.add("constraints")
        if not self.convex:
            found.add("nonconvex")
        if not self.smooth:
            found.add("nonsmooth")
        if self.preferences is not None:
            found.add("preferences")
        return frozenset(found)

    @property
    def words(self) -> str:
        """What was inferred: ``convex``, ``not known to be convex, not smooth``..."""
        text = "convex" if self.convex else "not known to be convex"
        degrees = [f.degree for f in self.facts]
        if all(degree is not None and degree <= 2 for degree in degrees):
            text += " linear" if max(degrees, key=lambda d: d or 0) == 1 else " quadratic"
        return text if self.smooth else f"{text}, not smooth"
