"""The annealed semi-dual Newton method: epsilon falls by a factor, sweeps and Newton steps restore the marginals at
each level."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from solvers.transport.numerics.newton import Newton, Step
from solvers.transport.numerics.passes import Passes, State
from solvers.transport.numerics.relaxed import relax, relaxed_state
from solvers.transport.numerics.sweeps import sweep

#: Marginal error at which a level that is not the last is left. Tighter levels cost few Newton steps and save many
#: later: measured at n = 1000, d = 2, epsilon = 1e-3 of the mean cost, 0.25 s against 1.0 s with sweeps alone between
#: levels.
LEVEL_ERROR = 0.005

#: Sweeps at the beginning of a level, in memory and streamed (where each is a whole pass).
SWEEPS, STREAMED_SWEEPS = 10, 3

#: Newton steps at one level before a level in between is tried instead; and the smallest useful step length.
MOST_STEPS = 40
SHORTEST, SHORTEST_FREE = 0.02, 1e-3

#: Added to the Hessian where marginals are free, as parts of its diagonal, one after the other until a step helps: a
#: part of the plan that nothing holds makes it singular.
DAMPINGS = (0.0, 1e-6, 1e-3, 0.1)

#: Sweeps where Newton's method finds no step and marginals are free.
RESCUE_SWEEPS = 100

#: Over-relaxed sweeps at a level, how often their scalings are absorbed, and the part of a fine error that they aim at:
#: the repair of what they leave is then no more than rounding.
MOST_RELAXED, ABSORPTIONS, RELAXED_ERROR, FINE = 400, 4, 0.1, 1e-6

#: Longest step of a potential at first, in units of epsilon, and its growth. Where parts of a plan are as good as
#: apart, Newton's direction only says who must come nearer, and may be 1e10 epsilons long.
REACH, GROWTH = 100.0, 4.0

#: Levels closer than this ratio are not divided further.
CLOSEST = 1.05


@dataclass
class Anneal:
    """One run over falling epsilons. ``newton_steps``, ``sweeps`` and ``line_searches`` count."""

    passes: Passes
    newton: Newton
    #: What errors are relative to where mass may be made.
    mass: float = 1.0
    most_steps: float = math.inf
    newton_steps: int = 0
    sweeps: int = 0
    state: State | None = None
    finished: float = math.inf
    #: See ``REACH``.
    reach: float = REACH
    #: The newest step was as long as that.
    limited: bool = False
    #: Called with each level's state; True ends the run.
    enough: Callable[[State], bool] = field(default=lambda _: False)

    def run(self, g: torch.Tensor, schedule: list[float], error_at: Callable[[float], float]) -> bool:
        """Through the schedule (falling epsilons) from g; ``error_at(e)`` is the marginal error wanted at a level.

        True if the last level was reached with its error, or ``enough`` said so. ``state`` is the last consistent one,
        also after a Stopped exception.
        """
        todo = list(reversed(schedule))
        while todo:
            epsilon = todo.pop()
            if self._level(g, epsilon, error_at(epsilon)):
                assert self.state is not None
                g, self.finished = self.state.g, epsilon
                if self.enough(self.state):
                    return True
                continue
            if self.newton_steps >= self.most_steps or not math.isfinite(self.finished):
                return False
            between = math.sqrt(self.finished * epsilon)
            if self.finished / between < CLOSEST:
                return False
            todo += [epsilon, between]
        return True

    def _level(self, g: torch.Tensor, epsilon: float, wanted: float) -> bool:
        """Marginals at one epsilon, from g. Puts the best state into ``state``."""
        state = self.passes.state(g, epsilon)
        if self.state is None:
            self.state = state
        if self.passes.exact and state.P is not None:
            state = self._relaxed(state, wanted)
        else:
            g, _, made = sweep(self.passes, state, SWEEPS if self.passes.keep else STREAMED_SWEEPS, 0.5 * wanted)
            self.sweeps += made
            near = state.f
            self.passes.release(state)
            state = self._shifted(self.passes.state(g, epsilon, near))
        self._take(state)
        steps, slow = 0, 0
        while state.error > wanted * self._grown(state):
            if steps >= MOST_STEPS or self.newton_steps >= self.most_steps:
                return False
            if slow >= 4:
                swept = None if self.passes.exact else self._swept(state, wanted)
                if swept is None:
                    return False
                state, slow = swept, 0
                continue
            before = state.error
            better = self._step(state)
            if better is None:
                better = None if self.passes.exact else self._swept(state, wanted)
                if better is None:
                    return False
            state = better
            self._take(state)
            steps += 1
            slow = slow + 1 if state.error > 0.9 * before and not self.limited else 0
        return math.isfinite(state.error)

    def _shifted(self, state: State) -> State:
        """The better of the state and the one with the constant that is best while f loses it."""
        g = self.newton.shifted(state.g, state.f, state.epsilon)
        if g is state.g:
            return state
        other = self.passes.state(g, state.epsilon, state.f)
        worse = other if other.value < state.value or not math.isfinite(other.error) else state
        self.passes.release(worse)
        return state if worse is other else other

    def _relaxed(self, state: State, wanted: float) -> State:
        """The state after over-relaxed sweeps: often all that is needed."""
        for _ in range(ABSORPTIONS):
            found = relax(self.passes, state, MOST_RELAXED, (0.5 if wanted > FINE else RELAXED_ERROR) * wanted)
            self.sweeps += found.made
            if self.state is state:
                self.state = None
            state = relaxed_state(self.passes, state, found)
            if self.state is None:
                self.state = state
            if found.ending != "absorb":
                break
        return state

    def _grown(self, state: State) -> float:
        """Where mass may be made there may be more of it than there was, and errors are relative to that."""
        if self.passes.exact:
            return 1.0
        return max(1.0, float(state.columns.sum()) / self.mass)

    def _step(self, state: State) -> State | None:
        """A Newton step with backtracking; None if no step length helps."""
        passes = self.passes
        for damping in (0.0,) if passes.exact else DAMPINGS:
            step = self.newton.step(state, damping)
            self.newton_steps += 1
            longest = length = self._longest(state, step)
            while length >= (SHORTEST if passes.exact else SHORTEST_FREE) * longest:
                trial = passes.state(step.at(length), state.epsilon, state.f)
                # close to the optimum values agree in all digits, and the error decides
                rising = trial.value >= state.value + 1e-4 * step.rise(trial.g) - 1e-14 * abs(state.value)
                nearer = trial.error < 0.5 * state.error
                if not passes.exact:  # a plan without mass has no error either
                    nearer = nearer and trial.value >= state.value - 1e-10 * abs(state.value)
                if nearer or (rising and math.isfinite(trial.error)):
                    self.limited = longest < 1.0
                    self.reach *= GROWTH if length == longest else max(length / longest, 1.0 / GROWTH)
                    self.reach = max(self.reach, REACH) if self.limited else REACH
                    return trial
                passes.release(trial)
                length *= 0.5
        return None

    def _longest(self, state: State, step: Step) -> float:
        """The first length to try."""
        size = float((step.at(1.0) - state.g).abs().max())
        return min(1.0, self.reach * state.epsilon / size) if math.isfinite(size) and size > 0.0 else 1.0

    def _swept(self, state: State, wanted: float) -> State | None:
        """The state after more sweeps, where a potential that is held or clipped stops Newton's method; None if they
        don't help either."""
        before, near = state.error, state.f
        g, _, made = sweep(self.passes, state, RESCUE_SWEEPS, wanted)
        self.sweeps += made
        self.passes.release(state)
        found = self.passes.state(g, state.epsilon, near)
        self._take(found)
        return found if found.error < 0.9 * before else None

    def _take(self, state: State) -> None:
        if self.state is not None and self.state is not state:
            self.passes.release(self.state)
        self.state = state
        self.passes.watch.note(
            epsilon=state.epsilon,
            marginal_error=state.error,
            iterations=self.newton_steps,
            sweeps=self.sweeps,
        )
