"""What the methods share that move both levels at once: the loop over a batch of starts, its stop and its report."""

from __future__ import annotations

from collections.abc import Callable

import torch

from solvers.bilevel.answer import BilevelAnswer
from solvers.bilevel.engines.adam import Adam
from solvers.bilevel.engines.run import Candidate, Run

#: Steps without an option, and how many of them make a window.
STEPS, WINDOW = 5000, 100
#: A window that gains less than this share of the objective halves the step of x; at this share of it the loop ends.
PLATEAU, LEAST_RATE = 1e-5, 1e-3

Step = Callable[[int, "torch.Tensor"], tuple["torch.Tensor", "torch.Tensor", "torch.Tensor", float, float]]
"""Number of the step and X (B, n), to: next X, Y (B, m), upper values (B,), lower residual, penalty."""


def iterate(
    run: Run, X: torch.Tensor, step: Step, *, phase: str, adam: Adam | None = None, steps: int = STEPS
) -> BilevelAnswer:
    """Steps until the upper level no longer gains with a small step, the iteration limit, or a stop.

    Args:
        adam: the rule of x, whose steps are halved, for each start, when a window of steps has gained little: with
            a constant step Adam circles around the solution.
    """
    limit = steps if run.settings["iteration_limit"] is None else run.settings["iteration_limit"]
    Y = run.starts()[1]
    first = None if adam is None else adam.rate.clone()
    mark, mean = X.clone(), None
    window: list[torch.Tensor] = []
    for k in range(limit):
        if run.stopping() is not None:
            break
        run.iterations += 1
        before = X, Y
        X, Y, values, residual, penalty = step(k, X)
        # a start whose steps have left the numbers goes on from where it was
        bad = ~(X.isfinite().all(dim=1) & Y.isfinite().all(dim=1))[:, None]
        X, Y = torch.where(bad, before[0], X), torch.where(bad, before[1], Y)
        values = torch.nan_to_num(values, nan=1e300, posinf=1e300, neginf=-1e300)
        window.append(values)
        run.report(objective=float(values.min()), lower_residual=residual, penalty=penalty, phase=phase)
        if len(window) < WINDOW:
            continue
        now, window = torch.stack(window).mean(dim=0), []
        if float((X - mark).abs().max()) <= 1e-8 * (1.0 + float(X.abs().max())):
            break
        if adam is not None and first is not None and mean is not None:
            gained = (mean - now) > PLATEAU * (1.0 + now.abs())
            adam.rate = torch.where(gained[:, None], adam.rate, 0.5 * adam.rate)
            if bool((adam.rate <= LEAST_RATE * first).all()):
                break
        mark, mean = X.clone(), now
    else:
        run.limit = run.limit or "iterations"
    return run.finish([Candidate(x, y) for x, y in zip(X.detach(), Y.detach(), strict=True)])


def finite(gradient: torch.Tensor) -> torch.Tensor:
    """A step that is not finite is none."""
    return torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
