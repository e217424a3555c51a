"""Studies: black-box optimization by ask and tell. The space, what is asked for, trials, analysis."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from api_schemas.base import Extended, Labels, Line, Measured, Model, Name, Reply, Time
from api_schemas.study_analyses import Analysis, PredictRequest
from api_schemas.study_spaces import Parameter, Point, check_space, wrong

Metric = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Values = Annotated[dict[Metric, Measured], Field(max_length=64)]
Goal = Literal["min", "max"]
StudyState = Literal["active", "paused", "archived"]
TrialState = Literal["waiting", "running", "completed", "stopped", "failed", "infeasible"]
"""waiting: enqueued, or given back by an evaluator that was lost. running: leased. stopped: ended early, with the
values it had. failed, infeasible: without values; engines learn from both."""
FINISHED: frozenset[str] = frozenset({"completed", "stopped", "failed", "infeasible"})


def _bound(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    try:
        return check(value)
    except ValidationError:
        raise ValueError(f"must be '<= NUMBER' or '>= NUMBER', but is {value!r:.60}") from None


Bound = Annotated[
    str,
    StringConstraints(pattern=r"^\s*(<=|>=)\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?\s*$"),
    WrapValidator(_bound),
]


class EarlyStopping(Model):
    """When a trial that reports intermediate values should stop.

    median: its best value so far is worse than the median of the other trials' means up to the same step.
    asha: at the steps ``grace * reduction**k`` it is not among the best 1/reduction of the trials that got there.
    curve: power laws through its learning curve (five points and more) leave it less than ``chance`` of being, at step
        ``horizon``, better than the best completed trial.
    """

    rule: Literal["none", "median", "asha", "curve"] = "none"
    metric: Metric | None = None
    """By default the first objective."""
    grace: Annotated[int, Field(ge=0, le=10**9)] = 1
    """Steps before which no trial is stopped; for asha the first rung."""
    startup: Annotated[int, Field(ge=1, le=10_000)] = 5
    """For median: how many other trials must have got as far; for curve: how many must be completed."""
    reduction: Annotated[int, Field(ge=2, le=100)] = 3
    horizon: Annotated[int, Field(ge=1, le=10**9)] | None = None
    """For curve: the step at which an evaluation ends."""
    chance: Annotated[float, Field(gt=0, lt=1)] = 0.05


class StudyRequest(Model):
    """A new study; or, if the project has one of this name with the same definition, that one."""

    name: Name
    space: Annotated[dict[Metric, Parameter], Field(min_length=1, max_length=500)]
    """Parameters by name, in the order in which they are shown."""
    input_constraints: Annotated[list[Annotated[str, Field(min_length=3, max_length=2000)]], Field(max_length=100)] = []
    """Conditions that every suggested point meets, on numbers: "x + 2*y <= 10"."""
    objectives: Annotated[dict[Metric, Goal], Field(max_length=16)] = {}
    """At least one, except in a study by preference."""
    preference: bool = False
    """There are no values to be told: someone compares trials, and says which are better."""
    constraints: Annotated[dict[Metric, Bound], Field(max_length=64)] = {}
    """On metrics that an evaluation yields: ``{"memory": "<= 16"}``."""
    engine: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")] = "auto"
    engine_options: Annotated[dict[str, float | int | bool | str], Field(max_length=256)] = {}
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """By default drawn once, and kept: suggestions can be reproduced from what is stored."""
    noise: bool | None = None
    """Whether equal points give different values; by default the engine finds out."""
    budget: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Most trials that are handed out."""
    lease_seconds: Annotated[float, Field(ge=1, le=7 * 86400)] = 60.0
    """After this silence of its evaluator a trial goes back to the pool."""
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    """A trial whose evaluators are lost so often has failed."""
    early_stopping: EarlyStopping = EarlyStopping()
    prefetch: Annotated[int, Field(ge=1, le=256)] | None = None
    """Suggestions to have ready; by default about as many as there are evaluators."""
    parallel: Annotated[int, Field(ge=1, le=10_000)] = 1
    """How many evaluators there will be, and"""
    evaluation_seconds: Annotated[float, Field(gt=0, le=1e8)] | None = None
    """how long an evaluation takes, as far as known: engines weigh their own time against it."""
    guesses: Annotated[list[Point], Field(max_length=1000)] = []
    """Points to try first."""
    labels: Labels = {}

    @model_validator(mode="after")
    def _fits(self) -> StudyRequest:
        check_space(self.space, self.input_constraints, self.guesses)
        if self.preference and (self.objectives or self.constraints):
            place = "/objectives" if self.objectives else "/constraints"
            raise wrong(place, "a study by preference has neither objectives nor constraints on outcomes")
        if not self.preference and not self.objectives:
            raise wrong("/objectives", 'give at least one, like {"loss": "min"}; or preference: true')
        if self.preference and self.early_stopping.rule != "none":
            raise wrong(
                "/early_stopping/rule", "a study by preference has no intermediate values that could stop a trial"
            )
        if self.early_stopping.rule == "curve" and self.early_stopping.horizon is None:
            raise wrong(
                "/early_stopping/horizon", "is missing: the step at which an evaluation ends, which this rule looks at"
            )
        both = sorted(self.objectives.keys() & self.constraints.keys())
        if both:
            raise wrong(f"/constraints/{both[0]}", f"{both[0]!r} is both an objective and a constraint")
        metric = self.early_stopping.metric
        if metric is not None and metric not in self.objectives:
            raise wrong("/early_stopping/metric", f"{metric!r} is none of the objectives")
        return self


class StudyCounts(Reply):
    """Trials by state."""

    waiting: int = 0
    running: int = 0
    completed: int = 0
    stopped: int = 0
    failed: int = 0
    infeasible: int = 0


class Study(Reply):
    """A study."""

    id: str
    name: str
    state: StudyState
    space: dict[str, Parameter]
    input_constraints: list[str] = []
    objectives: dict[str, Goal]
    preference: bool = False
    constraints: dict[str, str] = {}
    engine: str
    engine_options: dict[str, Any] = {}
    seed: int
    noise: bool | None = None
    budget: int | None = None
    lease_seconds: float
    max_attempts: int
    early_stopping: EarlyStopping = EarlyStopping()
    prefetch: int | None = None
    labels: dict[str, str] = {}
    trials: StudyCounts = StudyCounts()
    prepared: int = 0
    """Suggestions that wait to be asked for."""
    watermark: int = 0
    """Number of the newest change of what engines see."""
    problem: str = ""
    """Why no suggestion could be made the last time, if so; asks are then answered by quasi-random points."""
    warnings: list[str] = []
    """What is odd about the space: parameters that are never active."""
    created_at: Time
    updated_at: Time


class StudyPage(Reply):
    """A page of studies, newest first."""

    studies: list[Study]
    next_page_token: str = ""


class AskRequest(Model):
    """A wish for trials to evaluate."""

    count: Annotated[int, Field(ge=1, le=256)] = 1
    client_id: Annotated[Line, Field(max_length=100)] = ""
    """Of the evaluator: who asks again with the same id gets the trials that it still holds."""
    fixed: Point = {}
    """Values that all points must have."""
    wait: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Seconds to wait for suggestions that know the newest results; then older ones are taken, or quasi-random ones."""
    lease_seconds: Annotated[float, Field(ge=1, le=7 * 86400)] | None = None
    """By default the study's."""


class Trial(Reply):
    """One evaluation of the black box."""

    number: int
    """From 1, within the study."""
    state: TrialState
    params: Point
    values: dict[str, Extended] | None = None
    """Of objectives and constraints, and whatever else was told."""
    feasible: bool | None = None
    """Whether the constraints hold, for a trial with values."""
    reason: str = ""
    """Why it failed, is infeasible, or was stopped."""
    attempt: int = 0
    """Counts the leases: the fence of heartbeats and tells."""
    client_id: str = ""
    lease_until: Time | None = None
    lease_seconds: float | None = None
    origin: Literal["engine", "quasi-random", "user"]
    why: str = ""
    """Why this point."""
    engine: str = ""
    engine_version: str = ""
    seed: int | None = None
    """With ``watermark`` and the engine's version this reproduces the suggestion."""
    watermark: int | None = None
    """The data that the suggestion was made of."""
    explanation: dict[str, Any] = {}
    created_at: Time
    started_at: Time | None = None
    finished_at: Time | None = None


class AskReply(Reply):
    """Trials, leased to the evaluator; fewer than asked for (or none) only if ``done``."""

    trials: list[Trial]
    done: bool = False
    reason: str = ""
    """Why there are no more: the budget is used, or the space has no other points."""


class TrialRequest(Model):
    """A point of the user's own: to be evaluated next, or (with ``values``) evaluated already."""

    params: Point
    values: Values | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""


class TrialPage(Reply):
    """A page of trials by number."""

    trials: list[Trial]
    next_after: int | None = None
    """Pass as ``after`` for the next page; None on the last one."""


class TellRequest(Model):
    """The end of an evaluation."""

    state: Literal["completed", "stopped", "failed", "infeasible"] = "completed"
    values: Values | None = None
    """Every objective and constraint; without it the newest report counts. NaN and infinity make the trial failed."""
    reason: Annotated[str, Field(max_length=2000)] = ""
    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Of the lease; without it whoever tells first is believed."""


class EditRequest(Model):
    """A correction of a finished trial; its history keeps what was there before."""

    state: Literal["completed", "failed", "infeasible"] = "completed"
    values: Values | None = None
    reason: Annotated[str, Field(max_length=2000)] = ""


class LeaseRequest(Model):
    """A sign of life, or the return of a trial."""

    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)]


class Lease(Reply):
    """What an evaluator learns."""

    lease_until: Time | None = None
    should_stop: bool = False
    reason: str = ""


class ReportRequest(Model):
    """Intermediate values; also a sign of life. The same step again replaces what was reported."""

    step: Annotated[int, Field(ge=0, le=2**53)]
    values: Values
    attempt: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class Report(Reply):
    step: int
    values: dict[str, Extended]
    at: Time


class TrialChange(Reply):
    """One entry of a trial's history."""

    watermark: int
    at: Time
    type: Literal["added", "asked", "returned", "completed", "stopped", "failed", "infeasible", "edited"]
    values: dict[str, Extended] | None = None
    reason: str = ""
    before: dict[str, Any] | None = None
    """What an edit replaced."""
    by: str = ""


class TrialHistory(Reply):
    """Everything that happened to a trial, in order."""

    changes: list[TrialChange]
    reports: list[Report] = []


class Front(Reply):
    """The trials that no other one beats in all objectives, feasible ones only."""

    trials: list[Trial]
    hypervolume: Extended | None = None
    """Dominated by the front, from ``reference`` on; for two objectives."""
    reference: dict[str, Extended] = {}
    """The worst value of each objective among feasible trials."""


__all__ = [
    "FINISHED",
    "Analysis",
    "AskReply",
    "AskRequest",
    "EarlyStopping",
    "EditRequest",
    "Front",
    "Goal",
    "Lease",
    "LeaseRequest",
    "PredictRequest",
    "Report",
    "ReportRequest",
    "Study",
    "StudyCounts",
    "StudyPage",
    "StudyRequest",
    "StudyState",
    "TellRequest",
    "Trial",
    "TrialChange",
    "TrialHistory",
    "TrialPage",
    "TrialRequest",
    "TrialState",
]
