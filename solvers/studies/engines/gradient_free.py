"""GFM+: descent by randomized finite differences with variance reduction, for objectives that are neither smooth nor
convex.

g(x; w) = d/(2 delta) (F(x + delta w) - F(x - delta w)) w, w uniform on the sphere. v is the mean of ``anchor`` such
estimates every ``period`` steps; in between v <- v + mean over ``batch`` directions of g(x; w) - g(x_before; w), with
the same w at both (Chen, Xu, Luo, Zhang, ICML 2023, Algorithm 2). x <- x - eta v / |v_0|, projected onto the cube. The
run is replayed from the values at the points that it would have asked for, so that trials may come back in any order; a
direction whose evaluation failed is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.encoding import Array
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines.base import Base
from solvers.studies.parameters import Value
from solvers.studies.sampling import generator
from solvers.studies.study import Study


class GradientFree(Base):
    """The advisor of the engine ``gradient-free``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        discrete = [p.name for p in study.space.parameters if p.levels is not None and p.levels > 1]
        if len(study.objectives) != 1 or discrete or study.space.conditional or study.constraints:
            raise UnsupportedProblem(
                "gradient-free takes one objective over real numbers, without conditions and constraints on outcomes",
                pointer="/space",
                hint="gp or tpe",
            )
        self._free = np.flatnonzero(self.encoding.levels != 1)

    def _directions(self, step: int) -> Array:
        """Unit directions of a step, (directions, parameters)."""
        count = int(self.options["anchor"] if step % int(self.options["period"]) == 0 else self.options["batch"])
        draw = generator(self.seed, 16, step).standard_normal((count, len(self._free)))
        out = np.zeros((count, len(self.encoding.names)))
        out[:, self._free] = draw / np.linalg.norm(draw, axis=1, keepdims=True)
        return out

    def _probes(self, x: Array, directions: Array) -> Array:
        """(2 * directions, parameters): plus and minus in turn, inside the cube."""
        delta = float(self.options["radius"])
        centre = np.clip(x, delta, 1.0 - delta)
        return np.stack([centre + delta * directions, centre - delta * directions], axis=1).reshape(-1, len(x))

    def _replay(self) -> tuple[Array, Array, int]:
        """Probes of the current step that have no value yet, the current point, and the step."""
        outcomes = self.outcomes
        told = dict(zip(self.encoding.keys(outcomes.tried), [None] * len(outcomes.tried), strict=True))
        values: dict[bytes, float | None] = {**told}
        values.update(zip(self.encoding.keys(outcomes.rows), outcomes.values[:, 0].tolist(), strict=True))
        sign, first = self.study.objectives[0].sign, 0.0
        x = np.full(len(self.encoding.names), 0.5)
        if self.study.guesses:
            x = self.encoding.places(self.study.guesses[:1])[0]
        before, v = x, np.zeros(len(x))
        delta, d = float(self.options["radius"]), len(self._free)
        for step in range(100_000):
            directions = self._directions(step)
            anchor = step % int(self.options["period"]) == 0
            estimates = []
            for place in (x,) if anchor else (x, before):
                probes = self._probes(place, directions)
                keys = self.encoding.keys(probes)
                waiting = [i for i, key in enumerate(keys) if key not in values]
                if waiting:
                    return probes[waiting], x, step
                told_values = [np.nan if values[key] is None else values[key] for key in keys]
                f = np.array(told_values, dtype=float).reshape(-1, 2)
                estimates.append(sign * d / (2 * delta) * (f[:, :1] - f[:, 1:]) * directions)
            change = estimates[0] if anchor else estimates[0] - estimates[1]
            good = np.isfinite(change).all(axis=1)
            mean = change[good].mean(axis=0) if good.any() else np.zeros(len(x))
            v = mean if anchor else v + mean
            first = first or float(np.linalg.norm(v))
            before, x = x, np.clip(x - float(self.options["step"]) * v / max(first, 1e-300), 0.0, 1.0)
        return np.empty((0, len(x))), x, 100_000

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        waiting, x, step = self._replay()
        region, taken = self.region(fixed, rows), set(self.taken(rows))
        found: list[Array] = []
        self.admit(waiting, region, taken, found, count)
        text = f"A probe of the gradient at step {step}."
        why = {"text": text, "method": "model", "step": step}
        chosen = [Suggestion(self.encoding.point(row), why) for row in found]
        spare = self.rng(17).standard_normal((4 * count, len(x)))
        extra: list[Array] = []
        self.admit(x + float(self.options["radius"]) * spare, region, taken, extra, count - len(chosen))
        text = "All probes of this step are under way: one more near the current point."
        return chosen + [Suggestion(self.encoding.point(row), {"text": text, "method": "random"}) for row in extra]


ENGINE = StudyEngine(
    EngineSpec(
        id="gradient-free",
        family="study",
        version="1",
        title="Randomized finite differences",
        summary="For hundreds of real parameters and many cheap evaluations of a function without gradients.",
        solves=frozenset({"input-constraints", "fidelity"}),
        capabilities=frozenset({"deterministic", "pending"}),
        options=(
            Option("radius", "float", 0.02, "delta, as a share of the ranges", minimum=1e-6, maximum=0.25),
            Option(
                "step", "float", 0.1, "length of the first step, as a share of the ranges", minimum=1e-9, maximum=10.0
            ),
            Option("anchor", "integer", 8, "directions of a full estimate", minimum=1, maximum=10_000),
            Option("batch", "integer", 2, "directions of the steps in between", minimum=1, maximum=10_000),
            Option("period", "integer", 5, "steps from one full estimate to the next", minimum=1, maximum=1000),
        ),
        citation="Chen, Xu, Luo, Zhang, Faster Gradient-Free Algorithms for Nonsmooth Nonconvex..., ICML 2023",
    ),
    GradientFree,
)
