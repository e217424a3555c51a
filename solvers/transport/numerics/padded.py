"""The annealed semi-dual Newton method on many padded problems at once; see ``numerics.passes`` for the formulas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import xlogy

from solvers.core.errors import InvalidProblem
from solvers.transport.numerics.finish import SMALL_REST
from solvers.transport.numerics.geometry import matrix_of
from solvers.transport.numerics.passes import exponential
from solvers.transport.numerics.relaxed import native, relax_all
from solvers.transport.numerics.setup import ONE_DIRECTION, device_of
from solvers.transport.numerics.watch import Watch
from solvers.transport.plan import PotentialPlan
from solvers.transport.problem import Transport

#: Over-relaxed sweeps at a level; and the largest ratio of an eighth of the spread of costs to epsilon that needs no
#: annealing.
MOST_RELAXED, EASY = 150, 32.0
LEVEL_ERROR = 0.01
LEVEL_STEPS = 6
MOST_STEPS = 60
FACTOR = 4.0


@dataclass
class Padded:
    """B problems as arrays: a (B, n), b (B, m) of total 1 with zeros for padding, M (B, n, m), epsilon and totals
    (B,)."""

    a: torch.Tensor
    b: torch.Tensor
    M: torch.Tensor
    epsilon: torch.Tensor
    mean: torch.Tensor
    scale: np.ndarray

    @staticmethod
    def of(problems: list[Transport], options: dict[str, Any]) -> Padded:
        """Pads to the largest sizes."""
        n, m = max(one.n for one in problems), max(one.m for one in problems)
        count = len(problems)
        a, b, M = np.zeros((count, n)), np.zeros((count, m)), np.zeros((count, n, m))
        scale, strength, relative = np.empty(count), np.empty(count), np.empty(count, dtype=bool)
        for k, one in enumerate(problems):
            assert one.regularization is not None
            scale[k] = one.a.sum()
            a[k, : one.n], b[k, : one.m] = one.a / scale[k], one.b / scale[k]
            M[k, : one.n, : one.m] = _costs(one)
            strength[k], relative[k] = one.regularization.strength, one.regularization.relative
        mean = np.einsum("kn,knm,km->k", a, M, b, optimize=True)
        mean[np.array([one.cost == "cosine" for one in problems]) & (mean < ONE_DIRECTION)] = 0.0
        if (relative & (mean < 0.0)).any():
            raise InvalidProblem(
                f"a mean cost of the batch is {mean[relative].min():g}, which is no scale for a regularization",
                pointer="/problems",
                hint="an absolute regularization, or costs that are not negative",
            )
        epsilon = strength * np.where(relative & (mean > 0.0), mean, 1.0)
        put = [torch.from_numpy(array).to(device_of(options)) for array in (a, b, M, epsilon, mean)]
        return Padded(put[0], put[1], put[2], put[3], put[4], scale)


def _costs(problem: Transport) -> np.ndarray:
    x, y = problem.x, problem.y
    if problem.cost != "sqeuclidean" or x is None or y is None or problem.d > 8:
        return matrix_of(problem)
    differences = x[:, None, :] - y[None, :, :]  # for small problems faster than by tiles
    squares: np.ndarray = (differences * differences).sum(axis=2)
    return squares


@dataclass
class Solved:
    """f (B, n), g (B, m) and the plans (B, n, m) they describe: rows exact, ``error`` (B,) of the columns."""

    f: torch.Tensor
    g: torch.Tensor
    P: torch.Tensor
    error: torch.Tensor
    steps: int

    def fields(self, problems: list[Transport], padded: Padded) -> list[dict[str, Any]]:
        """The numerical fields of the answers; as ``numerics.finish``, for small matrices."""
        put = (padded.M, padded.a, padded.b, self.f, self.g, self.P, self.error, padded.epsilon, padded.mean)
        M, a, b, f, g, P, error, epsilon, mean = (array.cpu().numpy() for array in put)
        scale = padded.scale
        columns = P.sum(axis=1)
        shrink = np.where(b > 0.0, np.minimum(1.0, b / np.maximum(columns, 1e-290)), 1.0)
        rows = (P @ shrink[:, :, None])[:, :, 0]
        kept = ((P * M) @ shrink[:, :, None]).sum(axis=(1, 2))
        missing_a, missing_b = np.maximum(a - rows, 0.0), np.maximum(b - shrink * columns, 0.0)
        left_a, left_b = missing_a.sum(axis=1), missing_b.sum(axis=1)
        share = np.where((left_a > 0.0) & (left_b > 0.0), 1.0 / np.where(left_a > 0.0, left_a, 1.0), 0.0)
        missing_cost = ((M @ missing_b[:, :, None])[:, :, 0] * missing_a).sum(axis=1)
        cost = kept + share * missing_cost
        # KL(P | a b'), whose logarithms are sums of potentials and costs; a tiny rest counts by its first-order term
        lowered = np.where(b > 0.0, g, 0.0) + epsilon[:, None] * np.log(shrink)
        logs = (rows * f).sum(axis=1) + (shrink * columns * lowered).sum(axis=1) - kept
        logs += share * (
            (missing_a * f).sum(axis=1) * left_b + left_a * (missing_b * lowered).sum(axis=1) - missing_cost
        )
        divergence = logs / epsilon - rows.sum(axis=1) + 1.0
        lowest = (M - np.where(b > 0.0, g, -np.inf)[:, None, :]).min(axis=2)
        bound = (a * np.where(a > 0.0, lowest, 0.0)).sum(axis=1) + (b * np.where(b > 0.0, g, 0.0)).sum(axis=1)
        dual = (a * f).sum(axis=1) + (b * np.where(b > 0.0, g, 0.0)).sum(axis=1)
        found = []
        for k, one in enumerate(problems):
            n, m, e, total = one.n, one.m, float(epsilon[k]), float(scale[k])
            if share[k] * left_a[k] * left_b[k] > SMALL_REST:
                divergence[k] = _divergence(
                    P[k, :n, :m] * shrink[k, :m],
                    a[k, :n],
                    b[k, :m],
                    np.outer(missing_a[k, :n], missing_b[k, :m] * share[k]),
                )
            outside = e * total * (total - 1.0 - math.log(total))
            mine_f, mine_g = f[k, :n], g[k, :m].copy()
            empty = b[k, :m] <= 0.0
            if empty.any():  # the soft c-transform, as everywhere else
                with np.errstate(divide="ignore"):
                    reach = (mine_f[:, None] - M[k, :n, :m][:, empty]) / e + np.log(a[k, :n])[:, None]
                mine_g[empty] = -e * np.logaddexp.reduce(reach, axis=0)
            moved = mine_f - e * math.log(total)
            plan_g = mine_g + e * np.log(shrink[k, :m])
            relative = one.regularization is not None and one.regularization.relative
            found.append(
                {
                    "cost": total * float(cost[k]),
                    "bound": total * float(bound[k]),
                    "objective": total * float(cost[k] + e * divergence[k]) + outside,
                    "objective_bound": total * float(dual[k]) + outside,
                    "epsilon": e,
                    "epsilon_from": "relative" if relative else "problem",
                    "marginal_error": total * float(error[k]),
                    "f": moved,
                    "g": mine_g,
                    "plan": PotentialPlan(moved, plan_g, e, missing_a[k, :n] * total, missing_b[k, :m] * share[k]),
                    "statistics": {"iterations": self.steps, "mean_cost": float(mean[k])},
                }
            )
        return found


def _divergence(P: np.ndarray, a: np.ndarray, b: np.ndarray, rest: np.ndarray) -> float:
    """``KL(P + rest | a b')``."""
    product = np.outer(a, b)
    ratio = np.divide(P + rest, product, out=np.ones_like(product), where=product > 0.0)
    return float((product * (xlogy(ratio, ratio) - ratio + 1.0)).sum())


def solve_padded(padded: Padded, tolerance: float, watch: Watch) -> Solved:
    """All problems to ``tolerance``, or as far as they get.

    Raises:
        Stopped: told to stop; nothing is known then.
    """
    count, n = padded.a.shape
    result = Solved(
        torch.zeros_like(padded.a),
        torch.zeros_like(padded.b),
        torch.zeros_like(padded.M),
        torch.full((count,), torch.inf, dtype=torch.float64, device=padded.a.device),
        0,
    )
    del n
    top = torch.maximum((padded.M.amax((1, 2)) - padded.M.amin((1, 2))) / 8.0, padded.epsilon)
    ratio = float((top / padded.epsilon).max())
    depth = max(0, int(np.ceil(np.log(max(ratio, 1.0)) / np.log(FACTOR))))
    if ratio <= EASY:
        depth = 0
    whole = _Active.of(padded, torch.arange(count, device=padded.a.device), torch.zeros_like(padded.b))
    for level in range(depth):
        epsilon = torch.maximum(padded.epsilon, top / FACTOR**level)
        whole.sweep(epsilon, LEVEL_ERROR, watch)
        for _ in range(LEVEL_STEPS):
            if not bool((whole.error > LEVEL_ERROR).any()):
                break
            whole.step(epsilon, watch)
            result.steps += 1
    active, epsilon = whole, padded.epsilon
    active.sweep(epsilon, 0.1 * tolerance, watch)
    for _ in range(MOST_STEPS):
        done = active.error <= tolerance
        if bool(done.any()):
            active.put(result, done)
            active = active.keep(~done)
            epsilon = epsilon[~done]
        if not len(active.numbers):
            return result
        before = active.error.clone()
        active.step(epsilon, watch)
        result.steps += 1
        stuck = (active.error > 0.999 * before) & (active.error < 1e-6)
        if bool(stuck.all()):
            break
    active.put(result, torch.ones_like(active.error, dtype=torch.bool))
    return result


@dataclass
class _Active:
    """The problems that are not done: their numbers, data and current state."""

    numbers: torch.Tensor
    a: torch.Tensor
    b: torch.Tensor
    M: torch.Tensor
    g: torch.Tensor
    f: torch.Tensor
    P: torch.Tensor
    error: torch.Tensor
    value: torch.Tensor

    @staticmethod
    def of(padded: Padded, numbers: torch.Tensor, g: torch.Tensor) -> _Active:
        empty = torch.zeros_like(padded.epsilon)
        return _Active(numbers, padded.a, padded.b, padded.M, g, torch.zeros_like(padded.a), padded.M, empty, empty)

    def keep(self, which: torch.Tensor) -> _Active:
        fields = (self.numbers, self.a, self.b, self.M, self.g, self.f, self.P, self.error, self.value)
        return _Active(*(field[which] for field in fields))

    def put(self, result: Solved, which: torch.Tensor) -> None:
        numbers = self.numbers[which]
        result.f[numbers], result.g[numbers], result.P[numbers] = self.f[which], self.g[which], self.P[which]
        result.error[numbers] = self.error[which]

    def state(
        self, g: torch.Tensor, epsilon: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """f, P, error and semi-dual value at g."""
        h = g / epsilon[:, None] + self.b.log()  # -inf for padding
        logs = self.M / -epsilon[:, None, None]
        logs += h[:, None, :]
        shift = logs.amax(2, keepdim=True)
        P = exponential(logs.sub_(shift))
        sums = P.sum(2)
        f = -epsilon[:, None] * (shift[:, :, 0] + sums.log())
        P.mul_((self.a / sums)[:, :, None])
        error = (self.b - P.sum(1)).abs().sum(1)
        return f, P, error, (self.a * f).sum(1) + (self.b * g).sum(1)

    def take(self, epsilon: torch.Tensor) -> None:
        self.f, self.P, self.error, self.value = self.state(self.g, epsilon)

    def sweep(self, epsilon: torch.Tensor, wanted: float, watch: Watch) -> None:
        """Over-relaxed sweeps from the current g: of most problems they are all that is needed."""
        watch.check()
        self.take(epsilon)
        v = relax_all(native(self.P), native(self.a), native(self.b), wanted, MOST_RELAXED, watch.check)
        v = torch.as_tensor(v, device=self.b.device)
        self.g = self.g + epsilon[:, None] * v.log()
        self.take(epsilon)

    def step(self, epsilon: torch.Tensor, watch: Watch) -> None:
        """A Newton step of every problem, each with its own step length."""
        watch.check()
        inverse = torch.where(self.a > 0.0, 1.0 / self.a, 0.0)
        columns = self.P.sum(1)
        hessian = torch.bmm((self.P * -inverse[:, :, None]).transpose(1, 2), self.P)
        real = self.b > 0.0
        lift = columns.sum(1) / real.sum(1) ** 2
        hessian += lift[:, None, None] * (real[:, :, None] & real[:, None, :])
        diagonal = torch.where(real, columns * (1.0 + 1e-13), 1.0)
        hessian.diagonal(dim1=1, dim2=2).add_(diagonal)
        gradient = self.b - columns
        factor, failed = torch.linalg.cholesky_ex(hessian)
        if bool(failed.any()):
            hessian.diagonal(dim1=1, dim2=2).add_(1e-10 * columns.amax(1)[:, None])
            factor, failed = torch.linalg.cholesky_ex(hessian)
        z = torch.cholesky_solve((epsilon[:, None] * gradient)[:, :, None], factor)[:, :, 0]
        z = torch.where((failed > 0)[:, None] | ~torch.isfinite(z), 0.0, z)
        slope = (gradient * z).sum(1)
        length = torch.ones_like(epsilon)
        open_ = torch.ones_like(epsilon, dtype=torch.bool)
        for _ in range(25):
            watch.check()
            part = self if bool(open_.all()) else self.keep(open_)
            trial = part.g + (length[open_, None] * z[open_])
            f, P, error, value = part.state(trial, epsilon[open_])
            rising = value >= part.value + 1e-4 * length[open_] * slope[open_] - 1e-14 * part.value.abs()
            good = (rising | (error < 0.5 * part.error)) & torch.isfinite(error)
            which = torch.nonzero(open_)[:, 0][good]
            self.g[which], self.f[which], self.error[which], self.value[which] = (
                trial[good],
                f[good],
                error[good],
                value[good],
            )
            if bool(good.all()) and len(which) == len(epsilon):
                self.P = P
                return
            self.P[which] = P[good]
            open_[which] = False
            if not bool(open_.any()):
                return
            length[open_] *= 0.5
