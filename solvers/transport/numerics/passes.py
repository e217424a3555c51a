"""Passes over the cost: soft c-transforms, marginals, the semi-dual's gradient and Hessian, in tiles.

With b-weighted potentials ``h = g / e + log b`` and the soft c-transform ``S_i = -e log sum_j exp(h_j - M_ij / e)``,
the plan ``P_ij = a_i exp((f_i - M_ij) / e + h_j)`` has row sums a where f = S. The semi-dual ``<a, S(g)> + <b, g>`` is
concave in g with gradient ``b - P' 1`` and Hessian ``-(diag(P' 1) - P' diag(1/a) P) / e`` (Cuturi & Peyre 2018,
section 3).

One pass computes f, the column sums, and (in memory) P, with one exponential an element. Prediction for one CPU core:
1e6 elements take some 3 ms (exponential 1.5 ns, five sweeps over a tile in cache 1.5 ns).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.marginals import Exact, Marginal
from solvers.transport.numerics.watch import Watch

#: Exponents below are raised to it: denormal numbers make exponentials and products ten times slower.
SMALLEST = -600.0
#: Passes that the evaluation of an answer takes at most; their time is kept back from the time limit.
LAST_PASSES = 2.0


@dataclass
class State:
    """Potentials, and the plan they describe: rows obey their rule exactly.

    Attributes:
        columns: P' 1.
        error: mass that the next update of g would move; for exact marginals ``sum |b - columns|``.
        value: of the semi-dual.
        P: the plan (n, m), or None where it is not kept.
    """

    f: torch.Tensor
    g: torch.Tensor
    columns: torch.Tensor
    error: float
    value: float
    epsilon: float
    P: torch.Tensor | None


class Passes:
    """Passes over one geometry with positive weights a (n,) and b (m,)."""

    def __init__(
        self,
        geometry: Geometry,
        a: torch.Tensor,
        b: torch.Tensor,
        watch: Watch,
        *,
        keep: bool,
        rows: Marginal | None = None,
        columns: Marginal | None = None,
    ) -> None:
        """``keep``: hold P (n, m) of the newest states, each in a buffer of its own until it is released."""
        self.geometry = geometry
        self.a, self.b = a, b
        self.log_b = b.log()
        self.watch = watch
        self.keep = keep
        self.rows = rows or Exact()
        self.columns = columns or Exact()
        self.exact = type(self.rows) is Exact and type(self.columns) is Exact
        self.count = 0
        #: Of the newest whole pass.
        self.seconds = 0.0
        self._free: list[torch.Tensor] = []

    def release(self, state: State | None) -> None:
        """Give the buffer of a state back; its P is gone."""
        if state is not None and state.P is not None:
            self._free.append(state.P)
            state.P = None

    def state(self, g: torch.Tensor, epsilon: float, f_near: torch.Tensor | None = None) -> State:
        """The plan at g. ``f_near``: an f from nearby, which saves looking for the maxima of rows."""
        geometry, begin = self.geometry, time.monotonic()
        h = g / epsilon + self.log_b
        f = torch.empty_like(self.a)
        columns = torch.zeros_like(self.b)
        P = self._buffer() if self.keep else None
        for rows in geometry.tiles():
            self.watch.check()
            out, shift, sums = self._row_sums(geometry.tile(rows), h, epsilon, f_near, rows, P)
            soft = epsilon * (shift - sums.log())
            f[rows] = soft if self.exact else self.rows.prox(soft, epsilon)
            scale = self.a[rows] / sums
            if not self.exact:
                scale *= ((f[rows] - soft) / epsilon).exp()
            columns += scale @ out
            if P is not None:
                out.mul_(scale[:, None])
        self.count += 1
        self.seconds = time.monotonic() - begin
        self.watch.reserve = max(self.watch.reserve, LAST_PASSES * self.seconds)
        return self.described(f, g, columns, epsilon, P)

    def described(
        self, f: torch.Tensor, g: torch.Tensor, columns: torch.Tensor, epsilon: float, P: torch.Tensor | None
    ) -> State:
        """The state with these potentials, column sums and plan."""
        value = self._value(f, g, columns, epsilon)
        return State(f, g, columns, self.column_error(g, columns, epsilon), value, epsilon, P)

    def _value(self, f: torch.Tensor, g: torch.Tensor, columns: torch.Tensor, epsilon: float) -> float:
        if self.exact:
            return float(torch.dot(self.a, f) + torch.dot(self.b, g))
        mass = float(columns.sum() - self.a.sum() * self.b.sum())
        return self.rows.dual(self.a, f) + self.columns.dual(self.b, g) - epsilon * mass

    def _buffer(self) -> torch.Tensor:
        shape = (self.geometry.n, self.geometry.m)
        return self._free.pop() if self._free else torch.empty(shape, dtype=torch.float64, device=self.geometry.device)

    def _row_sums(
        self,
        cost: torch.Tensor,
        h: torch.Tensor,
        epsilon: float,
        f_near: torch.Tensor | None,
        rows: slice,
        P: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """exp(h - M / e + shift), shift, and its row sums."""
        out = torch.empty_like(cost) if P is None else P[rows]
        ones = torch.ones_like(h)
        torch.add(h, cost, alpha=-1.0 / epsilon, out=out)
        if f_near is not None:
            shift = f_near[rows] / epsilon
            sums = exponential(out.add_(shift[:, None]).clamp_(min=SMALLEST)) @ ones
            if bool(((sums > 1e-200) & (sums < 1e200)).all()):
                return out, shift, sums
            torch.add(h, cost, alpha=-1.0 / epsilon, out=out)
        shift = -out.amax(1)
        return out, shift, exponential(out.add_(shift[:, None]).clamp_(min=SMALLEST)) @ ones

    def next_g(self, g: torch.Tensor, columns: torch.Tensor, epsilon: float) -> torch.Tensor:
        """g after its own update, given the column sums at g."""
        soft = g - epsilon * (columns.clamp_min(1e-290) / self.b).log()
        return self.columns.prox(soft, epsilon)

    def column_error(self, g: torch.Tensor, columns: torch.Tensor, epsilon: float) -> float:
        """See ``State.error``."""
        if self.exact:
            return float((self.b - columns).abs().sum())
        step = (self.next_g(g, columns, epsilon) - g) / epsilon
        return float((columns * torch.expm1(step.clamp(max=600.0))).abs().sum())

    def apply(self, state: State, z: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """``P' ((P z) / weights)``, the second part of the Hessian; weights are those of the rows if not given."""
        weights = self.a if weights is None else weights
        if state.P is not None:
            return state.P.T @ ((state.P @ z) / weights)
        back = torch.zeros_like(self.b)
        for rows, P in self.plan(state):
            back += ((P @ z) / weights[rows]) @ P
        self.count += 1
        return back

    def product(self, state: State, z: torch.Tensor) -> torch.Tensor:
        """``P z``."""
        return torch.cat([P @ z for _, P in self.plan(state)])

    def product_transposed(self, state: State, u: torch.Tensor) -> torch.Tensor:
        """``P' u``."""
        back = torch.zeros_like(self.b)
        for rows, P in self.plan(state):
            back += u[rows] @ P
        return back

    def plan(self, state: State) -> Iterator[tuple[slice, torch.Tensor]]:
        """The rows of the plan in tiles, computed anew where they were not kept."""
        h = state.g / state.epsilon + self.log_b
        for rows in self.geometry.tiles():
            self.watch.check()
            if state.P is not None:
                yield rows, state.P[rows]
                continue
            P = torch.add(h, self.geometry.tile(rows), alpha=-1.0 / state.epsilon)
            exponential(P.add_((state.f[rows] / state.epsilon)[:, None]).clamp_(min=SMALLEST))
            yield rows, P.mul_(self.a[rows, None])


def exponential(values: torch.Tensor) -> torch.Tensor:
    """In place; on a CPU by numpy, which takes half of torch's time for it (0.8 ns an element)."""
    if values.device.type == "cpu":
        array = values.numpy()
        with np.errstate(over="ignore"):  # who overflows is found out by its sums
            np.exp(array, out=array)
        return values
    return values.exp_()
