"""Many starts at once: V-PBGD (Shen and Chen 2023) on a batch, with step sizes that follow the curvature.

``omega`` follows the minimizer of the lower objective g by T gradient steps; x and y descend on
``f + gamma (g(x, y) - g(x, omega))``, x by Adam, y by the step ``1 / (L_f + gamma L_g)``. gamma is 10 until the
objective no longer moves, then 100. Lower constraints enter both copies as augmented Lagrangians whose multipliers
move every few steps.

Floor: one step is three gradients and, every fourth, four Hessian products; a batch of 256 small problems was
measured at 54 times less CPU a problem than one at a time.
"""

from __future__ import annotations

import torch

from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.lower import augmentation, bounds, constraint_values
from solvers.bilevel.engines.oracle import Curvature, batched, gradient_y, gradients
from solvers.bilevel.engines.run import SAME_POINT, Candidate, Run
from solvers.bilevel.engines.upper import UpperAugmented
from solvers.bilevel.problem import Bilevel, tensor

FIRST, LAST = 10.0, 100.0
RATE = 0.05
STEPS, WINDOW = 1500, 100
#: A window that gains less than this share of the objective's scale is a plateau.
PLATEAU = 1e-4
MULTIPLIERS_EVERY = 10
MOST_INNER = 20


class _Constrained:
    """g with the augmented Lagrangian of the lower constraints, for a batch; without constraints g itself."""

    def __init__(self, problem: Bilevel, count: int) -> None:
        self._problem = problem
        self.active = problem.lower.constrained
        x, y = tensor(problem.upper.start), tensor(problem.lower.start)
        c, h = constraint_values(problem, x, y) if self.active else (x[:0], x[:0])
        self._inequality = torch.zeros(count, c.shape[0], dtype=torch.float64)
        self._equality = torch.zeros(count, h.shape[0], dtype=torch.float64)
        self._weight = 10.0
        self._plain = batched(problem.lower.objective)
        self._values = torch.func.vmap(lambda x, y: constraint_values(problem, x, y))
        self._terms = torch.func.vmap(self._term)

    def _term(self, x: torch.Tensor, y: torch.Tensor, inequality: torch.Tensor, equality: torch.Tensor) -> torch.Tensor:
        c, h = constraint_values(self._problem, x, y)
        return self._problem.lower.objective(x, y) + augmentation(c, h, inequality, equality, self._weight)

    def __call__(self, X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
        if not self.active:
            return self._plain(X, Y)
        return self._terms(X, Y, self._inequality, self._equality)

    def update(self, X: torch.Tensor, Y: torch.Tensor) -> None:
        c, h = (part.detach() for part in self._values(X, Y))
        self._inequality = torch.clamp(self._inequality + self._weight * c, min=0.0)
        self._equality = self._equality + self._weight * h


def explore(
    run: Run,
    X: torch.Tensor,
    Y: torch.Tensor,
    *,
    keep: int,
    inner: int = 1,
    first: float = FIRST,
    last: float = LAST,
    rate: float = RATE,
    steps: int | None = None,
) -> list[Candidate]:
    """The best distinct points after the descent, at most ``keep`` of them, best first."""
    problem = run.problem
    f = batched(UpperAugmented(problem))
    upper_only = batched(problem.upper.objective)
    at_omega, at_y = _Constrained(problem, X.shape[0]), _Constrained(problem, X.shape[0])
    low, high = tensor(problem.upper.lower), tensor(problem.upper.upper)
    y_low, y_high = bounds(problem)
    W = Y.clone()
    curve_g, curve_f = Curvature(at_omega, run.settings["seed"]), Curvature(f, run.settings["seed"])
    adam = Adam(X.shape, rate)
    gamma, raised_at = first, 0
    limit = STEPS if steps is None else steps
    if run.settings["iteration_limit"] is not None:
        limit = min(limit, run.settings["iteration_limit"])
    history: list[torch.Tensor] = []
    smallest = float("inf")
    for k in range(limit):
        if run.stopping() is not None:
            break
        run.iterations += 1
        if k % 4 == 0:
            L, Lf = curve_g(X, W), curve_f(X, Y)
        for _ in range(inner):
            slope = gradient_y(at_omega, X, W)
            W = _clamp(W - slope / L, y_low, y_high)
        residual = float(slope.abs().amax(dim=1).median())
        value, fx, fy = gradients(f, X, Y)
        _, gx, gy = gradients(at_y, X, Y)
        _, wx, _ = gradients(at_omega, X, W)
        Y = _clamp(Y - (fy + gamma * gy) / (Lf + gamma * L), y_low, y_high)
        step = fx + gamma * (gx - wx)
        X = adam.step(X, torch.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0), low, high)
        if at_omega.active and k % MULTIPLIERS_EVERY == 0:
            at_omega.update(X, W)
            at_y.update(X, Y)
        history.append(value)
        smallest = min(smallest, residual) if k > 20 else residual
        if k > 20 and residual > 10.0 * smallest and inner < MOST_INNER:
            # omega cannot follow x: more steps for it, shorter ones for x
            inner, adam.rate, smallest = min(MOST_INNER, 2 * inner), 0.5 * adam.rate, residual
        run.report(
            objective=float(value.min()), lower_residual=residual, penalty=gamma, phase="penalty", starts=X.shape[0]
        )
        if k - raised_at >= 2 * WINDOW and k % WINDOW == 0:
            before, after = torch.stack(history[-2 * WINDOW : -WINDOW]), torch.stack(history[-WINDOW:])
            moved = (before.mean(dim=0) - after.mean(dim=0)).abs()
            still = moved <= PLATEAU * (1.0 + after.mean(dim=0).abs())
            if float(still.double().mean()) >= 0.9:
                if gamma >= last:
                    break
                gamma, raised_at = last, k
                adam.rate = 0.5 * adam.rate
    best = torch.nan_to_num(upper_only(X, W).detach(), nan=float("inf"))
    run.statistics["exploration_steps"] = len(history)
    return _distinct(X.detach(), Y.detach(), best, keep)


def _clamp(Y: torch.Tensor, low: torch.Tensor | None, high: torch.Tensor | None) -> torch.Tensor:
    return Y if low is None and high is None else torch.clamp(Y, low, high)


def _distinct(X: torch.Tensor, Y: torch.Tensor, values: torch.Tensor, keep: int) -> list[Candidate]:
    chosen: list[Candidate] = []
    near = 10.0 * SAME_POINT * (1.0 + float(X.abs().max()))
    for k in torch.argsort(values).tolist():
        if not bool(X[k].isfinite().all()):
            continue
        for i, known in enumerate(chosen):
            if float((X[k] - known.x).abs().max()) <= near:
                chosen[i] = known._replace(starts=known.starts + 1)
                break
        else:
            if len(chosen) < keep:
                chosen.append(Candidate(X[k], Y[k]))
            else:
                i = min(range(keep), key=lambda i: float((X[k] - chosen[i].x).abs().max()))
                chosen[i] = chosen[i]._replace(starts=chosen[i].starts + 1)
    return chosen or [Candidate(X[0], Y[0])]
