"""Bayesian optimization with Gaussian processes: the default engine.

Matern-5/2 models of objectives, constraints and failures (in studies with constraints the Gaussian kernel, where the
evidence is for it); log expected improvement (hypervolume improvement for several objectives) times the probability of
feasibility; points under way are believed to come out as predicted.

Floor for n trials in d dimensions: a fit is about 40 evaluations of 2 n^3 flops, the search about 200 of 2 n^2: on one
core of 10 GFlop/s 30 ms at n = 200, of which a third is Python's own time. Beyond 300 trials hyperparameters see 300
of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.acquisition.composite import LogImprovement
from solvers.studies.acquisition.hypervolume import nondominated
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array, Mask
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import ENUMERABLE
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.engines.fidelity import Fidelities
from solvers.studies.engines.random_search import Random
from solvers.studies.gp.kernel import square_distances
from solvers.studies.gp.surrogate import Surrogate, model
from solvers.studies.outcomes import Scale
from solvers.studies.parameters import Value
from solvers.studies.study import Study

#: A front of more points than this is thinned for the partition into boxes.
_FRONT_LIMIT = 50
#: An expected improvement of less than this (logarithm, in standard deviations of the values) counts as convergence.
_LITTLE = -4.0
_NOTHING = -6.0
#: Points at least this many lengthscales from the incumbent (correlation below 0.14) belong to another basin.
_OTHER_BASIN = 2.0
#: With constraints, standard deviations count so many times when something else is looked for: the edge of what is
#: feasible is where the model is wrong, and a second basin of known points was polished in vain (Townsend's function).
_DOUBT = 4.0


class GaussianProcess(Random):
    """The advisor of the engine ``gp``. Its initial design is the centre of the space, then random points: on functions
    with a broad false basin an even design led into it more often (10 of 16 seeds on Hartmann6, against 5)."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        if not 1 <= len(study.objectives) <= 3:
            raise UnsupportedProblem(
                f"gp takes one to three objectives, not {len(study.objectives)}", pointer="/objectives", hint="tpe"
            )
        self.initial = options["initial"] or min(max(4, 3 + self.encoding.groups // 2), 10)

    def design(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Array]:
        found: list[Array] = []
        if not self.observations.trials and not rows:
            region = self.region(fixed, rows)
            self.admit(np.full((1, len(self.encoding.names)), 0.5), region, set(region.taken), found, count)
        if len(found) < count:
            found += super().design(count - len(found), fixed, [*rows, *found])
        fidelities = self._fidelities()
        return fidelities.spread(found, len(self.observations.trials) + len(rows)) if fidelities.columns else found

    def _fidelities(self) -> Fidelities:
        return Fidelities.of(self.encoding, self.outcomes, self.given)

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        # two suggestions each way in turn: transformed outcomes find the valley sooner, plain ones its bottom
        warped = len(self.observations.trials) // 2 % 2 == 0
        surrogate = Surrogate.of(self.study, self.encoding, self.outcomes, warped=warped)
        rows = list(rows)
        chosen: list[Suggestion] = []
        fidelities = self._fidelities()
        while len(chosen) < count:
            known = np.array([*self.outcomes.pending, *rows]).reshape(-1, len(self.encoding.names))
            belief = surrogate.believing(known)
            acquisition, best_rows, text = self._acquisition(belief, known)
            found = maximise(
                acquisition,
                self.encoding,
                self.region(fixed, rows),
                self.candidates(self._effort().candidates, best_rows, len(rows)),
                self._effort(),
            )
            if not found:
                break
            if belief.success(self.encoding.complete(found[0][0][None]))[0] < 0.25:
                # nothing to gain where it is safe: still no reason to run into what fails
                found = self._safer(acquisition, belief, fixed, rows, best_rows) or found
            turn = (len(self.observations.trials) + len(rows)) % (2 if found[0][1] > _NOTHING else 4)
            if turn and len(belief.objectives) == 1 and found[0][1] < _LITTLE:
                elsewhere = self._elsewhere(acquisition, belief, known, fixed, rows, best_rows)
                if elsewhere:
                    found, text = elsewhere, text + " Little is left to gain there: looked elsewhere."
            row = self.encoding.complete(found[0][0][None])[0]
            if fidelities.columns:
                row, text = self._how_thoroughly(fidelities, belief, row, known, rows, text)
            rows.append(row)
            chosen.append(self._explain(belief, row, found, text, len(known)))
            self.context.report(suggestions=len(chosen))
            if self.context.should_stop():
                break
        return chosen

    def _how_thoroughly(
        self, fidelities: Fidelities, belief: Surrogate, row: Array, known: Array, chosen: list[Array], text: str
    ) -> tuple[Array, str]:
        """The row at the fidelity that is worth it, or another one whose turn it is to be evaluated in full."""
        every = np.vstack([self.outcomes.rows, known])
        if fidelities.overdue(every):
            allowed = np.concatenate([self.outcomes.feasible, belief.feasibility(known) > 0.5])
            promoted = fidelities.promotion(belief, every, allowed)
            if promoted is not None and self.encoding.keys(promoted[None])[0] not in self.taken(chosen):
                return promoted, "In full, since it is the most promising of those that were only tried cheaply."
            return row, text + " In full: cheap trials have had their share of the cost."
        cheaper, cost = fidelities.most_informative(belief, row, self.taken(chosen))
        if bool(fidelities.is_full(cheaper[None])[0]):
            return cheaper, text
        return cheaper, text + f" Tried cheaply first, for {cost:.0%} of the cost."

    def _elsewhere(
        self,
        acquisition: LogImprovement,
        belief: Surrogate,
        known: Array,
        fixed: Mapping[str, Value],
        rows: list[Array],
        centres: Array,
    ) -> list[tuple[Array, float]]:
        """Where else to look once little is left to gain: nothing if there is no such place."""
        if self.study.constraints:
            starts = self.candidates(self._effort().candidates, centres, 1000 + len(rows))
            doubting = replace(acquisition, doubt=_DOUBT)
            return maximise(doubting, self.encoding, self.region(fixed, rows), starts, self._effort())
        found = self._explore(belief, known, fixed, rows)
        safe = found and belief.feasibility(self.encoding.complete(found[0][0][None]))[0] >= 0.5
        return found if safe else []

    def _explore(
        self, belief: Surrogate, known: Array, fixed: Mapping[str, Value], rows: list[Array]
    ) -> list[tuple[Array, float]]:
        """The best point of another basin. A model may be sure too early that it sits in the best one (Bull 2011), so
        every second suggestion climbs as if the incumbent and all that correlates with it were not there."""
        outcomes, objective = self.outcomes, belief.objectives[0]
        every = np.vstack([outcomes.rows, known])
        if len(self.encoding.fidelities):
            every = self._fidelities().full(every)
        features = self.encoding.features(every)
        means = objective.mean_at(features)
        allowed = np.concatenate([outcomes.feasible, belief.feasibility(known) > 0.5])
        top = int(np.argmin(np.where(allowed, means, np.inf)))
        centre = features[top : top + 1] * objective.scale

        def far(places: Array) -> Mask:
            scaled = self.encoding.features(places) * objective.scale
            return np.asarray(square_distances(scaled, centre)[:, 0] >= _OTHER_BASIN**2)

        region = self.region(fixed, rows)
        inner = region.allowed
        both = far if inner is None else (lambda places: far(places) & inner(places))
        away = np.flatnonzero(allowed & far(every))
        if len(away) < 3:
            return []
        order = away[np.argsort(means[away], kind="stable")[:3]]
        others = np.flatnonzero(far(every))
        scale = Scale.of(means[others], 1.0)
        y = scale.forward(means[others])
        rest = model(self.encoding, features[others], y, self.study.noise)
        target = float(scale.forward(means[order[:1]])[0])
        acquisition = LogImprovement(self.encoding, (rest,), belief.slacks, belief.limits, target=target)
        starts = self.candidates(self._effort().candidates, every[order], 1000 + len(rows))
        return maximise(acquisition, self.encoding, replace(region, allowed=both), starts, self._effort())

    def _safer(
        self,
        acquisition: LogImprovement,
        belief: Surrogate,
        fixed: Mapping[str, Value],
        rows: list[Array],
        centres: Array,
    ) -> list[tuple[Array, float]]:
        region = self.region(fixed, rows)
        inner = region.allowed

        def allowed(places: Array) -> Mask:
            safe = np.asarray(belief.success(places) >= 0.5)
            return safe if inner is None else safe & inner(places)

        starts = self.candidates(self._effort().candidates, centres, 2000 + len(rows))
        return maximise(acquisition, self.encoding, replace(region, allowed=allowed), starts, self._effort())

    def _effort(self) -> Effort:
        d = self.encoding.groups
        if self.encoding.space.size <= ENUMERABLE:
            return Effort(rounds=0)  # all points are candidates
        if len(self.encoding.smooth) == 0:
            # nothing climbs there: what is not among the first candidates or near the best of them is missed (with
            # half as many starts and 400 candidates the best of 30,000 points in every fourth suggestion)
            return Effort(candidates=1024, starts=8)
        return Effort(candidates=min(256 + 32 * d, 1024), starts=4, iterations=50)

    def _acquisition(self, belief: Surrogate, known: Array) -> tuple[LogImprovement, Array, str]:
        """The acquisition, the rows around which to look, and what is to be improved."""
        outcomes = self.outcomes
        rows = np.vstack([outcomes.rows, known])
        if len(self.encoding.fidelities):
            rows = self._fidelities().full(rows)
        features = self.encoding.features(rows)
        means = np.column_stack([posterior.mean_at(features) for posterior in belief.objectives])
        allowed = np.concatenate([outcomes.feasible, belief.feasibility(known) > 0.5])
        if self.study.noise == "high" and len(self.study.constraints):
            allowed = belief.feasibility(rows) > 0.5
        common = (self.encoding, belief.objectives, belief.slacks, belief.limits)
        if len(self.study.objectives) == 1:
            order = np.argsort(np.where(allowed, means[:, 0], means[:, 0] + 1e3), kind="stable")[:3]
            if not allowed.any():
                # no incumbent: a hopeless target leaves the probability of feasibility to decide, with some taste
                text = "No feasible point is known: looking for one, with an eye to the objective."
                return LogImprovement(*common, target=float(means.max())), rows[order], text
            target = float(means[allowed, 0].min())
            told = belief.objective_value(0, target)
            text = f"Expected improvement of {self.study.names[0]} over {told:.6g}."
            return LogImprovement(*common, target=target), rows[order], text
        y = np.vstack([outcomes.y, means[len(outcomes.y) :]])
        reference = self._reference(belief, means[allowed] if allowed.any() else y)
        if not allowed.any():
            text = "No feasible point is known: looking for one, with an eye to the objectives."
            return LogImprovement.beyond(*common, np.empty((0, y.shape[1])), y.max(axis=0)), rows[:3], text
        front = means[allowed]
        keep = nondominated(front)
        best = rows[allowed][keep]
        front, best = front[keep], best
        if len(front) > _FRONT_LIMIT:
            thin = np.linspace(0, len(front) - 1, _FRONT_LIMIT).astype(int)
            order = np.argsort(front[:, 0], kind="stable")[thin]
            front, best = front[order], best[order]
        pick = self.rng(9).permutation(len(best))[:5]
        text = f"Expected hypervolume improvement over {len(front)} non-dominated trials."
        return LogImprovement.beyond(*common, front, reference), best[pick], text

    def _reference(self, belief: Surrogate, y: Array) -> Array:
        """Given, or the worst of the front plus a tenth of its range or more."""
        front = y[nondominated(y)]
        span = np.maximum(front.max(axis=0) - front.min(axis=0), 1e-3)
        # room beyond the ends of the front, or they would never be passed; bad trials show how much there is
        room = np.clip(y.max(axis=0) - front.max(axis=0), 0.1 * span, span)
        reference = front.max(axis=0) + room
        for k, objective in enumerate(self.study.objectives):
            if objective.reference is not None:
                reference[k] = belief.objective_z(k, objective.reference)
        return np.asarray(reference)

    def _explain(
        self, belief: Surrogate, row: Array, found: list[tuple[Array, float]], text: str, pending: int
    ) -> Suggestion:
        posterior = belief.objectives[0]
        features = self.encoding.features(np.vstack([row[None], self.outcomes.rows])) * posterior.scale
        distance = np.linalg.norm(features[1:] - features[0], axis=1)
        near = [self.outcomes.trials[i].number for i in np.argsort(distance, kind="stable")[:3]]
        lengthscales = {}
        for i, name in enumerate(self.encoding.names):
            if self.encoding.levels[i] != 1:
                lengthscales[name] = float(1.0 / posterior.scale[self._first_feature(i)])
        why: dict[str, Any] = {
            "text": text,
            "method": "model",
            "predicted": belief.predicted(row),
            "acquisition": found[0][1],
            "nearest_trials": near,
            "pending": pending,
            "lengthscales": lengthscales,
            "alternatives": [
                {"parameters": self.encoding.point(place), "acquisition": value} for place, value in found[1:4]
            ],
        }
        names = (*self.study.names, *(constraint.name for constraint in self.study.constraints))
        models = (*belief.objectives, *belief.slacks)
        why["kernels"] = {name: model.kernel.name for name, model in zip(names, models, strict=False)}
        bent = [n for n, w in zip(names, (*belief.warps, *belief.slack_warps), strict=False) if w.kind != "none"]
        if bent:
            why["transformed"] = bent
        if belief.slacks:
            why["feasible"] = float(belief.feasibility(row[None])[0])
        return Suggestion(self.encoding.point(row), why)

    def _first_feature(self, column: int) -> int:
        group = int(np.count_nonzero(self.encoding.levels[:column] != 1))
        return int(np.argmax(self.encoding.group == group))


ENGINE = StudyEngine(
    EngineSpec(
        id="gp",
        family="study",
        version="5",
        title="Gaussian process",
        summary="For evaluations that cost more than a tenth of a second; up to about thirty parameters.",
        solves=ALL_FEATURES,
        capabilities=frozenset({"deterministic", "pending", "predict"}),
        options=(
            Option("initial", "integer", None, "measured trials before the model is asked", minimum=1, maximum=10_000),
        ),
        citation="Jones, Schonlau, Welch 1998; Ament et al. 2023; Hvarfner et al. 2024",
    ),
    GaussianProcess,
)
