"""Exit codes."""

from __future__ import annotations

from kantor.errors import (
    APIError,
    ConnectionFailed,
    Expired,
    Forbidden,
    JobFailed,
    Timeout,
    Unauthenticated,
    Unavailable,
)

ANSWER = 0
"""There is an answer: optimal, feasible, infeasible or unbounded."""
FAILED = 1
"""The job failed, or its answer did not pass its checks."""
BAD_INPUT = 2
"""The command, the file, the problem or an option is wrong; nothing was solved."""
NO_ANSWER = 3
"""The time was over before there was an answer."""
NOT_REACHABLE = 4
"""There is no server."""
NOT_ALLOWED = 5
"""The API key is missing, wrong, or may not do this."""
INTERRUPTED = 130
"""Ctrl-C; the best answer so far was printed if there was one."""

HELP = (
    "Exit codes: 0 an answer (also: infeasible, unbounded); 1 the job failed, or its answer did not pass its checks;"
    " 2 wrong command, file, problem or option; 3 no answer in time; 4 no server; 5 not allowed; 130 interrupted."
)


_ANSWERS = frozenset(
    {
        "optimal",
        "globally-optimal",
        "locally-stationary",
        "feasible",
        "infeasible",
        "unbounded",
        "infeasible-or-unbounded",
    }
)


def of_status(status: str) -> int:
    """Of an answer."""
    if status in _ANSWERS:
        return ANSWER
    return NO_ANSWER if status == "no-solution" else FAILED


def of_error(error: BaseException) -> int:
    """Of an exception."""
    if isinstance(error, (Timeout, Expired)):
        return NO_ANSWER
    if isinstance(error, (ConnectionFailed, Unavailable)):
        return NOT_REACHABLE
    if isinstance(error, (Unauthenticated, Forbidden)):
        return NOT_ALLOWED
    if isinstance(error, APIError):
        status = error.status or 422
        return BAD_INPUT if status < 500 and status not in (409, 429) else FAILED
    if isinstance(error, OSError) and not isinstance(error, JobFailed):
        return BAD_INPUT
    return FAILED
