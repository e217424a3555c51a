"""The problem ``minimize f(x) subject to constraints and bounds`` in intermediate form, on one flat vector x."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from solvers.core.errors import InvalidProblem
from solvers.expression import Layout, Program
from solvers.expression.program import checked_data

if TYPE_CHECKING:
    from solvers.onelevel.oracle import Oracle

Sense = Literal["<=", ">=", "=="]

#: Up to so many variables the eigenvalues of a quadratic objective's Hessian are computed.
EIGENVALUES = 1500

FEATURE_WORDS = {
    "bounds": "bounds",
    "constraints": "constraints",
    "integer": "integer variables",
    "regularizers": "terms that are not smooth",
    "nonsmooth": "functions that are not smooth",
    "general": "objectives that are no sum of squares",
}


@dataclass(frozen=True)
class Facts:
    """What is known for certain of one expression in x (``api_schemas.expression.structure`` finds it).

    Attributes:
        degree: of the polynomial; None if it is none.
        curvature: ``constant``, ``affine``, ``convex``, ``concave`` or ``unknown``.
        smooth: continuously differentiable where it is defined.
        modulus: of strong convexity; 0 if unknown.
        nonnegative: never below zero.
    """

    degree: int | None = None
    curvature: str = "unknown"
    smooth: bool = True
    modulus: float = 0.0
    nonnegative: bool = False

    @property
    def convex(self) -> bool:
        """Affine counts."""
        return self.curvature in ("constant", "affine", "convex")

    @property
    def affine(self) -> bool:
        """Constants count."""
        return self.curvature in ("constant", "affine")


@dataclass(frozen=True)
class Constraint:
    """Output ``output`` of the program, elementwise ``sense`` 0; ``source`` is the user's text."""

    output: str
    sense: Sense
    facts: Facts
    source: str = ""

    @property
    def convex(self) -> bool:
        """True if the points that satisfy it are known to form a convex set."""
        if self.sense == "==":
            return self.facts.affine
        return self.facts.convex if self.sense == "<=" else self.facts.curvature in ("constant", "affine", "concave")


@dataclass(frozen=True)
class Regularizer:
    """A term of the objective that engines treat by its proximal operator: ``weight * norm(x[part])``.

    Attributes:
        norm: ``norm1``; or ``norm2``: the sum of Euclidean norms over groups.
        weight: positive.
        groups: for ``norm2``, positions of x in each group, (groups, length); for ``norm1`` (1, length).
    """

    norm: Literal["norm1", "norm2"]
    weight: float
    groups: np.ndarray


@dataclass(frozen=True)
class Minimize:
    """Build it with ``Minimize.build``. Arrays must not be changed later.

    Attributes:
        program: intermediate form; output ``objective`` is minimized, outputs of ``constraints`` follow; where the
            objective is a sum of squares, output ``residual`` is r with objective = sum(r**2); where it has
            regularizers, output ``smooth`` is the objective without them.
        data: checked arrays for the program.
        facts: of the objective.
        smooth_facts: of the objective without regularizers, where there are some.
        start, lower, upper: n values; bounds may be infinite.
        integrality: n of bool.
        sense: of the user's objective: with ``"max"``, ``objective`` is its negative.
        source: the user's objective.
    """

    program: Program
    data: Mapping[str, np.ndarray]
    layout: Layout
    facts: Facts
    start: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    integrality: np.ndarray
    constraints: tuple[Constraint, ...] = ()
    regularizers: tuple[Regularizer, ...] = ()
    smooth_facts: Facts = Facts()
    sense: Literal["min", "max"] = "min"
    source: str = ""
    name: str = ""
    words: str = field(default="", compare=False)

    @classmethod
    def build(
        cls,
        plain: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        facts: Facts,
        start: Mapping[str, Any] | None = None,
        lower: Mapping[str, Any] | None = None,
        upper: Mapping[str, Any] | None = None,
        integrality: Mapping[str, bool] | None = None,
        constraints: Sequence[Constraint] = (),
        regularizers: Sequence[Regularizer] = (),
        smooth_facts: Facts | None = None,
        sense: Literal["min", "max"] = "min",
        source: str = "",
        name: str = "",
        words: str = "",
    ) -> Minimize:
        """A checked problem. Values by variable; missing starts are 0 (moved into the bounds), bounds infinite.

        Raises:
            InvalidProblem: data that do not fit, a start or bounds that are not numbers or cross.
        """
        program = Program.load(plain)
        layout = Layout(program.variables())
        point = _flat(layout, start, 0.0, "start")
        low = _flat(layout, lower, -np.inf, "lower")
        high = _flat(layout, upper, np.inf, "upper")
        for k in np.flatnonzero(~np.isfinite(point)):
            raise InvalidProblem(f"the start of {layout.label(int(k))} is {point[k]}", pointer=_at(layout, k, "start"))
        for k in np.flatnonzero(~(low <= high)):
            label = layout.label(int(k))
            raise InvalidProblem(f"{label}: lower {low[k]} above upper {high[k]}", pointer=_at(layout, k, "upper"))
        flags = {name: bool(flag) for name, flag in (integrality or {}).items()}
        return cls(
            program=program,
            data=checked_data(program, data),
            layout=layout,
            facts=facts,
            start=np.clip(point, low, high),
            lower=low,
            upper=high,
            integrality=_flat(layout, flags, False, "integer") != 0.0,
            constraints=tuple(constraints),
            regularizers=tuple(regularizers),
            smooth_facts=smooth_facts or facts,
            sense=sense,
            source=source,
            name=name,
            words=words,
        )

    @property
    def n(self) -> int:
        """Number of scalar variables."""
        return self.layout.size

    @cached_property
    def oracle(self) -> Oracle:
        """Values and derivatives by torch, made when first needed."""
        from solvers.onelevel.oracle import Oracle

        return Oracle(self)

    @property
    def bounded(self) -> bool:
        """True if any variable has a finite bound."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    @property
    def smooth(self) -> bool:
        """True if objective and constraints are continuously differentiable."""
        return self.facts.smooth and all(constraint.facts.smooth for constraint in self.constraints)

    @property
    def convex(self) -> bool:
        """True if the problem is known to be convex: then every local minimum is global."""
        if self.integrality.any() or not all(constraint.convex for constraint in self.constraints):
            return False
        return self.facts.convex or self.least_curvature > 0.0

    @cached_property
    def least_curvature(self) -> float:
        """For a quadratic smooth part the Hessian's smallest eigenvalue, less its rounding; else 0."""
        facts = self.smooth_facts if self.regularizers else self.facts
        if facts.degree != 2 or self.n > EIGENVALUES:
            return 0.0
        hessian = self.oracle.hessian(self.start, self.oracle.smooth)
        if not np.isfinite(hessian).all():
            return 0.0
        values = np.linalg.eigvalsh(hessian)
        return max(0.0, float(values[0]) - 1e-12 * self.n * float(np.abs(values).max()))

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must take: ``"bounds"``, ``"constraints"``, ``"integer"``, ``"nonsmooth"`` (beyond
        regularizers), ``"regularizers"``, ``"general"`` (not a sum of squares)."""
        found = set()
        if self.bounded:
            found.add("bounds")
        if self.constraints:
            found.add("constraints")
        if self.integrality.any():
            found.add("integer")
        if self.regularizers:
            found.add("regularizers")
        elif not self.smooth:
            found.add("nonsmooth")
        if "residual" not in self.program.outputs:
            found.add("general")
        return frozenset(found)

    def signed(self, value: float) -> float:
        """The minimized objective's value in the user's own sense, and back."""
        return -value if self.sense == "max" else value


def _flat(layout: Layout, values: Mapping[str, Any] | None, default: Any, field_name: str) -> np.ndarray:
    given = values or {}
    flat = np.empty(layout.size)
    for name in layout.names:
        value = np.asarray(given.get(name, default), dtype=np.float64)
        shape = layout.shapes[name]
        if value.shape not in ((), shape):
            raise InvalidProblem(
                f"{field_name} of {name!r} has shape {value.shape}",
                pointer=f"/variables/{name}/{field_name}",
                hint=f"one number, or shape {shape}",
            )
        flat[layout.slices[name]] = np.broadcast_to(value, shape).reshape(-1)
    return flat


def _at(layout: Layout, position: Any, field_name: str) -> str:
    return f"/variables/{layout.label(int(position)).split('[')[0]}/{field_name}"
