"""Schedules: curves of a knob over the steps of a training, with versions, runs and observations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, model_validator

from api_schemas.base import Extended, Labels, Line, Measured, Model, Name, Reply, Time
from api_schemas.study_spaces import wrong

Policy = Literal["linear", "constant", "cosine", "wsd", "refined", "adaptive-batch", "pb2", "sor-bandit"]
"""linear, constant, cosine, wsd (warm up, stay, decay): curves. refined: linear decay, until ``refine`` makes a better
one of gradient norms. adaptive-batch: the batch grows by the norm test. pb2: a population of runs shares values.
sor-bandit: a value for each run, learnt from what runs cost."""
ADVISED: frozenset[str] = frozenset({"adaptive-batch", "pb2", "sor-bandit"})
"""Policies that advise runs while they learn; the others give curves."""

Knob = Literal[
    "learning-rate", "momentum", "weight-decay", "batch-size", "dropout", "temperature", "solver-parameter", "other"
]
Knots = list[tuple[float, float]]
Values = Annotated[dict[Annotated[Line, Field(min_length=1, max_length=100)], Measured], Field(max_length=64)]


class Context(Model):
    """The range of what a bandit is told of each run."""

    low: FiniteFloat
    high: FiniteFloat

    @model_validator(mode="after")
    def _range(self) -> Context:
        if self.low >= self.high:
            raise ValueError("the range of the context is empty")
        return self


class ScheduleRequest(Model):
    """A new schedule; or the one of this name with the same definition."""

    name: Name
    kind: Knob = "learning-rate"
    horizon: Annotated[int, Field(ge=1, le=10**12)]
    """Steps (or tokens) of a training."""
    policy: Policy = "linear"
    peak: Annotated[FiniteFloat, Field(gt=0)] = 1.0
    """Largest value of the curve; frameworks multiply their own base value by it."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Last value, as a share of the peak."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the horizon in which the curve rises from 0."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.2
    """For wsd: share of the horizon in which it falls."""
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    """For pb2 and sor-bandit: the range of the value; for adaptive-batch the first and the largest batch."""
    log: bool = False
    arms: Annotated[int, Field(ge=2, le=100)] = 10
    """For sor-bandit: values of an even grid."""
    context: Context | None = None
    """For sor-bandit: each run says a number in this range, on which the best value depends."""
    interval: Annotated[int, Field(ge=1)] | None = None
    """For pb2: steps between two exchanges; by default a twentieth of the horizon."""
    quantile: Annotated[float, Field(gt=0, le=0.5)] = 0.25
    """For pb2: which share of the population copies the best."""
    goal: Literal["min", "max"] = "max"
    """For pb2: whether a high score is good."""
    test: Literal["norm", "inner-product"] = "norm"
    eta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """For adaptive-batch: the noise that a gradient may have, as a share of its norm (theta, of the other test)."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    labels: Labels = {}

    @model_validator(mode="after")
    def _fits(self) -> ScheduleRequest:
        if self.policy in ADVISED:
            if self.low is None or self.high is None or self.low >= self.high:
                place = "/low" if self.low is None else "/high"
                raise wrong(place, f"the policy {self.policy} needs low and high, low below high")
            if self.log and self.low <= 0:
                raise wrong("/low", f"a logarithmic range needs low above 0, but low is {self.low:g}")
            if self.policy == "adaptive-batch" and (self.low < 1 or self.high > 2**40):
                raise wrong("/low" if self.low < 1 else "/high", "batch sizes are between 1 and 2**40")
        if self.warmup + (self.decay if self.policy == "wsd" else 0.0) > 1.0:
            raise wrong("/warmup", "warmup and decay together are more than the whole horizon")
        if self.context is not None and self.policy != "sor-bandit":
            raise wrong("/context", "only the policy sor-bandit takes a context")
        return self


class Schedule(Reply):
    """A schedule."""

    id: str
    name: str
    state: Literal["active", "archived"]
    kind: str
    horizon: int
    policy: Policy
    definition: dict[str, Any] = {}
    """The other fields of the request."""
    versions: int
    current: int
    """The version that new runs get."""
    runs: int
    labels: dict[str, str] = {}
    created_at: Time
    updated_at: Time


class SchedulePage(Reply):
    schedules: list[Schedule]
    next_page_token: str = ""


class ScheduleVersion(Reply):
    """A curve, and how it came about."""

    version: int
    curve: Knots
    """(step, value); straight between, constant beyond."""
    provenance: dict[str, Any]
    created_at: Time


class VersionList(Reply):
    versions: list[ScheduleVersion]


class PromoteRequest(Model):
    """Which version new runs get."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


class RunRequest(Model):
    """A training that follows the schedule."""

    client_id: Annotated[Line, Field(max_length=100)] = ""
    """Who asks again with the same id gets the same run."""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """By default the schedule's current one."""
    context: FiniteFloat | None = None


class Run(Reply):
    """A training, with the curve that it follows."""

    number: int
    version: int
    state: Literal["running", "finished", "failed"]
    horizon: int
    curve: Knots
    advice: dict[str, Any] = {}
    """Of policies that advise: ``value``; for adaptive-batch ``batch``; for pb2 also ``copy_from``, a run whose weights
    to take over."""
    final: dict[str, Extended] | None = None
    reason: str = ""
    """Why it failed; of one that runs, what was not a number the first time."""
    created_at: Time
    finished_at: Time | None = None


class RunList(Reply):
    runs: list[Run]


class Observation(Model):
    """What was seen at a step."""

    step: Annotated[int, Field(ge=0, le=2**53)]
    norm: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """l2 norm of the gradient."""
    norm1: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """l1 norm: for Adam and its kin."""
    variance: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """Of single samples' gradients (the trace); for the inner-product test of their products with the gradient."""
    orthogonal: Annotated[FiniteFloat, Field(ge=0)] | None = None
    loss: Measured | None = None
    """NaN and infinity are kept; a run that ends with such a loss has failed."""
    score: Measured | None = None
    """For pb2; NaN and infinity count as the worst."""
    batch: Annotated[int, Field(ge=1, le=2**53)] | None = None
    value: FiniteFloat | None = None
    """The value that was really used."""


class ObservationBatch(Model):
    """Observations of a run. A step that was sent before is not stored again; a run that has ended takes no new one."""

    observations: Annotated[list[Observation], Field(min_length=1, max_length=10_000)]


class Received(Reply):
    """What a run learns when it sends observations."""

    stored: int
    version: int
    """If the schedule has a newer one for running runs than the run knows, it should fetch it."""
    advice: dict[str, Any] = {}


Quantity = Literal["norm", "norm1", "variance", "orthogonal", "loss", "score", "batch", "value"]
"""What observations may hold."""


class Cell(Reply):
    """What a run saw within a stretch of steps."""

    step: int
    """The first one with an observation."""
    count: int
    median: float
    low: float
    high: float


class ObservedRun(Reply):
    """One quantity of a run over its steps, thinned for a picture."""

    number: int
    version: int
    state: Literal["running", "finished", "failed"]
    count: int
    """Observations behind the cells."""
    cells: list[Cell]


class Observed(Reply):
    """One quantity of several runs over their steps, to be drawn over each other."""

    of: Quantity
    stretch: int
    """Steps of a cell; 1 if nothing was thinned."""
    runs: list[ObservedRun]


class StoredObservation(Reply):
    """What was seen at a step, as it was sent."""

    step: int
    norm: float | None = None
    norm1: float | None = None
    variance: float | None = None
    orthogonal: float | None = None
    loss: Extended | None = None
    score: Extended | None = None
    batch: int | None = None
    value: float | None = None


class ObservationPage(Reply):
    """Observations of a run by step."""

    observations: list[StoredObservation]
    after: int
    """Ask for those after this step next."""
    more: bool


class FinishRequest(Model):
    """The end of a run."""

    state: Literal["finished", "failed"] = "finished"
    """A run whose final values, or whose last loss, are no numbers has failed, whatever is said here."""
    final: Values = {}
    """For sor-bandit: ``cost``."""
    reason: Annotated[str, Field(max_length=2000)] = ""
    """Why it failed."""


class RefineRequest(Model):
    """A better curve from the gradient norms of runs."""

    runs: Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(max_length=1000)] | None = None
    """By default all that are finished."""
    norm: Literal["l2", "l1"] = "l2"
    tau: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Width of the median filter, as a share of the horizon."""
    power: Annotated[float, Field(ge=0, le=4)] | None = None
    """How strongly norms weigh; 2 for l2 and 1 for l1 by the theory. By default that, or less where norms vanish
    towards the end; 0 gives linear decay."""
    promote: bool = True
    """New runs get the new version."""


class ScheduleWork(Model):
    """What a job of kind "schedule" does. The data are read when the job begins."""

    kind: Literal["schedule"] = "schedule"
    schedule: Annotated[str, Field(pattern=r"^sch_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    work: Literal["refine", "advise"]
    runs: Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(max_length=1000)] | None = None
    norm: Literal["l2", "l1"] = "l2"
    tau: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    power: Annotated[float, Field(ge=0, le=4)] | None = None
    promote: bool = True


class ScheduleAnswer(Reply):
    """The answer of a job of kind "schedule"."""

    kind: Literal["schedule"] = "schedule"
    status: Literal["done"] = "done"
    work: str = ""
    schedule: str = ""
    curve: Knots | None = None
    provenance: dict[str, Any] = {}
    memory: dict[str, Any] | None = None
    advice: dict[int, dict[str, Any]] = {}
    """By run."""
    promote: bool = True
