"""What both clients share: where the server is, headers, the HTTP pool's settings, and how a job's end becomes an
answer or an error."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from kantor import families
from kantor._version import __version__
from kantor.config import Endpoint, endpoint
from kantor.errors import Conflict, ConnectionFailed, JobCancelled, KantorError, failure
from kantor.wire.routes import Policy

if TYPE_CHECKING:
    from api_schemas.jobs import Inspection, JobState
    from api_schemas.jobs import Job as JobInfo
    from kantor.families import Problem


class ClientBase:
    """Settings of a client.

    Attributes:
        endpoint: address and key, and where they were found.
    """

    def __init__(self, url: str | None, api_key: str | None, timeout: float, max_retries: int) -> None:
        if timeout <= 0:
            raise KantorError(f"timeout is a positive number of seconds, not {timeout:g}")
        if max_retries < 0:
            raise KantorError(f"max_retries is 0 or more, not {max_retries}")
        self.endpoint: Endpoint = endpoint(url, api_key)
        self._timeout = timeout
        self._policy = Policy(max_retries=max_retries)

    @property
    def url(self) -> str:
        """The server's address."""
        return self.endpoint.url

    def _http_settings(self) -> dict[str, Any]:
        headers = {
            "User-Agent": f"kantor-python/{__version__} python/{platform.python_version()}",
            "Accept": "application/json",
        }
        if self.endpoint.api_key:
            headers["Authorization"] = f"Bearer {self.endpoint.api_key}"
        return {
            "base_url": self.endpoint.url,
            "headers": headers,
            # loading the certificates takes longer than a small solve
            "verify": self.endpoint.url.startswith("https:"),
            # a proxy for the world outside must not be asked for a server on this machine
            "trust_env": not self.endpoint.loopback,
        }

    def _advice(self, error: ConnectionFailed) -> ConnectionFailed:
        """The same error, with what to do about it."""
        where = f"address from {self.endpoint.url_source}"
        advice = "start one with `kantor up`, or set KANTOR_URL" if self.endpoint.loopback else "is KANTOR_URL right?"
        return ConnectionFailed(f"{error}; {where}; {advice}")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: connections are shared. Who holds a client can be copied, as scikit-learn does with estimators."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint.url!r})"


class JobBase:
    """A job as it was when last looked at.

    Attributes:
        info: everything that the server said of it (``api_schemas.jobs.Job``).
    """

    def __init__(self, info: JobInfo, problem: Problem | None = None) -> None:
        self.info = info
        self._problem = problem

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def state(self) -> JobState:
        """queued, running, succeeded, failed, cancelled or expired."""
        return self.info.state

    @property
    def done(self) -> bool:
        """True in a final state."""
        from api_schemas.jobs import FINAL_STATES

        return self.info.state in FINAL_STATES

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def labels(self) -> dict[str, str]:
        return self.info.labels

    @property
    def engine(self) -> str:
        """As asked for; the one that answered is in ``summary``."""
        return self.info.engine

    @property
    def progress(self) -> dict[str, Any] | None:
        """The newest metrics of a running job."""
        return self.info.progress

    @property
    def summary(self) -> Any:
        """The answer at a glance (``api_schemas.jobs.JobSummary``), or None."""
        return self.info.summary

    @property
    def error(self) -> Any:
        """Why it failed (``api_schemas.errors.Problem``), or None."""
        return self.info.error

    def __repr__(self) -> str:
        name = f" {self.info.name!r}" if self.info.name else ""
        return f"<{type(self).__name__} {self.info.id}{name}: {self.info.state}>"


def outcome(job: JobBase, fetch: Callable[[str], bytes]) -> Any:
    """The answer of a finished job, as the class of its kind.

    Raises:
        JobFailed: it has none; the exception is also the class of the error's code.
        JobCancelled: it was cancelled before it had any.
        KantorError: it was an inspection.
    """
    info = job.info
    if info.answer is not None:
        return families.answer(info.answer, job=job, fetch=fetch, problem=job._problem)
    if info.error is not None:
        raise failure(job, info.error)
    if info.state == "cancelled":
        error = JobCancelled(f"{info.id} was cancelled before it had an answer")
        error.job = job
        raise error
    if info.state == "expired":
        from api_schemas.errors import Problem

        raise failure(job, Problem.of("expired", f"the deadline of {info.id} passed before there was an answer"))
    if info.inspection is not None or info.task == "inspect":
        raise Conflict(f"{info.id} is an inspection: its report is in job.info.inspection")
    raise KantorError(f"{info.id} is {info.state}, but the server sent no answer")


def inspection(job: JobBase) -> Inspection:
    """The report of a finished inspection.

    Raises:
        JobFailed: as ``outcome``.
    """
    if job.info.inspection is None:
        outcome(job, lambda _: b"")
    assert job.info.inspection is not None
    return job.info.inspection


def request_fields(
    engine: str,
    task: str,
    name: str,
    labels: Mapping[str, str] | None,
    priority: int,
    deadline: float | None,
    max_attempts: int | None,
    retention: float | None,
) -> dict[str, Any]:
    """The fields of a request beside problem and options; defaults are left to the server."""
    fields: dict[str, Any] = {
        "engine": engine,
        "task": task,
        "deadline": deadline,
        "max_attempts": max_attempts,
        "retention": retention,
    }
    if name:
        fields["name"] = name
    if labels:
        fields["labels"] = dict(labels)
    if priority:
        fields["priority"] = priority
    return fields
