"""Every error code of Kantor, once: HTTP status and title. REST, gRPC and the client's exceptions are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from api_schemas.base import Reply


@dataclass(frozen=True)
class ErrorCode:
    """A stable code. ``gRPC`` is the name of the canonical status."""

    code: str
    status: int
    title: str
    grpc: str


CODES: dict[str, ErrorCode] = {
    entry.code: entry
    for entry in (
        # the request
        ErrorCode("invalid-request", 422, "The request does not fit the contract", "INVALID_ARGUMENT"),
        ErrorCode("malformed-json", 400, "The body is not JSON", "INVALID_ARGUMENT"),
        ErrorCode("invalid-problem", 422, "The problem contradicts itself", "INVALID_ARGUMENT"),
        ErrorCode("malformed-file", 422, "The model file cannot be read", "INVALID_ARGUMENT"),
        ErrorCode("invalid-option", 422, "An option is unknown or out of range", "INVALID_ARGUMENT"),
        ErrorCode("unknown-engine", 422, "No live worker offers this engine", "INVALID_ARGUMENT"),
        ErrorCode("unsupported-problem", 422, "The engine cannot solve this kind of problem", "INVALID_ARGUMENT"),
        ErrorCode("invalid-page-token", 400, "The page token does not fit this query", "INVALID_ARGUMENT"),
        ErrorCode("too-large", 413, "The body is over the limit", "RESOURCE_EXHAUSTED"),
        ErrorCode("request-timeout", 408, "The body did not come in time", "DEADLINE_EXCEEDED"),
        ErrorCode("unsupported-media-type", 415, "This content type is not accepted", "INVALID_ARGUMENT"),
        ErrorCode("unauthenticated", 401, "No valid API key", "UNAUTHENTICATED"),
        ErrorCode("forbidden", 403, "The key does not allow this", "PERMISSION_DENIED"),
        ErrorCode("not-found", 404, "There is no such thing", "NOT_FOUND"),
        ErrorCode("method-not-allowed", 405, "This address has other methods", "UNIMPLEMENTED"),
        ErrorCode("not-acceptable", 406, "This form of reply is not offered", "INVALID_ARGUMENT"),
        ErrorCode("conflict", 409, "The state does not allow this", "FAILED_PRECONDITION"),
        ErrorCode("stale-lease", 409, "Another evaluator has the trial, or it is over", "ABORTED"),
        ErrorCode("not-finished", 409, "The job has no answer yet", "FAILED_PRECONDITION"),
        ErrorCode("idempotency-mismatch", 422, "The idempotency key was used with another request", "INVALID_ARGUMENT"),
        ErrorCode("range-not-satisfiable", 416, "The range lies outside the content", "OUT_OF_RANGE"),
        ErrorCode("rate-limited", 429, "Too many requests", "RESOURCE_EXHAUSTED"),
        ErrorCode("quota-exceeded", 429, "The project's quota is used up", "RESOURCE_EXHAUSTED"),
        # the run
        ErrorCode("engine-failure", 500, "The engine broke", "INTERNAL"),
        ErrorCode("out-of-memory", 500, "The memory limit was reached", "RESOURCE_EXHAUSTED"),
        ErrorCode("worker-lost", 500, "The workers that tried this job died", "ABORTED"),
        ErrorCode("runner-died", 500, "The process that solved this job died", "ABORTED"),
        ErrorCode("artifact-missing", 422, "An artifact that the problem refers to does not exist", "NOT_FOUND"),
        ErrorCode("expired", 504, "The deadline of the job passed", "DEADLINE_EXCEEDED"),
        # the service
        ErrorCode("unavailable", 503, "The service cannot do this now", "UNAVAILABLE"),
        ErrorCode("internal", 500, "Kantor made a mistake", "INTERNAL"),
    )
}


class FieldError(Reply):
    """One thing that is wrong in the request."""

    pointer: str
    """JSON pointer into the body (RFC 6901), "line N" of a text, or the name of a query parameter or header."""
    detail: str
    hint: str = ""
    """What would be right."""


class Problem(Reply):
    """Problem details (RFC 9457), also stored as the error of a failed job."""

    type: str
    """"urn:kantor:problem:" and the code."""
    title: str
    status: int
    detail: str
    code: str
    """Stable; see ``api_schemas.errors.CODES``."""
    instance: str = ""
    errors: list[FieldError] = []
    request_id: str = ""

    @classmethod
    def of(
        cls, code: str, detail: str, *, errors: list[FieldError] | None = None, instance: str = "", request_id: str = ""
    ) -> Problem:
        """A problem with the status and title of its code."""
        entry = CODES[code]
        return cls(
            type=f"urn:kantor:problem:{code}",
            title=entry.title,
            status=entry.status,
            detail=detail,
            code=code,
            instance=instance,
            errors=errors or [],
            request_id=request_id,
        )


class KantorError(Exception):
    """Root of the errors that the service raises on purpose: a code of the table and words for people.

    Attributes:
        code: a key of ``CODES``.
        detail: what was wrong and what would be right.
        errors: the fields at fault.
        headers: HTTP headers to add to the reply (``Retry-After``...).
    """

    def __init__(
        self, code: str, detail: str, *, errors: list[FieldError] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.headers = headers or {}

    def problem(self, *, instance: str = "", request_id: str = "") -> Problem:
        """As problem details."""
        return Problem.of(self.code, self.detail, errors=self.errors, instance=instance, request_id=request_id)
