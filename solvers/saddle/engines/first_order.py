"""The loop around a first-order step: averages and restarts where f is convex-concave, a time scale where it is not.

Convex-concave: the average of an epoch's points (weighted by their steps) is looked at beside the last point; when
the better of the two has less than a fifth of the residual at the last restart (or four fifths, and no longer falls),
the epoch ends there, which makes sublinear methods linear on sharp problems (Applegate, Hinder, Lu, Lubin 2023). At
each restart the ratio of both players' step sizes moves half way to that of their movements (PDLP's primal weight).

Otherwise: the maximizing player's steps are ``timescale`` times those of the other one (two-timescale extragradient
converges to local minimax points for large ratios: Chae, Kim, Kim 2024). After a window without progress the next ratio
is tried from the best point so far, for a longer window.
As soon as points are near, Newton's method on the active set finishes, if it lowers the residual.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from solvers.saddle.answer import SaddleAnswer
from solvers.saddle.polish import polished
from solvers.saddle.run import Run

LOOK_EVERY = 10
WINDOW = 300.0
ITERATIONS = 100_000
POLISH_BELOW = 1e-1
#: Of step sizes, tried in turn where f is not convex-concave.
RATIOS = (4.0, 16.0, 64.0, 1.0, 256.0)
SMALLEST_STEP = 1e-14
#: Points this many times farther out than the start, with half of its residual still there, after so many iterations:
#: the game has no saddle point, or one that nothing leads to.
FAR, PATIENCE = 1e3, 1000
#: From here on it is at least said.
SUSPECT = 1e2


class Method(Protocol):
    """One way to step.

    Attributes:
        z: the newest point.
        middle: what averages are made of.
        step: the newest step size.
    """

    z: np.ndarray
    middle: np.ndarray
    step: float

    def begin(self, z: np.ndarray, scale: np.ndarray) -> None:
        """At z, with step sizes of the coordinates in the ratio of ``scale``."""
        ...

    def advance(self) -> None:
        """One step."""
        ...


def scales(n: int, m: int, ratio: float) -> np.ndarray:
    """The maximizing player's steps are ``ratio`` times the other's; their geometric mean is 1."""
    root = np.sqrt(ratio)
    return np.concatenate([np.full(n, 1.0 / root), np.full(m, root)])


def iterate(run: Run, method: Method, timescale: float | None) -> SaddleAnswer:
    """Run a method to the tolerance or a limit."""
    problem, oracle = run.problem, run.problem.oracle
    averaging = problem.convex_concave
    ratio = timescale or (1.0 if averaging else RATIOS[0])
    z = problem.sets.project(problem.start)
    start = z
    value, slope = oracle.operator(z)
    first = last = run.look(z, value, slope, timescale=ratio)
    if not np.isfinite(last):
        return run.answer("not-verified", message="the objective or its gradient has no finite value at the start")
    method.begin(z, scales(problem.n, problem.m, ratio))
    total, weight, epoch, restarts = np.zeros_like(z), 0.0, 0, 0
    before, polish_below = np.inf, POLISH_BELOW
    window, window_best = WINDOW, last
    goal = 0.1 * run["tolerance"]
    message = ""
    while not run.over() and run.residual > goal:
        if run.iterations >= ITERATIONS:
            message = "no convergence within the iterations that an engine takes by itself"
            break
        run.iterations += 1
        epoch += 1
        method.advance()
        total += method.step * method.middle
        weight += method.step
        if run.iterations % LOOK_EVERY:
            continue
        value, slope = oracle.operator(method.z)
        found = run.look(method.z, value, slope, timescale=ratio, step=method.step)
        candidate = method.z
        if run.iterations >= PATIENCE and run.residual > 0.5 * first and _distance(run, method.z) > FAR:
            break
        if not np.isfinite(found) or method.step < SMALLEST_STEP:
            message = "no step is short enough: the gradients change without bound"
            break
        if averaging:
            mean = problem.sets.project(total / weight)
            value, slope = oracle.operator(mean)
            of_mean = run.look(mean, value, slope, timescale=ratio, step=method.step)
            if of_mean < found:
                candidate, found = mean, of_mean
        if found <= polish_below:
            trial = polished(problem, candidate)
            value, slope = oracle.operator(trial)
            run.look(trial, value, slope, timescale=ratio, step=method.step)
            polish_below = min(polish_below, found) / 10.0
            if run.residual <= goal:
                break
        if averaging:
            falling = found < before
            enough = found <= 0.2 * last or (found <= 0.8 * last and not falling)
            if enough or epoch >= max(LOOK_EVERY, 0.36 * run.iterations):
                ratio = _rebalanced(ratio, candidate - start, problem.n) if timescale is None else ratio
                method.begin(candidate, scales(problem.n, problem.m, ratio))
                start, last, before = candidate, found, np.inf
                total, weight, epoch = np.zeros_like(z), 0.0, 0
                restarts += 1
            else:
                before = found
        elif epoch >= window:
            if run.residual > 0.7 * window_best and timescale is None:
                restarts += 1
                ratio, window = RATIOS[restarts % len(RATIOS)], window * 1.5
                method.begin(run.best, scales(problem.n, problem.m, ratio))
            window_best, epoch = run.residual, 0
    if not message and _distance(run, method.z) > SUSPECT and (run.residual > goal or _distance(run, run.best) > FAR):
        who = (
            "minimizing" if np.abs(method.z[: problem.n]).max() >= np.abs(method.z[problem.n :]).max() else "maximizing"
        )
        message = (
            f"the {who} player's variables run away ({np.abs(method.z).max():.1g}) and no saddle point came nearer: the"
            " game seems to be unbounded; give the variables bounds"
        )
    return run.answer(message=message, statistics={"restarts": restarts, "timescale": ratio})


def _distance(run: Run, z: np.ndarray) -> float:
    """Of z's largest entry, in units of the start's."""
    return float(np.abs(z).max(initial=0.0)) / (1.0 + float(np.abs(run.problem.start).max(initial=0.0)))


def _rebalanced(ratio: float, moved: np.ndarray, n: int) -> float:
    x, y = float(np.linalg.norm(moved[:n])), float(np.linalg.norm(moved[n:]))
    if min(x, y) <= 1e-10 * max(x, y, 1e-300):
        return ratio
    return float(np.clip(np.exp(0.5 * np.log(y / x) + 0.5 * np.log(ratio)), 1e-4, 1e4))
