"""Kantor's engines in an Optuna study: ``optuna.create_study(sampler=KantorSampler())``.

The study stays Optuna's, with its storage, pruners and pictures. Beside it a study of Kantor knows the same trials and
makes the suggestions; several processes that work on one Optuna study share it.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kantor.client import Client
from kantor.errors import APIError, Conflict, KantorError, StaleLease
from kantor.integrations import missing
from kantor.studies import Study, StudyDone
from kantor.studies_trial import Trial

try:
    import optuna
except ModuleNotFoundError as error:
    if error.name != "optuna":
        raise
    raise missing("Optuna", "optuna") from None

from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from kantor.integrations.optuna_space import Space, learnt

_TOLD = "kantor:study"
"""System attribute of trials that a study of Kantor was told of: its id."""
_CONSTRAINTS = "constraints"
_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass
class _Twin:
    """The study of Kantor that knows what an Optuna study knows, for one space.

    Attributes:
        known: numbers of Optuna's trials that it was told of.
    """

    mark: str
    study: Study
    space: Space
    objectives: tuple[str, ...]
    constraints: tuple[str, ...]
    known: set[int]


class KantorSampler(BaseSampler):
    """Suggestions by an engine of Kantor.

    Spaces are learnt from the trials: the first one is drawn by ``independent_sampler``. Parameters that only some
    trials have are understood as conditional where one other parameter explains when they are there (``units_2`` where
    ``layers >= 3``); what stays unexplained, and what changes its range, is drawn independently, with a warning. All
    of one point is suggested together, on condition of values that were enqueued, and knowing the trials that run.
    Failed trials count as failed, pruned ones by their last value.

    While the server is away trials are drawn independently, with a warning; it hears of them when it is back.

    Args:
        client: by default ``kantor.Client()``: from the environment, or the server of ``kantor up``.
        engine: of Kantor; "auto" chooses by space and data.
        seed: of both engine and independent sampler.
        constraints_func: of a finished trial, a sequence of numbers that are at most 0 where it is feasible.
            ``trial.set_constraint`` of Optuna 5 does the same.
        wait: seconds that a trial waits for a suggestion that knows the newest results.
        independent_sampler: by default ``RandomSampler(seed)``.
        warn_independent_sampling: whether to say so.
        name: of the study of Kantor, to find it; a mark of the space is added. By default the Optuna study's.
        settings: other fields of ``api_schemas.studies.StudyRequest``: ``noise``, ``engine_options``,
            ``early_stopping={"rule": "median"}`` for ``KantorPruner``...
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        engine: str = "auto",
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
        wait: float = 10.0,
        independent_sampler: BaseSampler | None = None,
        warn_independent_sampling: bool = True,
        name: str | None = None,
        **settings: Any,
    ) -> None:
        self._client = client
        self._settings = {"engine": engine, "seed": seed, "lease_seconds": 60.0, **settings}
        self._wait = wait
        self._name = name
        self._constraints_func = constraints_func
        self._independent = independent_sampler or RandomSampler(seed)
        self._warn = warn_independent_sampling
        self._start()

    def _start(self) -> None:
        self._lock = threading.RLock()
        self._twin: _Twin | None = None
        self._held: dict[int, tuple[_Twin, Trial]] = {}
        self._reached = False
        self._warned: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to one process; in another one the client is made from the environment."""
        left_out = ("_lock", "_twin", "_held", "_client", "_reached", "_warned")
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state, _client=None)
        self._start()

    def reseed_rng(self) -> None:
        self._independent.reseed_rng()

    # ------------------------------------------------------------------ what Optuna calls

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """All parameters that are understood, conditional ones too."""
        return dict(learnt(_shown(study)).distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A point of the engine: values of the parameters that are active at it."""
        if not search_space:
            return {}
        try:
            with self._lock:
                twin = self._twin_of(study)
                self._catch_up(twin, study)
            enqueued = {name: value for name, value in _enqueued(trial).items() if name in twin.space.distributions}
            fixed = _part(twin.space, enqueued)
            (asked,) = twin.study.ask(1, fixed=fixed, wait=self._wait)
        except StudyDone as error:
            self._say(f"{error}; trials are drawn independently")
            return {}
        except KantorError as error:
            self._bear(error, "trials are drawn independently meanwhile")
            return {}
        self._reached = True
        with self._lock:
            self._held[trial._trial_id] = (twin, asked.keep())
        # what another trial has taught meanwhile is not in Optuna's view of this one
        return {name: value for name, value in twin.space.values(asked.params).items() if name in search_space}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Of a parameter that is not understood (yet)."""
        held = self._held.get(trial._trial_id)
        new = held is None or param_name in held[0].space.distributions
        if self._warn and not new and any(param_name in other.params for other in _shown(study)):
            self._say(
                f"the parameter {param_name!r} is drawn independently: no other parameter explains when it is there, "
                "or its range changes. Define it always, with the same range, or let one parameter decide on it"
            )
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell Kantor of the result."""
        if self._constraints_func is not None and state in (TrialState.COMPLETE, TrialState.PRUNED):
            found = tuple(float(value) for value in self._constraints_func(trial))
            study._storage.set_trial_system_attr(trial._trial_id, _CONSTRAINTS, found)
            trial = _with_constraints(trial, found)
        with self._lock:
            held = self._held.pop(trial._trial_id, None)
        if held is not None:
            twin, asked = held
            try:
                if self._tell(twin, asked, trial, state, values):
                    study._storage.set_trial_system_attr(trial._trial_id, _TOLD, twin.study.id)
                    with self._lock:
                        twin.known.add(trial.number)
            except (StaleLease, Conflict):
                pass  # another evaluator had it meanwhile: this result is brought in as a trial of its own
            except KantorError as error:
                self._bear(error, "results are told when it is back")
            finally:
                asked.let_go()
        self._independent.after_trial(study, trial, state, values)

    # ------------------------------------------------------------------ towards Kantor

    def _twin_of(self, study: optuna.Study, *, marked: bool = True) -> _Twin:
        """The study for the space that is known by now."""
        shown = _shown(study)
        space = learnt(shown)
        complete = [trial for trial in shown if trial.state == TrialState.COMPLETE]
        names = set.intersection(*(set(trial.constraints) for trial in complete)) if complete else set()
        constraints = tuple(sorted(names))
        mark = f"{space.mark}{len(constraints) or ''}"
        if self._twin is None or self._twin.mark != mark or self._name_of(study) not in self._twin.study.name:
            objectives = _objectives(study)
            made = self._connected().studies.create(
                f"{self._name_of(study)} [{mark}]" if marked else self._name_of(study),
                space.parameters(),
                objectives,
                constraints={f"constraint {name}": "<= 0" for name in constraints},
                **{name: value for name, value in self._settings.items() if value is not None},
            )
            self._twin = _Twin(mark, made, space, tuple(objectives), constraints, set())
        return self._twin

    def _catch_up(self, twin: _Twin, study: optuna.Study) -> int:
        """Bring in finished trials that it does not know: older ones, enqueued ones, other samplers'. How many."""
        items = []
        for trial in study.get_trials(deepcopy=False, states=_STATES):
            if trial.number in twin.known:
                continue
            twin.known.add(trial.number)
            if trial.system_attrs.get(_TOLD) == twin.study.id:
                continue
            point = twin.space.point(trial.params)
            if point is not None:
                result = _result(twin, trial, trial.state, trial.values)
                items.append({"params": point, "key": f"{study.study_name[:150]} {trial.number}", **result})
        if items:
            try:
                return twin.study.add_trials(items)
            except KantorError:
                self._twin = None  # so that they are brought in the next time
                raise
        return 0

    def _tell(
        self, twin: _Twin, asked: Trial, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> bool:
        """False if the objective took another point than the one that was suggested."""
        if twin.space.point(trial.params) != asked.params:
            asked.release()
            return False
        result = _result(twin, trial, state, values)
        twin.study.tell(asked, result.get("values"), state=result["state"], reason=result.get("reason", ""))
        return True

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client()
        return self._client

    def _name_of(self, study: optuna.Study) -> str:
        return (self._name or study.study_name)[:200]

    def _bear(self, error: KantorError, consequence: str) -> None:
        """An outage is borne once the server was reached; what the server refuses is not."""
        refused = (
            isinstance(error, APIError) and error.status is not None and error.status < 500 and error.status != 429
        )
        if refused or not self._reached:
            raise error
        self._say(f"Kantor is away ({error}); {consequence}")

    def _say(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            warnings.warn(words, stacklevel=3)

    def _report(self, trial: FrozenTrial) -> bool:
        """For the pruner: the newest intermediate value of a trial that is held."""
        held = self._held.get(trial._trial_id)
        if held is None or trial.last_step is None:
            return False
        twin, asked = held
        try:
            return asked.report(trial.last_step, **{twin.objectives[0]: trial.intermediate_values[trial.last_step]})
        except KantorError as error:
            self._bear(error, "no trial is pruned meanwhile")
            return False


def load(client: Client, storage: Any, study_name: str | None, name: str, **settings: Any) -> tuple[Study, int]:
    """Bring the trials of an Optuna study into a study of Kantor. That is made if there is none of this name, with a
    space learnt from the trials.

    Args:
        storage: of Optuna: a URL or an object.
        study_name: by default the only study of the storage.
        name: of the study of Kantor.
        settings: of ``client.studies.create``.

    Returns:
        the study, and how many trials were new.

    Raises:
        KantorError: the storage has no such study, or no trials that ran through.
    """
    try:
        study = optuna.load_study(study_name=study_name, storage=storage)
    except (KeyError, ValueError) as error:
        known = ", ".join(sorted(optuna.get_all_study_names(storage)))
        raise KantorError(f"{study_name or 'the study'} cannot be loaded ({error}); the storage has: {known}") from None
    sampler = KantorSampler(client, name=name, **settings)
    if not learnt(_shown(study)).distributions:
        raise KantorError(f"{study.study_name!r} has no trials that ran through and vary something")
    twin = sampler._twin_of(study, marked=False)
    return twin.study, sampler._catch_up(twin, study)


class KantorPruner(BasePruner):
    """Early stopping by the rule of Kantor's study: it sees the intermediate values of all processes.

    ``sampler = KantorSampler(early_stopping={"rule": "asha"}); create_study(sampler=sampler,
    pruner=KantorPruner(sampler))``. Trials that Kantor did not suggest are never pruned.
    """

    def __init__(self, sampler: KantorSampler) -> None:
        self._sampler = sampler

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:  # noqa: ARG002
        return self._sampler._report(trial)


def _shown(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that ran through: those that failed may not have defined all of their parameters."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _objectives(study: optuna.Study) -> dict[str, str]:
    names = study.metric_names or (
        ["value"] if len(study.directions) == 1 else [f"value {k}" for k in range(len(study.directions))]
    )
    goals = {StudyDirection.MINIMIZE: "min", StudyDirection.MAXIMIZE: "max"}
    return {name: goals[direction] for name, direction in zip(names, study.directions, strict=True)}


def _result(twin: _Twin, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> dict[str, Any]:
    """State, values and reason of a trial for Kantor."""
    if state == TrialState.PRUNED and trial.last_step is not None and values is None:
        values = [trial.intermediate_values[trial.last_step]]
    complete = values is not None and len(values) == len(twin.objectives)
    if state == TrialState.FAIL or not complete or not all(name in trial.constraints for name in twin.constraints):
        words = "failed in Optuna" if state == TrialState.FAIL else "pruned without a value"
        return {"state": "failed", "reason": str(trial.system_attrs.get("fail_reason") or words)[:2000]}
    assert values is not None
    told = dict(zip(twin.objectives, map(float, values), strict=True))
    told |= {f"constraint {name}": float(trial.constraints[name]) for name in twin.constraints}
    return {"state": "completed" if state == TrialState.COMPLETE else "stopped", "values": told}


def _enqueued(trial: FrozenTrial) -> Mapping[str, Any]:
    found: Mapping[str, Any] = trial.system_attrs.get("fixed_params") or {}
    return found


def _part(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those values of a part of a point that fit, as Kantor has them."""
    fixed: dict[str, Any] = {}
    for name, value in params.items():
        one = Space({name: space.distributions[name]}).point({name: value})
        fixed |= one or {}
    return fixed


def _with_constraints(trial: FrozenTrial, found: tuple[float, ...]) -> FrozenTrial:
    import copy

    other = copy.copy(trial)
    other.system_attrs = {**trial.system_attrs, _CONSTRAINTS: found}
    return other


__all__ = ["KantorPruner", "KantorSampler", "load"]
