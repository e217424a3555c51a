"""What an engine answers about a transport problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from solvers.transport.plan import Plan

#: ``optimal``: within the asked tolerance of the optimum of the problem as posed. ``feasible``: a plan (its marginals
#: repaired) that is not shown to be so good. ``imprecise``: the engine says optimal, but a check failed.
Status = Literal["optimal", "feasible", "imprecise", "no-solution", "error"]
Limit = Literal["time", "iterations", "memory", "cancelled", "beaten", "slow-progress", "other"]


@dataclass(frozen=True)
class TransportAnswer:
    """What an engine answers. Absent parts are None; an engine never invents one.

    Two pairs of numbers enclose two optima. ``bound <= optimum <= cost`` for the problem without its regularization;
    ``objective_bound <= optimum <= objective`` for the regularized one. Penalties of unbalanced marginals count
    in all four.

    Attributes:
        status, limit: how and why the solve ended.
        cost: ``<M, plan>`` (+ penalties) of ``plan``, whose marginals are exact up to rounding.
        bound: a lower bound on the unregularized optimum, from the potentials made feasible (c-transform).
        objective, objective_bound: primal and dual value of the regularized problem; None if it has no regularization.
        epsilon: the strength of the regularization that the engine worked with, in units of the cost; None or 0 if
            none. It is the problem's own, or one that was chosen to reach ``tolerance``: ``epsilon_from`` says which.
        epsilon_from: ``"problem"``, ``"relative"`` (problem's, times the mean cost), ``"tolerance"`` (chosen), or "".
        plan: see solvers.transport.plan; never larger than O(n + m + non-zeros).
        f, g: (n,) and (m,) potentials, in the sign where ``f_i + g_j <= M_ij`` is dual feasible. For entropic problems
            ``P_ij = a_i b_j exp((f_i + g_j - M_ij) / epsilon)``; for quadratic ones
            ``P_ij = max(f_i + g_j - M_ij, 0) / epsilon``.
            In partial problems g contains the multiplier v of the mass: the dual value is the largest over v of
            ``<a, min(f, 0)> + <b, min(g - v, 0)> + v mass`` (regularized: less ``epsilon * (sum P - sum a sum b)``).
        marginal_error: ``sum |P 1 - a| + sum |P' 1 - b|`` of the plan described by the potentials, before repair; for
            unbalanced problems the residual of the optimality conditions instead, in the same units of mass.
        support: (s, d) points and ``weights`` (s,) of a barycenter.
        parameters: of a fitted model (Schroedinger bridge), arrays by name.
        batch: for a TransportBatch one answer for each problem, in order.
        statistics: sweeps, newton steps, seconds, non-zeros... what the engine counts; ``"trace"``, where kept, is a
            list of ``[seconds, marginal_error]`` for convergence plots.
        message: how it ended, in a sentence for people.
        engine, engine_version: who answered.
        why: why this engine (and epsilon) was chosen.
    """

    status: Status
    limit: Limit | None = None
    cost: float | None = None
    bound: float | None = None
    objective: float | None = None
    objective_bound: float | None = None
    epsilon: float | None = None
    epsilon_from: str = ""
    plan: Plan | None = None
    f: np.ndarray | None = None
    g: np.ndarray | None = None
    marginal_error: float | None = None
    support: np.ndarray | None = None
    weights: np.ndarray | None = None
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    batch: tuple[TransportAnswer, ...] = ()
    statistics: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    engine: str = ""
    engine_version: str = ""
    why: str = ""

    @property
    def gap(self) -> float | None:
        """``(cost - bound) / max(|cost|, |bound|)``, 0 if both are 0; None unless both are known and finite."""
        return relative_gap(self.cost, self.bound)

    @property
    def objective_gap(self) -> float | None:
        """The same of the regularized problem."""
        return relative_gap(self.objective, self.objective_bound)


def relative_gap(upper: float | None, lower: float | None) -> float | None:
    """``(upper - lower) / max(|upper|, |lower|)``; None unless both are finite."""
    if upper is None or lower is None or not np.isfinite([upper, lower]).all():
        return None
    scale = max(abs(upper), abs(lower))
    return (upper - lower) / scale if scale > 0.0 else 0.0
