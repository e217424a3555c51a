"""``light-bridge``: the entropic plan between two clouds as a Gaussian mixture, which can be sampled and applied to
new points; and with it the Schroedinger bridge between them.

The plan is ``pi(y | x) ~ exp(<x, y> / e) v(y)``, ``v = sum_k w_k N(r_k, e S_k)`` with diagonal S_k, hence
``pi(y | x) = sum_k p_k(x) N(r_k + S_k x, e S_k)``, ``log p_k = log w_k + (x' S_k x + 2 r_k' x) / (2 e) + const``.
Fitted by minimizing ``E_x log c(x) - E_y log v(y)``, ``c`` being the normalization of pi: up to a constant, KL(optimal
plan | model) (Korotin, Gushchin, Burnaev, Light Schroedinger Bridge, ICLR 2024, propositions 3.1 to 3.3). Here e is
half of the problem's epsilon, since the problem's cost is |x - y|^2, the paper's half of it.

The fit is full-batch L-BFGS with analytic gradients, on centred data: each evaluation is six products of (n, d) with
(d, K) matrices. Predicted for n = m = 1000, K = 20, d = 2: 2 ms an evaluation, 0.5 s in all; the paper takes 10,000
Adam steps.

What is answered is certified like any plan: the model's potential gives a plan of the given points, evaluated as
``sinkhorn-newton`` evaluates its own; ``parameters`` hold the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from solvers.core.engine import Context, EngineSpec, LocalContext, Option
from solvers.core.errors import UnsupportedProblem
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered, begin
from solvers.transport.numerics.watch import Stopped, Watch
from solvers.transport.problem import Transport

MOST_ITERATIONS = 2000


class LightBridge:
    """See the module."""

    spec = EngineSpec(
        id="light-bridge",
        family="transport",
        version="1",
        title="Light Schroedinger bridge",
        summary="A Gaussian-mixture plan between point clouds that can be sampled at new points, and its bridge",
        solves=frozenset({"points", "balanced", "entropic"}),
        capabilities=frozenset({"potentials", "progress", "deterministic", "sampling"}),
        options=(Option("components", "integer", 20, "Gaussians of the mixture", minimum=1, maximum=10_000),),
        process_group="torch",
        citation="arXiv:2310.01174",
    )

    def check(self, problem: Transport) -> None:
        """Raises UnsupportedProblem for another cost than the squared distance."""
        if problem.cost != "sqeuclidean":
            raise UnsupportedProblem("the bridge has cost sqeuclidean", pointer="/cost", hint="cost 'sqeuclidean'")

    def solve(self, problem: Transport, options: Mapping[str, Any], context: Context) -> TransportAnswer:
        """See ``Engine``. ``parameters``: log_weights (K,), centres (K, d), scales (K, d) (diagonals of S_k), epsilon
        (1,).

        Raises:
            UnsupportedProblem, InvalidOption, OutOfMemory.
        """
        values = begin(self.spec, problem, options)
        self.check(problem)
        watch = Watch(context, time_limit=values["time_limit"], keep_log=values["log"])
        assert problem.x is not None
        assert problem.y is not None
        a, b = problem.a / problem.a.sum(), problem.b / problem.b.sum()
        epsilon = _strength(problem, a, b)
        fit = _Fit(problem.x, problem.y, a, b, 0.5 * epsilon, values, watch)
        try:
            fit.run(values["iteration_limit"] or MOST_ITERATIONS)
        except Stopped:
            fit.ended = "stopped"
        statistics = {"iterations": fit.evaluations, "loss": fit.best_loss, "components": fit.K}
        if fit.best is None:
            return answered(
                self.spec, "no-solution", watch.limit, statistics=statistics, message="stopped before the first step"
            )
        parameters = fit.parameters()
        found = _discrete(problem, parameters, epsilon, values)
        watch.end(iterations=fit.evaluations, objective=found["objective"], bound=found["objective_bound"])
        reached = found["marginal_error"] <= values["marginal_tolerance"] * float(problem.a.sum())
        assert problem.regularization is not None
        return answered(
            self.spec,
            "optimal" if reached and watch.limit is None else "feasible",
            watch.limit,
            **found,
            epsilon_from="relative" if problem.regularization.relative else "problem",
            parameters=parameters,
            statistics={**statistics, "seconds": watch.seconds, "trace": watch.trace},
            message=f"mixture of {fit.K} Gaussians, {fit.ended} after {fit.evaluations} evaluations",
        )


def conditional(parameters: Mapping[str, np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``p_k(x)`` (n, K) and the component means ``r_k + S_k x`` (n, K, d); covariances are ``epsilon * scales``."""
    scales, centres, epsilon = parameters["scales"], parameters["centres"], float(parameters["epsilon"][0])
    logits = parameters["log_weights"] + ((x * x) @ scales.T + 2.0 * (x @ centres.T)) / (2.0 * epsilon)
    shares: np.ndarray = softmax(logits, axis=1)
    return shares, centres + scales * x[:, None, :]


def sample(parameters: Mapping[str, np.ndarray], x: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """``count`` draws of ``y ~ pi(. | x)`` for each x: (n, count, d)."""
    random = np.random.default_rng(seed)
    shares, means = conditional(parameters, x)
    spread = np.sqrt(float(parameters["epsilon"][0]) * parameters["scales"])
    upper = shares.cumsum(axis=1)
    uniform = random.random((len(x), count)) * upper[:, -1:]
    which = (uniform[:, :, None] > upper[:, None, :]).sum(axis=2).clip(max=shares.shape[1] - 1)
    noise = random.standard_normal((len(x), count, x.shape[1]))
    drawn: np.ndarray = means[np.arange(len(x))[:, None], which] + spread[which] * noise
    return drawn


def drift(parameters: Mapping[str, np.ndarray], x: np.ndarray, t: float) -> np.ndarray:
    """The bridge's drift at points (n, d) and time 0 <= t < 1: ``(E[x_1 | x_t = x] - x) / (1 - t)``, for the diffusion
    ``dx = drift dt + sqrt(epsilon) dW``.

    Given x_t, the end has the density ``N(y | x, e (1-t)) exp(|y|^2 / 2e) v(y)``: again a mixture, whose components
    have the precisions ``A = t / (e (1-t)) + 1 / (e S)`` and means ``h / A``, ``h = x / (e (1-t)) + r / (e S)``.
    """
    scales, centres, epsilon = parameters["scales"], parameters["centres"], float(parameters["epsilon"][0])
    left = epsilon * (1.0 - t)
    precision = t / left + 1.0 / (epsilon * scales)
    h = x[:, None, :] / left + centres / (epsilon * scales)
    logs = parameters["log_weights"] + 0.5 * (
        h * h / precision - np.log(precision) - centres**2 / (epsilon * scales) - np.log(epsilon * scales)
    ).sum(axis=2)
    shares = softmax(logs, axis=1)
    ends = (shares[:, :, None] * (h / precision)).sum(axis=1)
    velocity: np.ndarray = (ends - x) / (1.0 - t)
    return velocity


class _Fit:
    """The minimization. Data are centred; ``parameters`` undoes it."""

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        a: np.ndarray,
        b: np.ndarray,
        epsilon: float,
        values: dict[str, Any],
        watch: Watch,
    ) -> None:
        self.middle_x, self.middle_y = a @ x, b @ y
        self.x, self.y, self.a, self.b = x - self.middle_x, y - self.middle_y, a, b
        self.epsilon, self.watch = epsilon, watch
        self.K = min(values["components"], int((b > 0.0).sum()))
        self.d = x.shape[1]
        self.xx, self.yy = self.x * self.x, self.y * self.y
        self.best: np.ndarray | None = None
        self.best_loss = math.inf
        self.evaluations = 0
        self.ended = "stopped"
        self.start = self._start(np.random.default_rng(values["seed"]))

    def _start(self, random: np.random.Generator) -> np.ndarray:
        """Centres at targets far from each other (k-means++), scales of the map between two Gaussians."""
        variance_x = np.maximum(self.a @ self.xx, 1e-12)
        variance_y = np.maximum(self.b @ self.yy, 1e-12)
        # C^2 + e C = var_x var_y is the covariance of the plan between Gaussians; the slope is C / var_x
        covariance = 0.5 * (np.sqrt(self.epsilon**2 + 4.0 * variance_x * variance_y) - self.epsilon)
        slope = np.maximum(covariance / variance_x, 1e-6)
        chosen = [int(random.choice(len(self.y), p=self.b))]
        distance = ((self.y - self.y[chosen[0]]) ** 2).sum(axis=1)
        while len(chosen) < self.K:
            weight = self.b * distance
            weight = weight / weight.sum() if weight.sum() > 0.0 else self.b
            chosen.append(int(random.choice(len(self.y), p=weight)))
            distance = np.minimum(distance, ((self.y - self.y[chosen[-1]]) ** 2).sum(axis=1))
        centres = self.y[chosen] * (1.0 if self.K > 1 else 0.0)
        scales = np.tile(slope / (1.0 if self.K == 1 else 2.0), (self.K, 1))
        return np.concatenate([np.zeros(self.K), centres.ravel(), np.log(scales).ravel()])

    def run(self, most: int) -> None:
        found = minimize(
            self.loss,
            self.start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": most, "maxfun": 2 * most, "maxcor": 30, "ftol": 1e-14, "gtol": 1e-9},
        )
        self.ended = "converged" if found.success else "ended"

    def split(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        K, d = self.K, self.d
        return theta[:K], theta[K : K + K * d].reshape(K, d), np.exp(theta[K + K * d :].reshape(K, d).clip(-30.0, 30.0))

    def loss(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """``E_x log c - E_y log v`` and its gradient in (log w, r, log S)."""
        self.watch.check()
        e = self.epsilon
        logs, r, S = self.split(theta)
        in_c = logs + (self.xx @ S.T + 2.0 * (self.x @ r.T)) / (2.0 * e)
        norms = -0.5 * (np.log(2.0 * np.pi * e * S) + r * r / (e * S)).sum(axis=1)
        in_v = logs + norms - (self.yy @ (1.0 / S).T - 2.0 * (self.y @ (r / S).T)) / (2.0 * e)
        log_c, log_v = logsumexp(in_c, axis=1), logsumexp(in_v, axis=1)
        value = float(self.a @ log_c - self.b @ log_v)
        p = self.a[:, None] * np.exp(in_c - log_c[:, None])
        q = self.b[:, None] * np.exp(in_v - log_v[:, None])
        mass_p, mass_q = p.sum(axis=0), q.sum(axis=0)
        moved, reached = p.T @ self.x, q.T @ self.y
        gradient_r = moved / e - (reached - mass_q[:, None] * r) / (e * S)
        squares = q.T @ self.yy - 2.0 * r * reached + mass_q[:, None] * r * r
        gradient_s = (p.T @ self.xx) * S / (2.0 * e) - (squares / (e * S) - mass_q[:, None]) / 2.0
        self.evaluations += 1
        if value < self.best_loss:
            self.best_loss, self.best = value, theta.copy()
        self.watch.note(iterations=self.evaluations, loss=value)
        return value, np.concatenate([mass_p - mass_q, gradient_r.ravel(), gradient_s.ravel()])

    def parameters(self) -> dict[str, np.ndarray]:
        """The best model in the coordinates of the problem."""
        assert self.best is not None
        logs, r, S = self.split(self.best)
        x = self.middle_x
        logs = logs + ((S * x * x) - 2.0 * r * x).sum(axis=1) / (2.0 * self.epsilon)
        return {
            "log_weights": logs - logsumexp(logs),
            "centres": r + self.middle_y - S * x,
            "scales": S,
            "epsilon": np.array([self.epsilon]),
        }


def _strength(problem: Transport, a: np.ndarray, b: np.ndarray) -> float:
    assert problem.regularization is not None
    assert problem.x is not None
    assert problem.y is not None
    if not problem.regularization.relative:
        return problem.regularization.strength
    x, y = problem.x - b @ problem.y, problem.y - b @ problem.y
    mean = float(a @ (x * x).sum(axis=1) + b @ (y * y).sum(axis=1) - 2.0 * (a @ x) @ (b @ y))
    return problem.regularization.strength * (mean if mean > 0.0 else 1.0)


def _discrete(
    problem: Transport, parameters: dict[str, np.ndarray], epsilon: float, values: dict[str, Any]
) -> dict[str, Any]:
    """The plan of the given points that the model's potential ``f = |x|^2 - epsilon log c(x)`` describes, evaluated."""
    import torch

    from solvers.transport.numerics.finish import evaluate
    from solvers.transport.numerics.geometry import Geometry
    from solvers.transport.numerics.passes import Passes
    from solvers.transport.numerics.setup import prepare

    setup = prepare(problem, {**values, "device": "cpu"}, flip=False)
    assert problem.x is not None
    assert problem.y is not None
    x, y = problem.x[setup.rows], problem.y[setup.columns]
    half = float(parameters["epsilon"][0])
    logits = parameters["log_weights"] + ((x * x) @ parameters["scales"].T + 2.0 * (x @ parameters["centres"].T)) / (
        2.0 * half
    )
    f = (x * x).sum(axis=1) - epsilon * logsumexp(logits, axis=1)
    swapped = Geometry(y, x, None, "sqeuclidean", 2.0, device=torch.device("cpu"), keep=False)
    reach = torch.from_numpy(f) / epsilon + setup.a.log()
    g = torch.empty_like(setup.b)
    for rows in swapped.tiles():
        g[rows] = -epsilon * torch.logsumexp(reach - swapped.tile(rows) / epsilon, 1)
    passes = Passes(setup.geometry, setup.a, setup.b, Watch(LocalContext()), keep=setup.keep)
    return evaluate(setup, passes, passes.state(g, epsilon), regularized=True)


ENGINE = LightBridge()
