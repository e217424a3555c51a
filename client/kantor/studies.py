"""Studies: black-box optimization by ask and tell."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Never, TypeVar
from uuid import uuid4

from api_schemas.studies import AskRequest, EditRequest, StudyRequest, TellRequest, TrialRequest
from api_schemas.study_imports import ImportRequest
from api_schemas.study_spaces import oddities
from kantor.errors import KantorError
from kantor.studies_looks import StudyLooks
from kantor.studies_space import space_fields
from kantor.studies_tables import StudyTables, as_html
from kantor.studies_trial import Trial, TrialBase, numbers
from kantor.wire import study_routes as routes
from kantor.wire.steps import Flow

if TYPE_CHECKING:
    from api_schemas.studies import Study as StudyInfo
    from api_schemas.studies import TrialHistory
    from kantor.client import Client
    from kantor.studies_loop import Caught
    from kantor.studies_plot import Plot

T = TypeVar("T")
_GOALS = {"minimize": "min", "maximize": "max"}


class StudyDone(KantorError):
    """There are no more trials: the budget is used, or the space has no other points."""


class StudyBase:
    """A study as it was when last looked at.

    Attributes:
        info: everything that the server said of it (``api_schemas.studies.Study``).
    """

    def __init__(self, info: StudyInfo) -> None:
        self.info = info

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def state(self) -> str:
        """active, paused or archived."""
        return self.info.state

    @property
    def objectives(self) -> dict[str, Any]:
        """Name to "min" or "max"."""
        return dict(self.info.objectives)

    def __repr__(self) -> str:
        counts = {name: count for name, count in self.info.trials.model_dump().items() if count}
        return f"<{type(self).__name__} {self.id} {self.name!r}: {self.state}, trials {counts}>"

    def _repr_html_(self) -> str:
        return as_html(self.info)


class Study(StudyLooks, StudyTables, StudyBase):
    """A study; may be shared by threads, and used from many machines at once."""

    def __init__(self, client: Client, info: StudyInfo) -> None:
        super().__init__(info)
        self._client = client

    def trial(self, *, client_id: str = "", fixed: Mapping[str, Any] | None = None, wait: float = 5.0) -> Trial:
        """One trial, for a ``with`` block that evaluates it.

        Args:
            client_id: of this evaluator: after a crash it gets the trial again that it held.
            fixed: values that the point must have.
            wait: seconds to wait for a suggestion that knows the newest results.

        Raises:
            StudyDone: there are no more.
        """
        found = self.ask(1, client_id=client_id, fixed=fixed, wait=wait)
        return found[0]

    def ask(
        self,
        count: int = 1,
        *,
        client_id: str = "",
        fixed: Mapping[str, Any] | None = None,
        wait: float = 5.0,
        lease_seconds: float | None = None,
    ) -> list[Trial]:
        """Trials to evaluate, leased until ``lease_seconds`` pass without a sign of life. Arguments as in ``trial``.

        Raises:
            StudyDone: there are no more.
        """
        request = ask_request(count, client_id, fixed, wait, lease_seconds)
        reply = self._run(routes.ask(self._policy, self.id, request))
        if not reply.trials:
            raise StudyDone(f"{self.name!r} has no more trials: {reply.reason}")
        return [Trial(self, info) for info in reply.trials]

    def tell(
        self,
        trial: TrialBase | int,
        values: Mapping[str, float] | float | None = None,
        /,
        *,
        state: str = "completed",
        reason: str = "",
        **named: float,
    ) -> Trial:
        """The result of a trial: a number (for one objective), a mapping, or by name. Telling twice is as telling once.

        Raises:
            Conflict: something else was told before; correct it by ``edit``.
            StaleLease: another evaluator has it now.
        """
        number, request = tell_request(self, trial, values, state, reason, named)
        return Trial(self, self._run(routes.tell(self._policy, self.id, number, request)))

    def add(
        self, params: Mapping[str, Any], values: Mapping[str, float] | float | None = None, reason: str = ""
    ) -> Trial:
        """A point of your own: to be evaluated next, or with ``values`` (as in ``tell``) evaluated already."""
        told = numbers(by_name(self, values))
        request = routes.make(TrialRequest, {"params": dict(params), "values": told, "reason": reason or None})
        return Trial(self, self._run(routes.add(self._policy, self.id, request)))

    def add_trials(self, trials: Iterable[Mapping[str, Any]]) -> int:
        """Evaluations that were made elsewhere, many at once. Returns how many were new.

        Args:
            trials: each with ``params``, ``values`` (or ``state`` "failed" or "infeasible" and a ``reason``), and a
                ``key`` if it is not to be stored twice however often it is sent.

        Raises:
            InvalidRequest: one does not fit; those of its thousand are not stored.
        """
        new = 0
        for request in import_requests(trials):
            new += self._run(routes.add_trials(self._policy, self.id, request)).imported
        return new

    def edit(
        self, number: int, values: Mapping[str, float] | float, *, reason: str = "", state: str = "completed"
    ) -> Trial:
        """Correct a finished trial (values as in ``tell``); ``history`` keeps what was there before."""
        told = numbers(by_name(self, values))
        request = routes.make(EditRequest, {"values": told, "reason": reason or None, "state": state})
        return Trial(self, self._run(routes.edit(self._policy, self.id, number, request)))

    def best(self) -> Trial:
        """The best feasible trial by the first objective.

        Raises:
            NotFinished: there is none yet.
        """
        return Trial(self, self._run(routes.best(self._policy, self.id)))

    def pareto(self) -> list[Trial]:
        """The feasible trials that no other one beats in all objectives."""
        return [Trial(self, info) for info in self._run(routes.front(self._policy, self.id)).trials]

    def trials(self, *states: str) -> Iterator[Trial]:
        """Trials by number; only those in the given states, if any are given."""
        for info in self._client._iterate(routes.trials(self._policy, self.id, states)):
            yield Trial(self, info)

    def history(self, number: int) -> TrialHistory:
        """Everything that happened to a trial, and its reports."""
        return self._run(routes.history(self._policy, self.id, number))

    def replay(self, number: int) -> dict[str, Any]:
        """Make the suggestion of a trial again from what was known then, and compare."""
        return self._run(routes.replay(self._policy, self.id, number)).replay or {}

    def plot(self, kind: str = "history", *parameters: str, **settings: Any) -> Plot:
        """A picture. Notebooks show it; ``save`` writes an SVG.

        Args:
            kind: "history", "curves", "pareto", "hypervolume", "parameters", "importance", "marginals", "contour",
                "calibration" or "utilities".
            parameters: for "marginals" (by default all) and "contour" (two; by default the most important ones).
            settings: ``objective``, ``grid`` and ``trial`` of ``marginals`` and ``contour``; ``most`` trials of
                "curves" (40).
        """
        from kantor.studies_plot import plot

        return plot(self, kind, parameters, settings)

    def optimize(
        self,
        function: Callable[[Trial], Any],
        *,
        trials: int | None = None,
        parallel: int = 1,
        progress: bool = True,
        seconds: float | None = None,
        callback: Callable[[Trial], Any] | None = None,
        catch: Caught = (),
        **unknown: Never,
    ) -> Trial | None:
        """Evaluate ``function(trial)`` until so many trials are done. What it raises makes its trial failed and
        ends the loop, unless ``catch`` names it. See ``kantor.studies_loop.optimize``."""
        from kantor.studies_loop import count_of, optimize

        return optimize(
            self,
            function,
            trials=count_of(trials, unknown),
            parallel=parallel,
            progress=progress,
            seconds=seconds,
            callback=callback,
            catch=catch,
        )

    def refresh(self) -> Study:
        self.info = self._run(routes.load(self._policy, self.id))
        return self

    def pause(self) -> Study:
        """Hand out no more trials; results are still taken."""
        return self._change("pause")

    def resume(self) -> Study:
        return self._change("resume")

    def archive(self) -> Study:
        """Take nothing any more; evaluators are told to stop."""
        return self._change("archive")

    def delete(self) -> None:
        """Delete it with all its trials; it must be archived."""
        self._run(routes.delete(self._policy, self.id))

    @property
    def _policy(self) -> Any:
        return self._client._policy

    def _run(self, flow: Flow[T]) -> T:
        return self._client._run(flow)

    def _change(self, what: str) -> Study:
        self.info = self._run(routes.change(self._policy, self.id, what))
        return self


class Studies:
    """``client.studies``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        name: str,
        space: Mapping[str, Any],
        objectives: Mapping[str, str] | str = "min",
        *,
        constraints: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> Study:
        """A new study, or the one of this name with the same definition.

        Args:
            space: ``{"lr": kantor.Float(1e-5, 1e-1, log=True), "layers": kantor.Int(1, 8), ...}``.
            objectives: ``{"loss": "min", "speed": "max"}``; or "min" or "max" for a single one called "value"
                ("minimize" and "maximize" too); or "preference": there are no values, someone says which trials are
                better (``rank``, ``prefer``).
            constraints: on metrics that an evaluation yields: ``{"memory": "<= 16"}``.
            settings: fields of ``api_schemas.studies.StudyRequest``: ``input_constraints``, ``engine``, ``seed``,
                ``budget``, ``lease_seconds``, ``early_stopping``, ``guesses``, ``noise``...

        Raises:
            Conflict: there is a study of this name with another definition.
        """
        request = study_request(name, space, objectives, constraints, settings)
        info = self._client._run(routes.create(self._client._policy, request))
        for text in set(info.warnings).difference(oddities(request.space)):
            warnings.warn(text, stacklevel=2)
        return Study(self._client, info)

    def get(self, name: str) -> Study:
        """By id or name.

        Raises:
            NotFound: there is none.
        """
        return Study(self._client, self._client._run(routes.load(self._client._policy, name)))

    def __iter__(self) -> Iterator[Study]:
        return self.list()

    def list(self, state: str | None = None) -> Iterator[Study]:
        """All studies, newest first."""
        for info in self._client._iterate(routes.pages(self._client._policy, state)):
            yield Study(self._client, info)


def study_request(
    name: str,
    space: Mapping[str, Any],
    objectives: Mapping[str, str] | str,
    constraints: Mapping[str, str] | None,
    settings: Mapping[str, Any],
) -> StudyRequest:
    """The request for a study."""
    if settings.get("preference") is True and objectives in ("min", None):  # "min": none were given
        objectives = "preference"
    preference = objectives == "preference" or None
    goals = {} if preference else {"value": objectives} if isinstance(objectives, str) else objectives
    if not isinstance(goals, Mapping):
        raise KantorError(f'objectives are given by name, such as {{"loss": "min"}}, or as "min", not as {goals!r:.80}')
    goals = {name: _GOALS.get(str(goal), goal) for name, goal in goals.items()}
    if isinstance(settings.get("engine"), str):
        settings = {**settings, "engine": settings["engine"].lower()}
    fields = {
        "preference": preference,
        "name": name,
        "space": space_fields(space),
        "objectives": goals,
        "constraints": constraints,
        **settings,
    }
    request = routes.make(StudyRequest, fields)
    for text in oddities(request.space):
        warnings.warn(text, stacklevel=3)
    return request


def ask_request(
    count: int, client_id: str, fixed: Mapping[str, Any] | None, wait: float, lease_seconds: float | None
) -> AskRequest:
    """Without an id of the user's own, one for this ask: if its reply is lost, the second try gets the same trials."""
    fields = {
        "count": count,
        "client_id": client_id or uuid4().hex,
        "fixed": dict(fixed or {}),
        "wait": wait,
        "lease_seconds": lease_seconds,
    }
    return routes.make(AskRequest, fields)


def by_name(study: StudyBase, values: Mapping[str, float] | float | None) -> Mapping[str, float] | None:
    """Values by name; a number is the objective's.

    Raises:
        ValueError: a number, in a study by preference.
    """
    if values is None or isinstance(values, Mapping):
        return values
    if study.info.preference:
        raise ValueError("a study by preference has no values to tell: compare its trials by rank() or prefer()")
    return {next(iter(study.info.objectives)): values}


def tell_request(
    study: StudyBase,
    trial: TrialBase | int,
    values: Mapping[str, float] | float | None,
    state: str,
    reason: str,
    named: Mapping[str, float],
) -> tuple[int, TellRequest]:
    """The number of a trial, and what to tell of it."""
    told = {**(by_name(study, values) or {}), **named} or None
    number, attempt = (trial, None) if isinstance(trial, int) else (trial.number, trial.info.attempt or None)
    fields = {"state": state, "values": numbers(told), "reason": reason or None, "attempt": attempt}
    return number, routes.make(TellRequest, fields)


def import_requests(trials: Iterable[Mapping[str, Any]]) -> Iterator[ImportRequest]:
    """Requests of at most a thousand trials."""
    rest = iter(trials)
    while part := list(islice(rest, 1000)):
        items = [{**item, "values": numbers(item.get("values"))} for item in part]
        yield routes.make(ImportRequest, {"trials": items})
