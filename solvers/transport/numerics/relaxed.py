"""Over-relaxed Sinkhorn sweeps on a kept plan: two products an iteration, and nothing is exponentiated.

Near the optimum Sinkhorn's iteration is the Gauss-Seidel method on a singular, positive semi-definite 2 x 2 block
system, so Young's theory of successive over-relaxation holds: with eta the rate of plain sweeps, relaxing by ``w = 2 /
(1 + sqrt(1 - eta))`` converges at the rate ``w - 1``, and eta shows in any observed rate r as ``(r + w - 1)^2 / (r
w^2)``. So eta is measured on the way, from plain sweeps first, and w only grows.

Floor: 2 products of 2 flops and 8 bytes an element: 0.25 ns an element in cache, 0.65 from memory. Plain sweeps at
epsilon = 0.1 and 0.01 of the mean cost (n = 500, d = 2) take 136 and some 1,400 iterations to 1e-10; predicted from
w: some 40 and 170; measured 50 and 200 to 370.

Sources: Young (1971), Iterative solution of large linear systems, chapter 6; Lehmann, von Renesse, Sambale, Uschmajew,
A note on overrelaxation in the Sinkhorn algorithm (2021), theorem 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from solvers.transport.numerics.passes import Passes, State

#: Iterations between two looks at the error, and before the first relaxation.
LOOK_EVERY, PLAIN = 5, 10

#: Iterations from which the rate is believed, and so many more that it may promise at most.
BELIEVED, PATIENCE = 30, 100

#: Scalings beyond this are absorbed by a new pass: the kept plan no longer represents the kernel well.
WIDEST = 1e60

#: An error that grows beyond this multiple of the first is no convergence.
FARTHEST = 1e3

#: The closest that eta comes to 1.
CLOSEST = 1e-6

Ending = Literal["reached", "absorb", "slow"]


@dataclass
class Relaxed:
    """Attributes:
    u, v: scalings: the plan is ``diag(u) P diag(v)``; its rows are exact.
    columns: its column sums.
    made: iterations.
    ending: ``"reached"``; ``"absorb"``: the scalings have grown too wide; ``"slow"``: Newton's method is the better
        way.
    """

    u: Any
    v: Any
    columns: Any
    made: int
    ending: Ending


@np.errstate(all="ignore")
def relax(passes: Passes, state: State, most: int, wanted: float) -> Relaxed:
    """At most so many iterations from a state that keeps its plan, with exact marginals, until ``sum |b - columns|``
    is ``wanted``. On a CPU in numpy, whose small operations cost least.

    Raises:
        Stopped: by the watch.
    """
    assert state.P is not None
    P, a, b, columns = (native(array) for array in (state.P, passes.a, passes.b, state.columns))
    back = P.T
    u, v, w = a / a, b / b, 1.0
    rows = a
    first = last = state.error
    made = 0
    ending: Ending = "slow" if state.error > wanted else "reached"
    while made < most and ending == "slow":
        for _ in range(min(LOOK_EVERY, most - made)):
            better = b / columns
            v = better if w == 1.0 else v * (better / v) ** w
            rows = P @ v
            better = a / rows
            u = better if w == 1.0 else u * (better / u) ** w
            columns = back @ u
            made += 1
        passes.watch.check()
        error = float(abs(b - v * columns).sum()) + float(abs(a - u * rows).sum())
        if error < wanted:
            ending = "reached"
            break
        if not error < FARTHEST * first:  # not near enough yet for a relaxation: as if nothing had been done
            return Relaxed(a / a, b / b, native(state.columns), made, "slow")
        widest = max(float(v.max()), 1.0 / max(float(v.min()), 1e-300))
        if not widest < WIDEST:
            ending = "absorb"
            break
        if made >= PLAIN:
            w = _faster(w, (error / last) ** (1.0 / LOOK_EVERY))
        last = error
        if made >= BELIEVED and math.log(error / wanted) > -PATIENCE * math.log(max(w - 1.0, 1e-3)):
            break
    if w > 1.0:
        u = a / (P @ v)
        columns = back @ u
    return Relaxed(u, v, v * columns, made, ending)


def relaxed_state(passes: Passes, state: State, found: Relaxed) -> State:
    """The state that the scalings describe: its plan is the given state's, scaled in place, where they are not wide."""
    epsilon = state.epsilon
    u, v, columns = (torch.as_tensor(array, device=passes.b.device) for array in (found.u, found.v, found.columns))
    f, g = state.f + epsilon * u.log(), state.g + epsilon * v.log()
    P = state.P
    assert P is not None
    if found.ending == "absorb":
        passes.release(state)
        return passes.state(g, epsilon, f)
    for part in passes.geometry.tiles():
        P[part].mul_(v).mul_(u[part, None])
    state.P = None
    return passes.described(f, g, columns, epsilon, P)


@np.errstate(all="ignore")
def relax_all(P: Any, a: Any, b: Any, wanted: float, most: int, check: Callable[[], None]) -> Any:
    """The same for many problems at once: P (B, n, m), a (B, n), b (B, m), zeros where problems are padded; numpy
    arrays, or tensors on a GPU. Returns v (B, m); problems that are slow, or whose scalings grow too wide, are left
    early.

    Raises:
        whatever ``check`` raises.
    """
    no_row, no_column = 1.0 * (a == 0.0), 1.0 * (b == 0.0)
    found = b / b if not no_column.any() else (b + no_column) / (b + no_column)
    count = len(b)
    numbers = np.arange(count)
    parts = (P, a + no_row, b + no_column, no_row, no_column)
    u, v = parts[1] / parts[1], found
    columns = P.sum(1)
    w, last, made, relaxed = np.ones(count), np.full(count, np.inf), 0, False
    while made < most and len(numbers):
        check()
        P, a, b, no_row, no_column = parts
        power = w[:, None] if isinstance(P, np.ndarray) else torch.as_tensor(w[:, None], device=P.device)
        for _ in range(LOOK_EVERY):
            better = b / (columns + no_column)
            v = v * (better / v) ** power if relaxed else better
            rows = (P @ v[:, :, None])[:, :, 0] + no_row
            u = u * (a / rows / u) ** power if relaxed else a / rows
            columns = (u[:, None, :] @ P)[:, 0, :]
        made += LOOK_EVERY
        off = abs(b - v * (columns + no_column)).sum(1) + abs(a - u * rows).sum(1)
        error = np.asarray(off if isinstance(P, np.ndarray) else off.cpu())
        wide = v.max(1) if isinstance(P, np.ndarray) else v.amax(1).cpu().numpy()
        fine = np.isfinite(error) & np.isfinite(wide)
        found[numbers[fine]] = v[fine]
        if made >= PLAIN:
            rates = (error / last) ** (1.0 / LOOK_EVERY)
            w = np.array([_faster(one, rate) for one, rate in zip(w, rates, strict=True)])
            relaxed = True
        last = error
        left = (error > wanted) & (wide < WIDEST)
        if made >= BELIEVED:
            left &= error < wanted * np.maximum(w - 1.0, 1e-3) ** -PATIENCE
        if 2 * left.sum() <= len(left):  # who is done gains by more iterations, until many are done
            parts = tuple(array[left] for array in parts)
            u, v, columns, w, last, numbers = u[left], v[left], columns[left], w[left], last[left], numbers[left]
    return found


def _faster(w: float, rate: float) -> float:
    """The relaxation that an observed rate of convergence suggests."""
    if not w - 1.0 < rate < 1.0:
        return w
    eta = min((rate + w - 1.0) ** 2 / (rate * w * w), 1.0 - CLOSEST)
    return max(w, 2.0 / (1.0 + math.sqrt(1.0 - eta)))


def native(array: torch.Tensor) -> Any:
    """The same numbers as a numpy array, if they are on a CPU."""
    return array.numpy() if array.device.type == "cpu" else array
