"""Jobs: how work is submitted, followed and answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from api_schemas.base import Extended, Labels, Line, Model, Name, Reply, Time
from api_schemas.bilevel import BilevelAnswer, BilevelOptions, BilevelProblem
from api_schemas.errors import Problem
from api_schemas.minimize import MinimizeAnswer, MinimizeOptions, MinimizeProblem
from api_schemas.options import SolveOptions
from api_schemas.pareto import ParetoAnswer, ParetoOptions, ParetoProblem
from api_schemas.programs import Program, ProgramAnswer, ProgramOptions
from api_schemas.saddle import SaddleAnswer, SaddleOptions, SaddleProblem
from api_schemas.schedules import ScheduleAnswer, ScheduleWork
from api_schemas.study_work import StudyAnswer, StudyWork
from api_schemas.transport import TransportAnswer, TransportOptions, TransportProblem

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
FINAL_STATES: frozenset[str] = frozenset({"succeeded", "failed", "cancelled", "expired"})

Task = Literal["solve", "inspect"]
"""solve: answer and certificate. inspect: read and analyse the problem only."""


def _kind(value: Any) -> Any:
    """What a problem says that it is; a program need not say it."""
    return value.get("kind", "program") if isinstance(value, dict) else getattr(value, "kind", None)


ProblemInput = Annotated[
    Annotated[Program, Tag("program")]
    | Annotated[TransportProblem, Tag("transport")]
    | Annotated[BilevelProblem, Tag("bilevel")]
    | Annotated[MinimizeProblem, Tag("minimize")]
    | Annotated[SaddleProblem, Tag("saddle")]
    | Annotated[ParetoProblem, Tag("pareto")]
    | Annotated[StudyWork, Tag("study")]
    | Annotated[ScheduleWork, Tag("schedule")],
    Discriminator(_kind),
]
"""The union of all problems on ``kind``. A new family adds itself here, in ``OPTIONS`` and in ``AnswerOutput``."""
OptionsInput = (
    ProgramOptions | TransportOptions | BilevelOptions | MinimizeOptions | SaddleOptions | ParetoOptions | SolveOptions
)
AnswerOutput = Annotated[
    ProgramAnswer
    | TransportAnswer
    | BilevelAnswer
    | MinimizeAnswer
    | SaddleAnswer
    | ParetoAnswer
    | StudyAnswer
    | ScheduleAnswer,
    Field(discriminator="kind"),
]

OPTIONS: dict[str, type[SolveOptions]] = {
    "program": ProgramOptions,
    "transport": TransportOptions,
    "bilevel": BilevelOptions,
    "minimize": MinimizeOptions,
    "saddle": SaddleOptions,
    "pareto": ParetoOptions,
    "study": SolveOptions,
    "schedule": SolveOptions,
}
"""The options of each kind of problem."""


class JobRequest(Model):
    """One unit of work."""

    problem: ProblemInput
    task: Task = "solve"
    engine: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")] = "auto"
    """An engine's id, "auto" (chosen by structure) or "race" (several at once, the first certified answer wins)."""
    options: Annotated[OptionsInput, Field(validate_default=True)] = Field(default_factory=dict)  # type: ignore[assignment]
    """Of the problem's kind."""
    name: Line = ""
    labels: Labels = {}
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Higher goes first, within the project."""
    deadline: Annotated[float, Field(ge=1e-3, le=30 * 86400)] | None = None
    """Seconds from now after which the answer is of no use: then the job expires, with the best answer so far."""
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """How often the job is begun anew when a worker dies."""
    retention: Annotated[float, Field(ge=1e-3, le=3650 * 86400)] | None = None
    """Seconds to keep the finished job; by default the server's rule."""

    @field_validator("options", mode="wrap")
    @classmethod
    def _of_the_kind(cls, options: Any, _: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """A union would try every kind's options, and report the errors of all; the problem says which are meant."""
        problem = info.data.get("problem")
        if problem is None:
            return options  # the problem is wrong itself: its kind is not known
        model = OPTIONS[problem.kind]
        return options if isinstance(options, model) else model.model_validate(options)


class Inspection(Reply):
    """What can be said of a problem before solving it (``task: "inspect"``)."""

    kind: str
    summary: str
    """Plain words."""
    details: dict[str, Any]
    """Of the family; for a program: size, structure, numerics, constraint kinds."""
    warnings: list[str] = []


class JobSummary(Reply):
    """The answer at a glance."""

    status: str
    objective: Extended | None = None
    bound: Extended | None = None
    gap: Extended | None = None
    verified: bool = False
    proved: bool = False
    engine: str = ""
    seconds: float | None = None
    """Time in the engine."""


class Job(Reply):
    """A job."""

    id: str
    kind: str
    task: Task
    state: JobState
    engine: str
    """As asked for; the one that answered is in ``summary``."""
    name: str = ""
    labels: dict[str, str] = {}
    pool: str
    priority: int
    attempt: int
    max_attempts: int
    created_at: Time
    started_at: Time | None = None
    finished_at: Time | None = None
    deadline_at: Time | None = None
    cancel_requested_at: Time | None = None
    expires_at: Time | None = None
    """When a finished job is deleted."""
    progress: dict[str, Any] | None = None
    """The newest metrics of a running job."""
    summary: JobSummary | None = None
    error: Problem | None = None
    last_seq: int = 0
    """Number of the newest event."""
    answer: AnswerOutput | None = None
    """Only where asked for, and there is one (also for cancelled and expired jobs: the best so far)."""
    inspection: Inspection | None = None
    warnings: list[str] = []
    """In the reply to a submit only: limits of the request that will not be granted."""


class JobPage(Reply):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_page_token: str = ""
    """Empty on the last page."""


class Validation(Reply):
    """The result of a dry run: the request would be accepted."""

    valid: Literal[True] = True
    kind: str
    engine: str
    pool: str
    inspection: Inspection | None = None
    """What a worker found on reading the problem; None if none was there to read it."""
    warnings: list[str] = []
    """What was not checked, and why; limits of the request that would not be granted."""


__all__ = [
    "FINAL_STATES",
    "AnswerOutput",
    "Inspection",
    "Job",
    "JobPage",
    "JobRequest",
    "JobState",
    "JobSummary",
    "Name",
    "OptionsInput",
    "ProblemInput",
    "Task",
    "Validation",
]
