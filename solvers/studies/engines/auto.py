"""The engine that fits: chosen by space, noise, budget and cost of an evaluation, anew as trials come in; says why."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from solvers.core.engine import Context, EngineSpec
from solvers.core.options import resolve
from solvers.studies.encoding import Encoding
from solvers.studies.engine import Advisor, Finding, StudyEngine, Suggestion
from solvers.studies.engines.features import ALL_FEATURES, features_of
from solvers.studies.observations import Observations
from solvers.studies.parameters import Value
from solvers.studies.study import Study

_MODULES = {
    "gp": "gp",
    "trust-region": "trust_region",
    "tpe": "tpe",
    "cma-es": "cma_es",
    "grid": "grid",
    "preference": "preference",
    "ranking": "ranking",
}
#: If a suggestion is wanted more often than once in so many seconds, a model of all trials cannot follow.
_CHEAP = 0.05
#: Before so many trials that is not looked for: a model of few is quick, and nobody waits for long.
_FEW = 200
#: From so many trials on, a model of all of them costs more than it finds.
_MANY = 1500
#: More varying parameters than this ask for a local model.
_WIDE = 40


def choose(study: Study, observations: Observations) -> tuple[str, str]:
    """The id of an engine and a sentence that says why it is the one."""
    if not study.objectives:
        long = sum(len(c.best) + len(c.others) > 2 for c in observations.comparisons)
        groups = Encoding(study.space).groups
        if groups > 20 and long:
            return "ranking", f"there are rankings only, over {groups} parameters"
        return "preference", "there are comparisons only"
    features, groups = features_of(study), Encoding(study.space).groups
    size, planned = study.space.size, study.trials
    if planned is not None and size <= planned and "noise" not in features:
        return "grid", f"the space has {size:.0f} points or fewer, and {planned} trials are planned"
    if len(study.objectives) > 3:
        return "tpe", f"there are {len(study.objectives)} objectives"
    count = sum(trial.state != "pending" for trial in observations.trials)
    seconds = study.evaluation_seconds
    cheap = seconds is not None and seconds < _CHEAP
    if seconds is None and count >= _FEW:
        seconds, cheap = _pace(study, observations)
    numbers = not features & {"conditional", "categorical", "objectives", "constraints"} and groups >= 2
    if cheap or count >= _MANY:
        reason = f"an evaluation takes {seconds:.2g} s" if cheap else f"there are {count} trials"
        if numbers and (planned or 0) >= 50 * groups and importlib.util.find_spec("cmaes"):
            return "cma-es", f"{reason}, and all parameters are numbers"
        return "tpe", reason
    if groups > _WIDE and len(study.objectives) == 1:
        return "trust-region", f"{groups} parameters vary, too many for a global model"
    costly = "" if seconds is None else f"; an evaluation takes {seconds:g} s"
    noisy = ", with noise" if "noise" in features else ""
    varying = "1 parameter varies" if groups == 1 else f"{groups} parameters vary"
    return "gp", f"{varying}{noisy} and there are {count} trials{costly}"


def _pace(study: Study, observations: Observations) -> tuple[float | None, bool]:
    """What an evaluation took in the middle of the newest ones, and whether all evaluators together want suggestions
    too often for a model."""
    costs = [trial.cost for trial in observations.trials if trial.state == "complete" and trial.cost is not None][-50:]
    if len(costs) < 20:
        return None, False
    seconds = statistics.median(costs)
    return seconds, seconds / max(1, study.parallel, len(observations.pending)) < _CHEAP


class Auto:
    """The advisor of the engine ``auto``: asks another one, and signs its suggestions with that one's name."""

    def __init__(self, study: Study, options: Mapping[str, Any], seed: int, context: Context) -> None:
        self.study, self.options, self.seed, self.context = study, options, seed, context
        self.observations = Observations()
        self._advisors: dict[str, Advisor] = {}
        self._asked: Advisor | None = None

    def update(self, observations: Observations) -> None:
        self.observations = observations

    def chosen(self) -> tuple[str, str]:
        """Which engine would be asked now, and why."""
        return choose(self.study, self.observations)

    def suggest(self, count: int, fixed: Mapping[str, Value] | None = None) -> list[Suggestion]:
        name, reason = self.chosen()
        engine: StudyEngine = importlib.import_module(f"solvers.studies.engines.{_MODULES[name]}").ENGINE
        if name not in self._advisors:
            declared = {option.name for option in engine.spec.options}
            own = {key: value for key, value in self.options.items() if key in declared}
            self._advisors[name] = engine.build(
                self.study, resolve(engine.spec.options, own, owner=name), self.seed, self.context
            )
        self._asked = self._advisors[name]
        self._asked.update(self.observations)
        return [
            replace(
                s,
                why={
                    **s.why,
                    "engine": name,
                    "engine_version": engine.spec.version,
                    "chosen": f"{name}, since {reason}.",
                },
            )
            for s in self._asked.suggest(count, fixed)
        ]

    def finding(self) -> Finding | None:
        return None if self._asked is None else self._asked.finding()


ENGINE = StudyEngine(
    EngineSpec(
        id="auto",
        family="study",
        version="2",
        title="Automatic choice",
        summary="Picks the engine by space, noise, budget and cost, again for every suggestion.",
        solves=ALL_FEATURES | {"comparisons"},
        capabilities=frozenset({"deterministic", "pending"}),
    ),
    Auto,
)
