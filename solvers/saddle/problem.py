"""The problem ``min over x, max over y of f(x, y)``, each player with bounds and constraints of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from solvers.expression import Layout, Program
from solvers.expression.program import checked_data
from solvers.onelevel.problem import Minimize

if TYPE_CHECKING:
    from solvers.saddle.oracle import Oracle
    from solvers.saddle.sets import Product

Player = Literal["minimizer", "maximizer"]

FEATURE_WORDS = {
    "curved-sets": "constraints that are not affine",
    "general-sets": "constraints that are neither affine nor convex quadratic",
    "nonconvex": "objectives not known to be convex for the minimizing and concave for the maximizing player",
    "nonlinear": "objectives beyond quadratic ones",
    "nonsmooth": "objectives that are not smooth",
}


@dataclass(frozen=True)
class Saddle:
    """Build it with ``Saddle.build``. Arrays must not be changed later. z is x followed by y.

    Attributes:
        program: intermediate form; output ``objective`` is f.
        data: checked arrays for the program.
        minimizer: the minimizing player's problem while y stands still at its start: y is data of it.
        maximizer: likewise, of -f (its sense is ``"max"``).
        degree: of f as a polynomial in x and y together; None if it is none.
        source: the user's objective.
    """

    program: Program
    data: Mapping[str, np.ndarray]
    layout: Layout
    minimizer: Minimize
    maximizer: Minimize
    degree: int | None = None
    source: str = ""
    name: str = ""

    @classmethod
    def build(
        cls,
        plain: Mapping[str, Any],
        data: Mapping[str, Any],
        *,
        minimizer: Minimize,
        maximizer: Minimize,
        degree: int | None = None,
        source: str = "",
        name: str = "",
    ) -> Saddle:
        """A checked problem; the variables of ``plain`` are those of the minimizer, then those of the maximizer.

        Raises:
            InvalidProblem: data that do not fit.
        """
        program = Program.load(plain)
        layout = Layout(program.variables())
        assert layout.names == minimizer.layout.names + maximizer.layout.names
        return cls(program, checked_data(program, data), layout, minimizer, maximizer, degree, source, name)

    @property
    def n(self) -> int:
        """Number of the minimizing player's scalar variables."""
        return self.minimizer.n

    @property
    def m(self) -> int:
        """Number of the maximizing player's scalar variables."""
        return self.maximizer.n

    @property
    def start(self) -> np.ndarray:
        """Where to begin, within the bounds."""
        return np.concatenate([self.minimizer.start, self.maximizer.start])

    def player(self, which: Player) -> Minimize:
        """A player's problem at the other's start."""
        return self.minimizer if which == "minimizer" else self.maximizer

    def response(self, which: Player, z: np.ndarray) -> Minimize:
        """A player's problem while the other one stays at its part of z; it starts at its own part."""
        other: Player = "maximizer" if which == "minimizer" else "minimizer"
        parts = np.split(z, [self.n])
        own, theirs = (parts[0], parts[1]) if which == "minimizer" else (parts[1], parts[0])
        fixed = {name: np.array(value) for name, value in self.player(other).layout.split(theirs).items()}
        return replace(self.player(which), data={**self.player(which).data, **fixed}, start=own)

    @cached_property
    def oracle(self) -> Oracle:
        """Values and derivatives by torch, made when first needed."""
        from solvers.saddle.oracle import Oracle

        return Oracle(self)

    @cached_property
    def sets(self) -> Product:
        """Both players' sets, with their projections."""
        from solvers.saddle.sets import Product

        return Product(self)

    @property
    def convex_concave(self) -> bool:
        """True if f is known to be convex in x for every y, and concave in y for every x."""
        return all(self._curved_right(player) for player in (self.minimizer, self.maximizer))

    @property
    def smooth(self) -> bool:
        """True if f is continuously differentiable."""
        return self.minimizer.facts.smooth and self.maximizer.facts.smooth

    def _curved_right(self, player: Minimize) -> bool:
        if player.facts.convex:
            return True
        # a quadratic's Hessian is the same everywhere
        return self.degree is not None and self.degree <= 2 and player.least_curvature > 0.0

    @cached_property
    def features(self) -> frozenset[str]:
        """What an engine must take: see ``FEATURE_WORDS``."""
        found = set()
        if self.degree is None or self.degree > 2:
            found.add("nonlinear")
        if not self.convex_concave:
            found.add("nonconvex")
        if not self.smooth:
            found.add("nonsmooth")
        constraints = [c for player in (self.minimizer, self.maximizer) for c in player.constraints]
        if not all(c.facts.affine for c in constraints):
            found.add("curved-sets")
        if not all(c.facts.affine or (c.convex and c.facts.degree == 2) for c in constraints):
            found.add("general-sets")
        return frozenset(found)

    @property
    def words(self) -> str:
        """What was inferred of f: ``bilinear``, ``convex-concave quadratic``..."""
        both = "convex-concave" if self.convex_concave else "not known to be convex-concave"
        if self.degree is not None and self.degree <= 2:
            affine = self.minimizer.facts.affine and self.maximizer.facts.affine
            return "bilinear" if affine else f"{both} quadratic"
        return both if self.smooth else f"{both}, not smooth"
