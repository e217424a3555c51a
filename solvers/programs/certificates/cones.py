"""Second-order cones: of a point, and of multipliers (the cone is its own dual)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from solvers.core.certificate import Arithmetic, Check
from solvers.programs.certificates.arithmetic import UNIT, Bounded, Entries, exact_products
from solvers.programs.certificates.point import Point
from solvers.programs.certificates.reading import read_vector
from solvers.programs.certificates.tolerances import Tolerances
from solvers.programs.certificates.violations import verdict
from solvers.programs.problem import Program


class Cones:
    """All cones of a program, stacked: F x + g is one vector, in which each cone has its own stretch."""

    def __init__(self, problem: Program) -> None:
        self.sizes = np.array([cone.g.size for cone in problem.cones], dtype=np.int64)
        self.starts = np.concatenate(([0], np.cumsum(self.sizes)))[:-1]
        self.of = np.repeat(np.arange(self.sizes.size), self.sizes)
        self.g = np.concatenate([np.empty(0), *(cone.g for cone in problem.cones)])
        matrix = sp.vstack([cone.F for cone in problem.cones], format="csr") if problem.cones else None
        self.entries = Entries(sp.csr_array((0, problem.n)) if matrix is None else sp.csr_array(matrix))
        self.tail = np.ones(self.g.size, dtype=bool)
        self.tail[self.starts] = False

    def argument(self, x: np.ndarray) -> Bounded:
        """F x + g of all cones."""
        return self.entries.times(x) + Bounded(self.g, np.zeros(self.g.size))

    def norms(self, v: np.ndarray) -> np.ndarray:
        """Norm of each cone's entries after the first, up to a relative error of (size + 4) units."""
        scale = max(float(np.abs(v).max(initial=0.0)), 1e-300)  # squares neither overflow nor vanish
        squares = np.where(self.tail, v / scale, 0.0) ** 2
        return scale * np.sqrt(np.bincount(self.of, squares, minlength=self.sizes.size))

    def excess(self, v: Bounded) -> tuple[np.ndarray, np.ndarray]:
        """norm - head of each cone (positive outside), and a bound of its error."""
        norms, heads = self.norms(v.value), v.value[self.starts]
        error = np.sqrt(np.bincount(self.of, v.error**2, minlength=self.sizes.size)) * 1.5 + v.error[self.starts]
        return norms - heads, error + (self.sizes + 6) * 2 * UNIT * (norms + np.abs(heads)) + 1e-300

    def split(self, v: np.ndarray) -> list[np.ndarray]:
        return np.split(v, self.starts[1:])

    def exactly_within(self, x: np.ndarray, k: int, allowed: float) -> bool:
        """Is cone k's argument within the cone whose head is raised by ``allowed``? Decided with rational numbers."""
        v = []
        for i in range(self.starts[k], self.starts[k] + self.sizes[k]):
            columns, values = self.entries.row(i)
            terms = exact_products(values, x[columns])
            v.append(sum((Fraction(term) for term in terms), Fraction(float(self.g[i]))))
        head = v[0] + Fraction(allowed)
        return head >= 0 and sum(part * part for part in v[1:]) <= head * head


def check_cones(point: Point, cones: Cones, tolerances: Tolerances) -> Check:
    """``||v[1:]|| <= v[0] + tolerance * max(1, |v[0]|)`` with v = F x + g."""
    v = cones.argument(point.x)
    excess, error = cones.excess(v)
    heads = v.value[cones.starts]
    allowed = tolerances.primal * np.maximum(1.0, np.abs(heads))
    failed = excess - allowed > error
    unsettled = np.flatnonzero(~failed & ~(excess - allowed < -error))
    for k in unsettled.tolist():
        failed[k] = not cones.exactly_within(point.x, k, float(allowed[k]))
    arithmetic: Arithmetic = "exact" if unsettled.size else "double"
    failures = int(failed.sum())
    worst = int(np.where(failed == failed.any(), excess / allowed, -np.inf).argmax())
    amount = max(0.0, float(excess[worst]))
    size = f"{amount:.3g} (relative {amount / max(1.0, abs(float(heads[worst]))):.3g})"
    if not failures:
        text = f"The {heads.size} second-order cones hold; the largest violation is {size}."
    else:
        text = f"Cone {worst} is violated by {size}" + (f"; so are {failures - 1} more." if failures > 1 else ".")
    return Check("cones", verdict(not failures), text, amount, float(allowed[worst]), arithmetic)


def pulled_into(cones: Cones, s: np.ndarray) -> tuple[np.ndarray, float, int]:
    """Multipliers with heads raised until each stretch is surely in its cone; how far out the worst was, and which."""
    norms = cones.norms(s) * (1 + (cones.sizes + 6) * 2 * UNIT) + 1e-150 * float(np.abs(s).max(initial=0.0))
    heads = s[cones.starts]
    outside = norms - heads
    inside = s.copy()
    inside[cones.starts] = np.maximum(heads, norms)
    worst = int(outside.argmax())
    return inside, max(0.0, float(outside[worst])), worst


def read_cone_vectors(given: Sequence[object], cones: Cones) -> tuple[np.ndarray | None, str]:
    """The stacked vectors that an engine gave for the cones, or what is wrong with them."""
    try:
        parts = list(given)
    except TypeError:
        return None, "the cone duals are no sequence of vectors"
    if len(parts) != cones.sizes.size:
        return None, f"there are {len(parts)} cone duals for {cones.sizes.size} cones"
    read = []
    for k, part in enumerate(parts):
        vector, complaint = read_vector(part, int(cones.sizes[k]), f"the dual of cone {k}")
        if vector is None:
            return None, complaint or f"the dual of cone {k} is missing"
        read.append(vector)
    return np.concatenate([np.empty(0), *read]), ""
