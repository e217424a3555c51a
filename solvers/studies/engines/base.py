"""What all engines share: guesses first, an initial design, no point twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from solvers.core.engine import Context
from solvers.studies.acquisition.maximise import Region, whole_region
from solvers.studies.encoding import Array, Encoding
from solvers.studies.engine import Finding, Suggestion
from solvers.studies.feasible import inside
from solvers.studies.observations import Observations
from solvers.studies.outcomes import Outcomes, collect
from solvers.studies.parameters import Fidelity, Point, Value, same
from solvers.studies.sampling import around, every_row, generator, sobol
from solvers.studies.study import Study

#: Finite spaces up to this size are searched whole.
ENUMERABLE = 4096
#: If a smaller share of random points is allowed, a walk looks for more.
_THIN = 0.1


class Base:
    """An advisor that asks ``_model`` once guesses and initial design are used up.

    Subclasses set ``initial`` (the number of measured trials before the model is asked) and write ``_model``.
    """

    initial = 0

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        self.study = study
        self.options = options
        self.seed = seed
        self.context = context
        self.encoding = Encoding(study.space)
        self.observations = Observations()
        self.given: dict[str, Value] = {}
        self._inside: tuple[Any, Array] | None = None
        self._finding: Finding | None = None
        self._outcomes: Outcomes | None = None
        self._taken: frozenset[bytes] | None = None

    def update(self, observations: Observations) -> None:
        self.observations = observations
        self._outcomes = self._inside = None
        self._taken = None
        self._finding = None

    def finding(self) -> Finding | None:
        return self._finding

    @property
    def outcomes(self) -> Outcomes:
        if self._outcomes is None:
            self._outcomes = collect(self.study, self.encoding, self.observations)
        return self._outcomes

    def rng(self, *stream: int) -> np.random.Generator:
        """Numbers that depend on the seed, on how many trials there are, and on the stream."""
        return generator(self.seed, len(self.observations.trials), *stream)

    def suggest(self, count: int, fixed: Mapping[str, Value] | None = None) -> list[Suggestion]:
        self._finding = None
        fixed = self.at_full(fixed or {})
        chosen: list[Suggestion] = []
        rows: list[Array] = []
        for guess in self._open_guesses(fixed):
            if len(chosen) < count:
                chosen.append(Suggestion(guess, {"text": "A guess that the study was given.", "method": "guess"}))
                rows.append(self.encoding.places([guess])[0])
        missing = self.initial - self.outcomes.count - len(self.outcomes.pending) - len(chosen)
        if missing > 0 and len(chosen) < count:
            for row in self.design(min(missing, count - len(chosen)), fixed, rows):
                chosen.append(self._initial(row))
                rows.append(row)
        if len(chosen) < count and self.initial and self.outcomes.count < 2:
            # all of the initial design is under way or failed: nothing to model yet
            for row in self.design(count - len(chosen), fixed, rows):
                chosen.append(self._initial(row))
                rows.append(row)
        elif len(chosen) < count:
            chosen += self._model(count - len(chosen), fixed, rows)
        if len(chosen) < count and self.study.space.constraints:
            # next to no random point is allowed: those that a walk finds
            found: list[Array] = []
            region = self.region(fixed, rows + [self.encoding.places([s.parameters])[0] for s in chosen])
            self.admit(self.inside(fixed), region, set(region.taken), found, count - len(chosen))
            chosen += [self._initial(row) for row in found]
        if len(chosen) < count and self._finding is None and self.context.should_stop() is None:
            words = (
                "No point was found that is new and meets the constraints on the inputs."
                if self.study.space.constraints
                else "Every point of the space was tried."
            )
            self._finding = Finding("exhausted", words)
        # places are rounded: fixed values are given back to the last digit
        return [
            replace(s, parameters={name: self.given.get(name, value) for name, value in s.parameters.items()})
            for s in chosen
        ]

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        """Suggestions beyond the initial design; ``rows`` were chosen just before in this call."""
        return [
            Suggestion(self.encoding.point(row), {"text": self._text(), "method": "design"})
            for row in self.design(count, fixed, rows)
        ]

    def _text(self) -> str:
        return "The next point of an even cover of the space."

    def _initial(self, row: Array) -> Suggestion:
        text = "Part of the initial design, which covers the space evenly before there is a model."
        return Suggestion(self.encoding.point(row), {"text": text, "method": "initial"})

    def at_full(self, fixed: Mapping[str, Value]) -> dict[str, Value]:
        """Fixed values, with fidelities at their highest unless fixed; ``given`` keeps what the user fixed."""
        self.given = dict(fixed)
        full: dict[str, Value] = {p.name: p.at(1.0) for p in self.study.space.parameters if isinstance(p, Fidelity)}
        return {**full, **fixed}

    def taken(self, rows: list[Array] | None = None) -> frozenset[bytes]:
        """Keys of points that must not be suggested: pending, chosen, and evaluated ones (but a finite noisy space has
        points worth another look)."""
        if self._taken is None:
            used = [self.outcomes.pending]
            if self.study.noise != "high" or self.study.space.size == float("inf"):
                used.append(self.outcomes.tried)
            self._taken = frozenset(key for block in used for key in self.encoding.keys(block))
        return self._taken.union(self.encoding.keys(np.array(rows))) if rows else self._taken

    def region(self, fixed: Mapping[str, Value], rows: list[Array]) -> Region:
        return whole_region(self.encoding, fixed, self.taken(rows))

    def design(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Array]:
        """The next rows of a Sobol sequence, without those already taken."""
        region = self.region(fixed, rows)
        found: list[Array] = []
        taken = set(region.taken)
        start = len(self.observations.trials) + len(rows)
        for attempt in range(8 if self.study.space.constraints else 12):
            size = max(count, 8) << attempt
            block = sobol(self.encoding, size, self.seed, start if attempt == 0 else start + (size << 1))
            self.admit(block, region, taken, found, count)
            if len(found) == count:
                return found
            every = every_row(self.encoding, ENUMERABLE) if attempt == 0 else None
            if every is not None:
                self.admit(self.rng(3).permutation(every), region, taken, found, count)
                return found
            if attempt >= 4 and not self.study.space.constraints:
                break
        return found

    def admit(self, block: Array, region: Region, taken: set[bytes], found: list[Array], count: int) -> None:
        places = region.pin(np.nan_to_num(block, nan=0.5))
        rows = self.encoding.complete(places)
        mask = region.admit(self.encoding, rows)
        for row, key in zip(
            rows[mask], [k for k, m in zip(self.encoding.keys(rows), mask, strict=True) if m], strict=True
        ):
            if len(found) < count and key not in taken:
                taken.add(key)
                found.append(row)

    def inside(self, fixed: Mapping[str, Value]) -> Array:
        """Places that meet the constraints on the inputs, wherever they are; looked for once for all suggestions."""
        key = (len(self.observations.trials), tuple(sorted((name, str(value)) for name, value in fixed.items())))
        if self._inside is None or self._inside[0] != key:
            region = self.region(fixed, [])
            self._inside = key, inside(self.encoding, region, 256, self.rng(33), self.outcomes.tried[-8:])
        return self._inside[1]

    def candidates(self, count: int, centres: Array, stream: int) -> Array:
        """Place rows to begin a search with: half spread over the space, half around the given rows."""
        every = every_row(self.encoding, ENUMERABLE)
        if every is not None:
            return np.nan_to_num(every, nan=0.5)
        rng = self.rng(5, stream)
        spread = sobol(self.encoding, count, int(rng.integers(2**31)))
        if self.study.space.constraints:
            fixed = self.at_full(self.given)
            region = self.region(fixed, [])
            some = self.encoding.complete(region.pin(spread[:128].copy()))
            if region.admit(self.encoding, some).mean() < _THIN:
                spread = np.vstack([spread, self.inside(fixed)])
        if len(centres) == 0:
            return spread
        share = max(count // len(centres), 8)
        filled = np.where(np.isnan(centres), rng.random(centres.shape), centres)
        return np.vstack([spread, *(around(centre, share, rng) for centre in filled)])

    def _open_guesses(self, fixed: Mapping[str, Value]) -> list[Point]:
        known = [trial.parameters for trial in self.observations.trials]
        return [
            dict(guess)
            for guess in self.study.guesses
            if dict(guess) not in known
            and self.study.space.feasible(guess)
            and all(name not in guess or same(guess[name], value) for name, value in fixed.items())
        ]
