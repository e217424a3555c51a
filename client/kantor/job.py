"""A job on the server, blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kantor.base import JobBase, outcome
from kantor.progress import Progress, listener
from kantor.wire import flows, routes

if TYPE_CHECKING:
    from api_schemas.events import Event
    from api_schemas.jobs import Job as JobInfo
    from kantor.client import Client
    from kantor.families import Problem


class Job(JobBase):
    """A job. Its properties are as of the last call that spoke to the server; ``refresh`` speaks to it."""

    def __init__(self, client: Client, info: JobInfo, problem: Problem | None = None) -> None:
        super().__init__(info, problem)
        self._client = client

    def refresh(self) -> Job:
        """Look at the job anew."""
        self.info = self._client._run(routes.job(self._client._policy, self.id, answer=True))
        return self

    def wait(self, seconds: float | None = None) -> Job:
        """Until the job is over. Restarts of the server meanwhile are borne.

        Raises:
            Timeout: it is not over after ``seconds``; it goes on.
        """
        if not self.done:
            self.info = self._client._run(flows.wait(self._client._policy, self.id, seconds), job=self)
        return self

    def watch(self, progress: bool | Callable[[Progress], object] = True, *, seconds: float | None = None) -> Job:
        """As ``wait``, and shows progress: a live line on stderr, or a call of ``progress`` for each report of the
        engine."""
        with listener(progress) as listen:
            if listen is None or self.done:
                return self.wait(seconds)
            self.info = self._client._run(flows.follow(self._client._policy, self.id, seconds, listen), job=self)
        return self

    def result(self, seconds: float | None = None) -> Any:
        """Wait, then the answer. A cancelled or expired job has one if it had found any point before.

        Raises:
            JobFailed: there is none; the exception is also the class of the error's code.
            Timeout: the job is not over after ``seconds``.
        """
        self.wait(seconds)
        if self.info.answer is None and self.info.error is None:
            self.refresh()
        return outcome(self, self._client._content)

    def cancel(self) -> Job:
        """Ask the job to stop. It keeps its best answer so far; ``wait`` for the end. Does nothing to a job that is
        over."""
        self.info = self._client._run(routes.cancel(self._client._policy, self.id))
        return self

    def delete(self) -> None:
        """Remove a finished job with everything that belongs to it.

        Raises:
            Conflict: it is not over.
        """
        self._client._run(routes.delete(self._client._policy, "job", self.id))

    def events(self, after: int = 0) -> Iterator[Event]:
        """The job's events with numbers above ``after``, as they happen, until it is over.

        A broken connection or a restarted server is not noticed: the stream goes on after the last event. To go on in
        another process, pass the ``seq`` of the last event seen.
        """
        return self._client._iterate(flows.events(self._client._policy, self.id, after))

    def log(self) -> str:
        """The engine's log so far."""
        return self._client._run(routes.log(self._client._policy, self.id))

    def problem(self) -> dict[str, Any]:
        """The problem and the options as they were sent."""
        return self._client._run(routes.problem(self._client._policy, self.id))
