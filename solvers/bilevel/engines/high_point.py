"""The high-point relaxation of a linear bilevel problem, tightened by what lower solutions say of the value function.

The relaxation keeps the constraints of both levels and drops the lower optimality. A lower solution ``y'`` found at one
x bounds the lower objective at every x where it is feasible: ``d'y <= d'y'``, or some lower row with x in it is
violated by y'. A violated row is a literal: an upper binary itself where the row holds only one, else a new binary.
Where a violated row can be repaired by taking one variable of y' to its lower bound (rows ``y_j <= u_j (1 - x_j)``, all
other rows of y_j of packing kind), the bound is only loosened by what that variable earned, as for interdiction
problems (Caprara, Carvalho, Lodi and Woeginger 2016; Fischetti, Ljubic, Monaci and Sinnl 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from solvers.bilevel.forms import Forms, Quadratic
from solvers.bilevel.problem import Bilevel
from solvers.core.errors import UnsupportedProblem
from solvers.programs.problem import Program

#: A side this near to a whole multiple is that multiple.
NEAR = 1e-7
#: Parts of the smallest coefficient of a row of which all may be whole multiples, and the largest multiple.
PARTS, MOST_WHOLE = range(1, 13), 1e6


@dataclass(frozen=True)
class Literal:
    """True where ``x[column]`` (or a binary behind x and y) equals ``value``."""

    column: int
    value: int


@dataclass
class HighPoint:
    """The relaxation, growing by cuts.

    Attributes:
        forms: in units in which coefficients are near one: solvers' tolerances are absolute.
        linking: upper variables that occur in lower rows, ascending.
        exact: all of these are integer: then a cut is exact where it was made, and the search ends.
    """

    problem: Bilevel
    forms: Forms
    linking: np.ndarray = field(init=False)
    exact: bool = field(init=False)

    def __post_init__(self) -> None:
        forms, n = self.forms, self.forms.n
        if any(form.Q is not None for form in (forms.lower, *forms.constraints)):
            raise UnsupportedProblem(
                "with integer lower variables the lower objective and all constraints must be linear",
                pointer="/lower",
                hint="products of variables are allowed in the upper objective only",
            )
        below, equal = forms.lower_inequalities, forms.lower_equalities
        rows = [*((form.c, -form.constant) for form in below)]
        for form in equal:
            rows += [(form.c, -form.constant), (-form.c, form.constant)]
        matrix = np.array([row for row, _ in rows]).reshape(-1, n + forms.m)
        self.G, self.D = matrix[:, :n], matrix[:, n:]
        self.h = np.array([side for _, side in rows])
        self.d = forms.lower.c[n:]
        self.linking = np.flatnonzero(self.G.any(axis=0))
        upper = self.problem.upper
        self.exact = bool(upper.integrality[self.linking].all())
        low, high = upper.lower, upper.upper
        loose = self.linking[~(np.isfinite(low) & np.isfinite(high))[self.linking]]
        if loose.size:
            raise UnsupportedProblem(
                f"upper variable {int(loose[0])} occurs in lower constraints and has no finite bounds",
                pointer="/upper/variables",
                hint="give upper variables that occur in lower constraints a lower and an upper bound",
            )
        self._least = np.where(self.G > 0, self.G * _finite(low), self.G * _finite(high)).sum(axis=1)
        self._most = np.where(self.G > 0, self.G * _finite(high), self.G * _finite(low)).sum(axis=1)
        self._grain = self._grains()
        self._repair = self._repairable()
        self._binaries: dict[tuple[int, float], int] = {}
        self._rows: list[dict[int, float]] = []
        self._sides: list[tuple[float, float]] = []
        self.size = n + forms.m
        self._highest: float | None = None

    def _grains(self) -> list[float]:
        """Of each row, found on the coefficients as they were given: those in other units may be no whole multiples."""
        given = self.problem.forms
        assert given is not None
        whole, n = self.problem.upper.integrality, self.forms.n
        found = [_grain(form.c[:n], whole) / form.unit() for form in given.lower_inequalities]
        for form in given.lower_equalities:
            found += 2 * [_grain(form.c[:n], whole) / form.unit()]
        return found

    def _repairable(self) -> dict[int, int]:
        """Row to the lower variable that mends it."""
        level = self.problem.lower
        single = (self.D != 0.0).sum(axis=1) == 1
        found = {}
        for i in np.flatnonzero(single & self.G.any(axis=1)):
            j = int(np.flatnonzero(self.D[i])[0])
            low = level.lower[j]
            others = np.flatnonzero(self.D[:, j])
            if not np.isfinite(low) or (self.D[others, j] < 0.0).any():
                continue
            if self.D[i, j] * low + self._most[i] <= self.h[i] + NEAR:
                found[int(i)] = j
        return found

    def highest(self) -> float:
        """The largest lower objective of the relaxation.

        Raises:
            UnsupportedProblem: it has none.
        """
        if self._highest is None:
            program = self.program()
            equal = program.row_lower == program.row_upper
            above, below = ~equal & np.isfinite(program.row_upper), ~equal & np.isfinite(program.row_lower)
            cost = np.zeros(program.n)
            cost[self.forms.n : self.forms.n + self.forms.m] = -self.d
            result = linprog(
                cost,
                A_ub=sp.vstack([program.A[above], -program.A[below]], format="csr"),
                b_ub=np.concatenate([program.row_upper[above], -program.row_lower[below]]),
                A_eq=program.A[equal],
                b_eq=program.row_lower[equal],
                bounds=np.column_stack([program.lower, program.upper]),
                method="highs",
            )
            if result.status != 0:
                raise UnsupportedProblem(
                    "the lower objective has no largest value over the constraints of both levels",
                    pointer="/lower",
                    hint="give the lower variables bounds",
                )
            self._highest = -float(result.fun) + 1e-6 * (1.0 + abs(float(result.fun)))
        return self._highest

    def add(self, y: np.ndarray) -> bool:
        """The cut of a lower-feasible y; False if it is there already.

        Raises:
            UnsupportedProblem: see ``highest``.
        """
        value = float(self.d @ y)
        weights: dict[Literal, float] = {}
        left = self.h - self.D @ y
        for i in np.flatnonzero(self._most > left + NEAR * (1.0 + np.abs(left))):
            literal = self._literal(int(i), float(left[i]))
            if literal is None:
                continue
            j = self._repair.get(int(i))
            if j is None:
                weights[literal] = max(0.0, self.highest() - value)
            else:
                earned = max(0.0, -self.d[j] * (y[j] - self.problem.lower.lower[j]))
                weights[literal] = max(weights.get(literal, 0.0), earned)
        row = {self.forms.n + int(k): float(self.d[k]) for k in np.flatnonzero(self.d)}
        side = value
        for literal, weight in weights.items():
            if literal.value:
                row[literal.column] = row.get(literal.column, 0.0) - weight
            else:
                row[literal.column] = row.get(literal.column, 0.0) + weight
                side += weight
        if any(known == row and other[1] <= side + 1e-12 for known, other in zip(self._rows, self._sides, strict=True)):
            return False
        self._rows.append(row)
        self._sides.append((-np.inf, side))
        return True

    def best_against(self, x: np.ndarray) -> np.ndarray | None:
        """The lower solution whose cut is strongest at a fractional x, where every lower row with x in it can be
        repaired and holds one upper binary; None otherwise.

        Items that x forbids for certain still count a little: the packing is then maximal, and the cut stronger.
        """
        rows = np.flatnonzero(self.G.any(axis=1))
        upper, level = self.problem.upper, self.problem.lower
        earns = self.d.copy()
        for i in rows:
            columns = np.flatnonzero(self.G[i])
            j = self._repair.get(int(i))
            if j is None or columns.size != 1:
                return None
            k = int(columns[0])
            if not upper.integrality[k] or (upper.lower[k], upper.upper[k]) != (0.0, 1.0):
                return None
            share = x[k] if self.G[i, k] > 0.0 else 1.0 - x[k]
            earns[j] = min(0.0, earns[j]) * max(1e-3, 1.0 - share)
        free = np.setdiff1d(np.arange(len(self.h)), rows)
        # with its binary at the better value each repairable row is a bound
        most = (self.h - self._least)[rows]
        found = milp(
            earns,
            constraints=[
                LinearConstraint(self.D[free], -np.inf, self.h[free]),
                LinearConstraint(self.D[rows], -np.inf, most),
            ],
            bounds=Bounds(level.lower, level.upper),
            integrality=level.integrality.astype(int),
            options={"time_limit": 2.0},
        )
        if found.x is None:
            return None
        return np.asarray(np.where(level.integrality, np.round(found.x), found.x))

    def continuous(self) -> tuple[np.ndarray, float] | None:
        """x of the relaxation with its cuts and without integrality, and its value; None for products or no optimum."""
        program = self.program()
        if program.Q is not None:
            return None
        equal = program.row_lower == program.row_upper
        above, below = ~equal & np.isfinite(program.row_upper), ~equal & np.isfinite(program.row_lower)
        result = linprog(
            program.c,
            A_ub=sp.vstack([program.A[above], -program.A[below]], format="csr"),
            b_ub=np.concatenate([program.row_upper[above], -program.row_lower[below]]),
            A_eq=program.A[equal],
            b_eq=program.row_lower[equal],
            bounds=np.column_stack([program.lower, program.upper]),
            method="highs",
        )
        return (np.asarray(result.x)[: self.forms.n], float(result.fun)) if result.status == 0 else None

    def _literal(self, i: int, left: float) -> Literal | None:
        """``G_i x > left``; None if x cannot reach that."""
        grain = self._grain[i]
        least = left
        if grain:
            least = grain * (math.floor(left / grain + NEAR) + 1)
        if least > self._most[i] + NEAR:
            return None
        columns = np.flatnonzero(self.G[i])
        upper = self.problem.upper
        if columns.size == 1:
            j = int(columns[0])
            if upper.integrality[j] and (upper.lower[j], upper.upper[j]) == (0.0, 1.0):
                return Literal(j, int(self.G[i, j] > 0.0))
        key = (i, round(least, 9))
        if key not in self._binaries:
            column = self._binaries[key] = self.size
            self.size += 1
            row = {int(j): float(self.G[i, j]) for j in columns}
            row[column] = float(self._least[i]) - least
            self._rows.append(row)
            self._sides.append((float(self._least[i]), np.inf))
        return Literal(self._binaries[key], 1)

    def program(self, *, fixed: np.ndarray | None = None, value: float | None = None) -> Program:
        """The relaxation with its cuts; or with the linking variables ``fixed`` (n values) and the lower objective at
        most ``value``, without cuts."""
        forms, problem = self.forms, self.problem
        plain = fixed is not None
        size = forms.n + forms.m if plain else self.size
        rows = [form.c for form in (*forms.upper_inequalities, *forms.lower_inequalities)]
        sides = [(-np.inf, -form.constant) for form in (*forms.upper_inequalities, *forms.lower_inequalities)]
        for form in (*forms.upper_equalities, *forms.lower_equalities):
            rows.append(form.c)
            sides.append((-form.constant, -form.constant))
        if value is not None:
            rows.append(np.concatenate([np.zeros(forms.n), self.d]))
            sides.append((-np.inf, value))
        matrix = sp.csr_array(np.array(rows).reshape(-1, forms.n + forms.m))
        matrix = sp.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(len(rows), size))
        if not plain and self._rows:
            indptr = np.cumsum([0, *(len(row) for row in self._rows)])
            indices = np.array([k for row in self._rows for k in row], dtype=np.int64)
            data = np.array([v for row in self._rows for v in row.values()])
            matrix = sp.csr_array(sp.vstack([matrix, sp.csr_array((data, indices, indptr), (len(self._rows), size))]))
            sides += self._sides
        low, high = problem.upper.lower.copy(), problem.upper.upper.copy()
        if fixed is not None:
            low[self.linking] = high[self.linking] = fixed[self.linking]
        extra = size - forms.n - forms.m
        objective = forms.upper
        return Program.build(
            c=np.concatenate([objective.c, np.zeros(extra)]),
            Q=_wide(objective, size),
            offset=objective.constant,
            A=matrix,
            row_lower=[side[0] for side in sides],
            row_upper=[side[1] for side in sides],
            lower=np.concatenate([low, problem.lower.lower, np.zeros(extra)]),
            upper=np.concatenate([high, problem.lower.upper, np.ones(extra)]),
            integrality=np.concatenate(
                [problem.upper.integrality, problem.lower.integrality, np.ones(extra, dtype=bool)]
            ).astype(np.uint8),
        )

    def below(self, x: np.ndarray) -> Program:
        """The lower level at x."""
        level = self.problem.lower
        return Program.build(
            c=self.d,
            A=sp.csr_array(self.D),
            row_lower=-np.inf,
            row_upper=self.h - self.G @ x,
            lower=level.lower,
            upper=level.upper,
            integrality=level.integrality.astype(np.uint8),
        )


def _wide(form: Quadratic, size: int) -> sp.csr_array | None:
    if form.Q is None:
        return None
    entries = sp.coo_array(form.Q)
    return sp.csr_array((entries.data, entries.coords), shape=(size, size))


def _finite(bounds: np.ndarray) -> np.ndarray:
    """Columns that are not linking have no coefficient: their bound does not matter."""
    return np.where(np.isfinite(bounds), bounds, 0.0)


def _grain(row: np.ndarray, integrality: np.ndarray) -> float:
    """All values of ``row @ x`` are multiples of this; 0 if there is no such number."""
    used = np.flatnonzero(row)
    if not used.size or not integrality[used].all():
        return 0.0
    unit = float(np.abs(row[used]).min())
    # in the units given, or whole multiples of a part of the smallest coefficient
    for scale in (1.0, 10.0, 100.0, 1000.0, *(part / unit for part in PARTS)):
        scaled = row[used] * scale
        whole = np.round(scaled)
        if whole.all() and np.abs(scaled - whole).max() <= 1e-9 and np.abs(whole).max() <= MOST_WHOLE:
            return math.gcd(*(int(value) for value in whole)) / scale
    return 0.0
