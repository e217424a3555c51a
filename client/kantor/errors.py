"""Everything that the client raises on purpose: one root, and one class for each code of ``api_schemas.errors.CODES``.

A failed job raises an exception that is both a ``JobFailed`` and the class of its code, so ``except
kantor.MalformedFile`` catches a broken file whether the API saw it at submit or a worker later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api_schemas.errors import FieldError, Problem


class KantorError(Exception):
    """Root of the client's errors."""


class ConnectionFailed(KantorError, ConnectionError):
    """No server answers at this address, or the connection broke and could not be made again."""


class Timeout(KantorError, TimeoutError):
    """The time that the caller wanted to wait is over. The job goes on: ``error.job`` can be waited for again."""

    def __init__(self, detail: str, *, job: Any = None) -> None:
        super().__init__(detail)
        self.job = job

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (str(self),)


class NoPoint(KantorError, LookupError):
    """The answer has no point, so there are no values to look at."""


class APIError(KantorError):
    """A refusal with a stable code, by the server or (then ``status`` is None) by the client itself before anything
    was sent.

    Attributes:
        code: a key of ``api_schemas.errors.CODES``.
        detail: what was wrong.
        errors: the fields at fault: each with ``pointer``, ``detail`` and ``hint``.
        status: the HTTP status, or None.
        request_id: to quote when asking the operator.
        retry_after: seconds that the server asked to wait, if it did.
    """

    code = "internal"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        errors: Sequence[FieldError] = (),
        status: int | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = list(errors)
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        lines = [self.detail]
        for k, error in enumerate(self.errors):
            hint = f"; {error.hint}" if error.hint else ""
            if error.hint and error.hint in self.detail:
                hint = ""  # said already, as of an unknown engine
            if k == 0 and (error.detail in self.detail or (error.hint and not hint)):
                lines[0] += hint + (f" (at {error.pointer})" if error.pointer not in self.detail else "")
            else:
                lines.append(f"  {error.pointer or 'request'}: {error.detail}{hint}")
        lines[-1] += f" [{self.code}]"
        if self.request_id and (self.status or 0) >= 500:
            lines.append(f"  request {self.request_id}")
        return "\n".join(lines)


class InvalidRequest(APIError):
    """The request does not fit the contract."""

    code = "invalid-request"


class MalformedJson(APIError):
    """The body is not JSON."""

    code = "malformed-json"


class InvalidProblem(APIError):
    """The problem contradicts itself: dimensions, NaN, lower above upper, a name used twice..."""

    code = "invalid-problem"


class MalformedFile(APIError):
    """The model file cannot be read; ``errors`` name the lines."""

    code = "malformed-file"


class InvalidOption(APIError):
    """An option is unknown or out of range."""

    code = "invalid-option"


class UnknownEngine(APIError):
    """No live worker offers this engine."""

    code = "unknown-engine"


class UnsupportedProblem(APIError):
    """The engine cannot solve this kind of problem."""

    code = "unsupported-problem"


class InvalidPageToken(APIError):
    """The page token does not fit this query."""

    code = "invalid-page-token"


class TooLarge(APIError):
    """The body is over the server's limit."""

    code = "too-large"


class RequestTimeout(APIError):
    """The body did not reach the server in time."""

    code = "request-timeout"


class UnsupportedMediaType(APIError):
    """This content type is not accepted."""

    code = "unsupported-media-type"


class Unauthenticated(APIError):
    """No valid API key."""

    code = "unauthenticated"


class Forbidden(APIError):
    """The key does not allow this."""

    code = "forbidden"


class NotFound(APIError):
    """There is no such thing in this project."""

    code = "not-found"


class MethodNotAllowed(APIError):
    """This address has other methods."""

    code = "method-not-allowed"


class NotAcceptable(APIError):
    """This form of reply is not offered."""

    code = "not-acceptable"


class RangeNotSatisfiable(APIError):
    """The range lies outside the content."""

    code = "range-not-satisfiable"


class Conflict(APIError):
    """The state does not allow this."""

    code = "conflict"


class StaleLease(Conflict):
    """Another evaluator has the trial now, or it is over: stop evaluating it."""

    code = "stale-lease"


class NotFinished(Conflict):
    """The job has no answer yet."""

    code = "not-finished"


class IdempotencyMismatch(APIError):
    """The idempotency key was used with another request."""

    code = "idempotency-mismatch"


class RateLimited(APIError):
    """Too many requests, also after waiting as the server asked."""

    code = "rate-limited"


class QuotaExceeded(APIError):
    """The project's quota (queued jobs, solver time of the month, bytes stored) is used up."""

    code = "quota-exceeded"


class EngineFailure(APIError):
    """The engine broke."""

    code = "engine-failure"


class OutOfMemory(APIError):
    """The memory limit was reached."""

    code = "out-of-memory"


class WorkerLost(APIError):
    """The workers that tried this job died."""

    code = "worker-lost"


class RunnerDied(APIError):
    """The process that solved this job died."""

    code = "runner-died"


class ArtifactMissing(APIError):
    """An artifact that the problem refers to does not exist."""

    code = "artifact-missing"


class Expired(APIError):
    """The deadline of the job passed before there was an answer."""

    code = "expired"


class Unavailable(APIError):
    """The service cannot do this now."""

    code = "unavailable"


class Internal(APIError):
    """Kantor made a mistake."""

    code = "internal"


def _classes(root: type[APIError]) -> dict[str, type[APIError]]:
    found: dict[str, type[APIError]] = {}
    for child in root.__subclasses__():
        if not issubclass(child, JobFailed):
            found[child.code] = child
            found.update(_classes(child))
    return found


def error_class(code: str) -> type[APIError]:
    """The class of a code; ``APIError`` itself for one that a newer server has and this client does not know."""
    return _classes(APIError).get(code, APIError)


class JobFailed(KantorError):
    """A job ended without an answer. What is raised is also the class of the error's code: ``JobFailed`` and
    ``OutOfMemory``...

    Attributes:
        job: the ``Job`` (or ``AsyncJob``).
        problem: problem details of the failure (``api_schemas.errors.Problem``), or None if the job was cancelled.
    """

    job: Any = None
    problem: Problem | None = None


class JobCancelled(JobFailed):
    """The job was cancelled before it had any answer."""


@cache
def _failure_class(code: str) -> type[JobFailed]:
    base = error_class(code)
    return type(base.__name__, (JobFailed, base), {"__doc__": base.__doc__, "__reduce__": _reduce_failure})


def _reduce_failure(self: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Without the job, whose connection cannot travel to another process."""
    return failure, (None, self.problem)


def failure(job: Any, problem: Problem) -> JobFailed:
    """The exception of a failed job."""
    made: Any = _failure_class(problem.code)
    error: JobFailed = made(
        problem.detail, code=problem.code, errors=problem.errors, status=problem.status, request_id=problem.request_id
    )
    error.job, error.problem = job, problem
    return error


def refusal(problem: Problem, *, status: int, retry_after: float | None = None, request_id: str = "") -> APIError:
    """The exception of a refused request."""
    return error_class(problem.code)(
        problem.detail,
        code=problem.code,
        errors=problem.errors,
        status=status,
        request_id=problem.request_id or request_id,
        retry_after=retry_after,
    )
