"""BoTorch's models and acquisition functions, for those who want them: ``pip install 'kantor-server[botorch]'``.

Models are its ``SingleTaskGP`` (``SingleTaskMultiFidelityGP`` over fidelities, ``PairwiseGP`` of comparisons) on the
same features as the engine ``gp`` has. The search is ours, so that mixed and conditional spaces, input constraints,
fixed values and points under way are handled as everywhere; only the knowledge gradient, whose fantasies are optimized
along with the point, is searched by BoTorch itself, over spaces of numbers.

Floor: a fit is 100 to 300 evaluations of 2 n^3 flops in float64 and torch's overhead of about 2 ms each; 0.3 to 1 s of
one core a suggestion, five times that of ``gp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.studies.acquisition.maximise import Effort, maximise
from solvers.studies.encoding import Array, Encoding
from solvers.studies.engine import StudyEngine, Suggestion
from solvers.studies.engines import botorch_models as models
from solvers.studies.engines.base import Base
from solvers.studies.engines.features import ALL_FEATURES
from solvers.studies.gp.preference import compared
from solvers.studies.parameters import Value
from solvers.studies.study import Study

METHODS = ("auto", "log-nei", "knowledge-gradient", "max-value-entropy", "nehvi", "multi-fidelity", "preference")
_WORDS = {
    "log-nei": "Noisy expected improvement",
    "knowledge-gradient": "Knowledge gradient: what the best predicted value is expected to gain",
    "max-value-entropy": "Information about the best value",
    "nehvi": "Noisy expected hypervolume improvement",
    "multi-fidelity": "Information about the best value at full fidelity, for its cost",
    "preference": "Expected utility of the better of this point and the best one",
}


@dataclass(frozen=True)
class Searched:
    """A BoTorch acquisition function as ``maximise`` wants it: over complete rows, with slopes by autograd."""

    encoding: Encoding
    function: Any

    def values(self, rows: Array) -> Array:
        x = torch.from_numpy(self.encoding.features(rows)).unsqueeze(1)
        with torch.no_grad():
            parts = [self.function(x[start : start + 256]) for start in range(0, len(x), 256)]
        return np.asarray(np.nan_to_num(torch.cat(parts).double().numpy(), nan=-1e30))

    def slopes(self, rows: Array) -> tuple[Array, Array]:
        x = torch.from_numpy(self.encoding.features(rows)).requires_grad_(True)
        value = self.function(x.unsqueeze(1))
        (slope,) = torch.autograd.grad(value.sum(), x)
        slope = np.nan_to_num(slope.double().numpy())
        return np.nan_to_num(value.detach().double().numpy(), nan=-1e30), self.encoding.pull(rows, slope)


def _six(value: float) -> float:
    """Six digits of a number."""
    return float(f"{value:.6g}")


class BoTorch(Base):
    """The advisor of the engine ``botorch``."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        super().__init__(study, options, seed, context)
        self.initial = options["initial"] or min(max(5, self.encoding.groups), 20)
        self.method = options["acquisition"]
        if self.method == "auto":
            self.method = self._natural()
        self._check()
        if self.method == "preference":
            self.initial = 0

    def _natural(self) -> str:
        study = self.study
        if not study.objectives:
            return "preference"
        if len(study.objectives) > 1:
            return "nehvi"
        return "multi-fidelity" if study.space.fidelities and not study.constraints else "log-nei"

    def _check(self) -> None:
        study, method = self.study, self.method
        plain = not study.constraints and len(study.objectives) == 1
        numbers = len(self.encoding.smooth) == self.encoding.groups and not study.space.conditional
        fault = ""
        if method == "preference" and study.objectives:
            fault = "preference is for studies by comparisons"
        elif method != "preference" and not study.objectives:
            fault = f"{method} needs an objective"
        elif method in ("knowledge-gradient", "max-value-entropy", "multi-fidelity") and not plain:
            fault = f"{method} takes one objective and no constraints on outcomes"
        elif method == "knowledge-gradient" and (not numbers or study.space.constraints):
            fault = "knowledge-gradient takes numbers only, without conditions or constraints on the inputs"
        elif method == "multi-fidelity" and len(study.space.fidelities) != 1:
            fault = "multi-fidelity takes exactly one fidelity"
        elif method == "nehvi" and not 2 <= len(study.objectives) <= 4:
            fault = "nehvi takes two to four objectives"
        elif method == "log-nei" and len(study.objectives) != 1:
            fault = "log-nei takes one objective"
        if fault:
            raise UnsupportedProblem(fault, pointer="/engine_options/acquisition", hint="auto")

    def _model(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        if self.method == "preference" and len(compared(self.observations).pairs) < 2:
            return super()._model(count, fixed, rows)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self.rng(51).integers(2**31)))
            return self._search(count, fixed, list(rows))

    def _search(self, count: int, fixed: Mapping[str, Value], rows: list[Array]) -> list[Suggestion]:
        fitted = models.fit(self.method, self.study, self.encoding, self.outcomes, self.observations)
        effort = Effort(candidates=min(128 + 16 * self.encoding.groups, 512), starts=4, iterations=40)
        chosen: list[Suggestion] = []
        for _ in range(count):
            pending = np.array([*self.outcomes.pending, *rows]).reshape(-1, len(self.encoding.names))
            seed = int(self.rng(52, len(rows)).integers(2**31))
            function = models.acquisition(self.method, fitted, pending, seed)
            if self.method == "knowledge-gradient":
                found = self._one_shot(function, fixed, rows, effort)
            else:
                free = {name: value for name, value in fixed.items() if name in self.given}
                region = self.region(free if self.method == "multi-fidelity" else fixed, rows)
                starts = self.candidates(effort.candidates, fitted.best_rows, len(rows))
                if self.method == "multi-fidelity":
                    starts[: len(starts) // 2, self.encoding.fidelities] = 1.0
                found = maximise(Searched(self.encoding, function), self.encoding, region, starts, effort)
            if not found:
                break
            kept = self.given if self.method == "multi-fidelity" else fixed
            row = self._rounded(found[0][0], kept, rows)
            rows.append(row)
            why = {
                "text": f"{_WORDS[self.method]} (BoTorch).",
                "method": "model",
                "acquisition": _six(found[0][1]),
                "predicted": {
                    name: {what: _six(value) for what, value in told.items()}
                    for name, told in fitted.predicted(row).items()
                },
                "pending": len(pending),
            }
            chosen.append(Suggestion(self.encoding.point(row), why))
            self.context.report(suggestions=len(chosen))
            if self.context.should_stop():
                break
        return chosen

    def _rounded(self, place: Array, fixed: Mapping[str, Value], rows: list[Array]) -> Array:
        """Fits of BoTorch differ in their last digits from run to run; suggestions do not."""
        places = np.vstack([np.round(place, 6), place])
        complete = self.encoding.complete(places)
        return np.asarray(complete[0 if self.region(fixed, rows).admit(self.encoding, complete)[0] else 1])

    def _one_shot(
        self, function: Any, fixed: Mapping[str, Value], rows: list[Array], effort: Effort
    ) -> list[tuple[Array, float]]:
        """BoTorch's own search; a point that must not be returned gives way to the best one that may."""
        places, value = models.one_shot(function, self.encoding, self.region(fixed, rows))
        region = self.region(fixed, rows)
        if region.admit(self.encoding, self.encoding.complete(places[None]))[0]:
            return [(places, value)]
        mean = Searched(self.encoding, models.posterior_mean(function.model))
        starts = self.candidates(effort.candidates, places[None], len(rows))
        return maximise(mean, self.encoding, region, starts, effort)


ENGINE = StudyEngine(
    EngineSpec(
        id="botorch",
        family="study",
        version="3",
        title="BoTorch",
        summary="Knowledge gradient, max-value entropy, NEHVI, multi-fidelity and preferences by BoTorch.",
        solves=ALL_FEATURES | {"comparisons"},
        capabilities=frozenset({"deterministic", "pending", "predict"}),
        options=(
            Option("initial", "integer", None, "measured trials before the model is asked", minimum=1, maximum=10_000),
            Option("acquisition", "string", "auto", "what a point is judged by", choices=METHODS),
        ),
        pool="botorch",
        process_group="botorch",
        requires=("botorch", "gpytorch", "torch"),
        citation="Balandat et al., BoTorch, NeurIPS 2020",
    ),
    BoTorch,
)
