"""A start for large problems: the same problem on a sample of its points, whose potentials extend to all points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from solvers.transport.numerics.anneal import LEVEL_ERROR, Anneal
from solvers.transport.numerics.geometry import Geometry
from solvers.transport.numerics.newton import Newton
from solvers.transport.numerics.passes import Passes
from solvers.transport.numerics.setup import Setup
from solvers.transport.numerics.sweeps import levels
from solvers.transport.numerics.watch import Watch

#: Points of the sample, and the smallest problem for which it pays.
SAMPLE = 1500
WORTH = 6000


@dataclass
class Coarse:
    """Potentials of all columns, and the epsilon to which they belong."""

    g: torch.Tensor
    epsilon: float


def coarse(setup: Setup, smallest: float, values: dict[str, Any], watch: Watch) -> Coarse | None:
    """A start at ``smallest`` or the smallest epsilon that the sample reaches; None for small problems and matrices.

    One soft c-transform from the sampled sources to all targets: O(m) times the sample.
    """
    problem = setup.problem
    if (
        problem.x is None
        or problem.y is None
        or problem.cost == "matrix"
        or problem.variant != "balanced"
        or min(setup.geometry.n, setup.geometry.m) < WORTH
    ):
        return None
    random = np.random.default_rng(values["seed"])
    x, y = (problem.y, problem.x) if setup.flipped else (problem.x, problem.y)
    a, b = setup.a.cpu().numpy(), setup.b.cpu().numpy()
    rows = np.sort(random.choice(len(a), SAMPLE, p=a / a.sum()))
    columns = np.sort(random.choice(len(b), SAMPLE, p=b / b.sum()))
    device = setup.a.device
    few, uniform = x[setup.rows[rows]], torch.full((SAMPLE,), 1.0 / SAMPLE, dtype=torch.float64, device=device)
    geometry = Geometry(few, y[setup.columns[columns]], None, problem.cost, problem.p, device=device, keep=True)
    run = Anneal(
        Passes(geometry, uniform, uniform, watch, keep=True),
        Newton(Passes(geometry, uniform, uniform, watch, keep=True)),
    )
    run.run(torch.zeros_like(uniform), levels(geometry.spread(), smallest), lambda _: LEVEL_ERROR)
    state = run.state
    if state is None or not np.isfinite(run.finished):
        return None
    everywhere = Geometry(y[setup.columns], few, None, problem.cost, problem.p, device=device, keep=False)
    reach = state.f / state.epsilon + uniform.log()
    g = torch.empty_like(setup.b)
    for part in everywhere.tiles():
        watch.check()
        g[part] = -state.epsilon * torch.logsumexp(reach - everywhere.tile(part) / state.epsilon, 1)
    return Coarse(g, state.epsilon)
