"""One job's way through a worker: from the claim to its end, whatever happens to the process that solves it."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import psycopg
import structlog

from api_schemas.errors import KantorError
from service.jobs import Claim, Hold
from service.storage import StorageError
from service.telemetry import metrics
from service.tenants.quotas import NoRoomError
from workers.outcome import Finished, HandedBack, Lost, Outcome, failed
from workers.progress import LogBook, Progress
from workers.run import Answered, Bounds, Died, Elsewhere, Listener, Refused, Run
from workers.zygotes import ZygoteLostError

if TYPE_CHECKING:
    from workers.worker import Worker

log = structlog.get_logger(__name__)

#: Seconds between two looks at memory and time.
TICK = 0.05

#: Deaths by a fault of its own that a job may cause: it gets one more chance in a fresh process.
FAULTS = 2

#: A runner that was killed from outside is not the job's fault, but neither may a job take workers' memory for ever.
KILLS = 5

#: Seconds for which a runner waits for artifacts while their storage or the database does not work; then the job goes
#: back to the queue, for so many more.
ARTIFACT_PATIENCE = 120.0
ARTIFACT_PAUSE = 60.0

#: Seconds that a drained job has to come back with an end, checked and written, before it is handed back.
LAST_CALL = 2.0

T = TypeVar("T")
Stop = Literal["cancel", "deadline", "drain", "lost"]


class NoStorageError(Exception):
    """Artifacts cannot be read or stored, for too long, or the job shall end meanwhile."""


class Supervisor:
    """Runs one claimed job. ``run`` in the slot's thread, ``hear`` from the keeper's."""

    def __init__(self, worker: Worker, claim: Claim) -> None:
        self.claim = claim
        self.worker = worker
        self.started = time.monotonic()
        self.deadline = None if claim.deadline_in is None else self.started + claim.deadline_in
        self.progress = Progress()
        self.milliseconds: dict[str, float] = {}
        self.page = worker.journal.open(claim)
        self._hold: Hold = "held"
        self._logs: dict[str, LogBook] = {}
        self._fetched: dict[str, Path] = {}
        self.stores = False
        """Whether its runs have begun to store artifacts: perhaps more than those that are known to be ``stored``."""
        self.stored: list[str] = []
        """Artifacts of answers that its runs have made; the answer names some of them."""
        self._faults = self._kills = 0

    def hear(self, hold: Hold) -> None:
        """What the keeper has learned."""
        if self._hold != "lost":
            self._hold = hold

    def run(self) -> Outcome:
        """Solve it. Does not write the end: that is ``workers.worker``'s."""
        try:
            if self.claim.engine == "race":
                from workers.race import Race

                return Race(self).run()
            return self._single(self.claim.engine)
        except NoStorageError:
            if self.stop_wanted() == "lost":
                return Lost()
            if self.stop_wanted() == "drain":
                return HandedBack("the worker shuts down")
            return HandedBack("artifacts cannot be read or stored now", wait=ARTIFACT_PAUSE)
        except ZygoteLostError as error:
            log.error("no runner can be started", job=str(self.claim.job_id), error=str(error))
            return HandedBack("this worker cannot start the process that would solve it", wait=10.0)
        finally:
            self._flush(last=True)
            for path in self._fetched.values():
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------------ driving runs

    def order(self, engine: str, group: str, why: str = "", **more: Any) -> dict[str, Any]:
        """The fields of a job frame."""
        left = None if self.deadline is None else self.deadline - time.monotonic()
        return {
            "kind": self.claim.kind,
            "task": self.claim.task,
            "engine": engine,
            "why": why,
            "offered": self.worker.catalogue.offered(self.claim.kind) if engine in ("auto", "race") else [],
            "here": self.worker.catalogue.members(self.claim.kind, group),
            "inline_limit": self.worker.settings.inline_limit_bytes,
            "time_limit": self.worker.settings.default_time_limit,
            "seconds_left": left,
            **more,
        }

    def begin(
        self,
        group: str,
        order: dict[str, Any],
        *,
        point: tuple[float, np.ndarray] | None = None,
        listener: Listener | None = None,
        bounds: Bounds | None = None,
    ) -> Run:
        """A run in a runner of the group. Who begins it gives its runner back."""
        runner = self.worker.runners.take(group)
        run = Run(runner, listener or self, bounds or self.worker.bounds, now=time.monotonic())
        run.begin(self.claim.document, point, **order)
        return run

    def attend(self, runs: Sequence[Run], timeout: float = TICK) -> None:
        """Wait for something from these runs, hear it, look at their limits."""
        poll = select.poll()
        for run in runs:
            for descriptor in run.descriptors:
                poll.register(descriptor, select.POLLIN)
        poll.poll(timeout * 1000)
        now = time.monotonic()
        for run in runs:
            run.pump(now)
            run.tick(now)
        self._flush()

    def stop_wanted(self) -> Stop | None:
        """Why the job should end now, if it should."""
        if self._hold == "lost" or self.page.lost:
            return "lost"
        if self.worker.must_hand_back():
            return "drain"
        if self.cancelled:
            return "cancel"
        if self._hold == "deadline" or (self.deadline is not None and time.monotonic() >= self.deadline):
            return "deadline"
        return None

    @property
    def cancelled(self) -> bool:
        """Whether its user has cancelled it: its best answer is wanted, and nobody else's."""
        return self._hold == "cancel"

    def give(self, run: Run) -> None:
        """Its runner back; who is given back amid its work (an exception passed by) is killed."""
        run.abandon()
        self.worker.runners.give(run.runner)

    def _single(self, engine: str) -> Outcome:
        why = ""
        group = self.worker.catalogue.group_of(self.claim.kind, engine)
        while True:
            run = self.begin(group, self.order(engine, group, why))
            try:
                outcome = self.follow(run)
            finally:
                self.give(run)
            if not isinstance(outcome, Elsewhere):
                if outcome is not None:
                    return outcome
                continue
            engine, why = outcome.engines[0], outcome.why
            group = self.worker.catalogue.group_of(self.claim.kind, engine)

    def follow(self, run: Run) -> Outcome | Elsewhere | None:
        """Wait for a run's end. None: try again."""
        stopped: Stop | None = None
        while run.result is None:
            if stopped != "lost" and (wanted := self.stop_wanted()) is not None and wanted != stopped:
                stopped = wanted
                self.halt(run, wanted)
            else:
                self.attend([run])
        result = run.result
        if stopped == "lost":
            return Lost()
        if isinstance(result, Elsewhere):
            return result
        if isinstance(result, Answered):
            self.milliseconds = result.milliseconds
            if stopped == "drain" and result.limit == "cancelled" and not self.cancelled:
                return HandedBack("the worker shuts down")
            return self.answered(result, stopped)
        if stopped == "drain":
            return HandedBack("the worker shuts down")
        if isinstance(result, Refused):
            return self._refused(run, result)
        assert isinstance(result, Died)
        return self._died(run, result, stopped)

    def halt(self, run: Run, why: Stop) -> None:
        """Make a run stop for this reason."""
        now = time.monotonic()
        if why == "lost":
            run.abandon()
        elif why == "drain":
            run.last_call(now, LAST_CALL)
        elif why == "cancel":
            run.stop("cancelled", now)
        else:
            run.stop("time", now)

    # ------------------------------------------------------------------ ends

    def answered(self, answer: Answered, stopped: Stop | None) -> Finished:
        """The state that goes with an answer."""
        if answer.refusal is not None:
            return failed(*answer.refusal, document=answer.document, summary=answer.summary)
        state: Literal["succeeded", "cancelled", "expired"] = "succeeded"
        if answer.limit == "cancelled" or (stopped == "cancel" and answer.limit is not None):
            state = "cancelled"
        elif answer.limit == "time" and self.deadline is not None and time.monotonic() >= self.deadline:
            state = "expired"
        return Finished(state, answer.document, answer.summary)

    def _refused(self, run: Run, refused: Refused) -> Outcome:
        if refused.trace is not None:
            log.error("a runner failed", job=str(self.claim.job_id), code=refused.code, trace=refused.trace)
        point = run.best_point()
        if refused.code == "out-of-memory" and point is not None:
            return self.rescue(run, "memory", "The memory limit was reached; this is the best answer until then.")
        if refused.phase == "solve" and point is not None:
            kept = self.rescue(run, "other", refused.detail)
            if not isinstance(kept, Finished):
                return kept
            return failed(refused.code, refused.detail, refused.errors, document=kept.document, summary=kept.summary)
        return failed(refused.code, refused.detail, refused.errors)

    def _died(self, run: Run, died: Died, stopped: Stop | None) -> Outcome | None:
        if died.cause == "crash":
            return self._crashed(run, died)
        if died.phase == "reading":
            if died.cause == "cancelled":
                return Finished("cancelled")
            if stopped == "deadline":
                return Finished("expired")
            if died.cause == "time":
                return failed(
                    "engine-failure", f"Reading the problem took longer than {self.worker.bounds.reading:g} seconds."
                )
        if died.cause == "memory" and run.point is None:
            return failed("out-of-memory", "The memory limit was reached before a feasible point was known.")
        metrics.RUNNER_DEATHS.labels(died.cause).inc()
        words = {
            "time": "The engine did not stop at the time limit and was ended.",
            "cancelled": "The engine did not stop when the job was cancelled, and was ended.",
            "memory": "The memory limit was reached.",
        }[died.cause]
        return self.rescue(run, died.cause, words + (" This is its best answer until then." if run.point else ""))

    def _crashed(self, run: Run, died: Died) -> Outcome | None:
        if died.fault:
            self._faults += 1
        else:
            self._kills += 1
        metrics.RUNNER_DEATHS.labels("fault" if died.fault else "killed").inc()
        log.warning("a runner died", job=str(self.claim.job_id), engine=run.engine, words=died.words)
        self.tell_log(f"[{died.words}]\n")
        if self._faults < FAULTS and self._kills < KILLS:
            self.tell_log("[another one begins anew]\n")
            return None
        detail = (
            f"The process that solved this job died {self._faults + self._kills} times; the last time {died.words}."
        )
        if run.point is not None:
            kept = self.rescue(run, "other", detail)
            if not isinstance(kept, Finished):
                return kept
            return failed("runner-died", detail, document=kept.document, summary=kept.summary)
        return failed("runner-died", detail)

    def rescue(self, run: Run, limit: str, message: str, statistics: dict[str, Any] | None = None) -> Outcome:
        """What a run has left, certified in another runner."""
        group = run.runner.group
        bound = run.metrics.get("bound")
        order = self.order(run.engine or self.claim.engine, group, run.why)
        order |= {"task": "rescue", "limit": limit, "message": message, "statistics": statistics or {}}
        order["bound"] = bound if isinstance(bound, (int, float)) else None
        second = self.begin(group, order, point=run.point)
        try:
            while second.result is None:
                if not self.last_steps(second):
                    self.attend([second])
            result = second.result
        finally:
            self.give(second)
        if isinstance(result, Answered):
            return self.answered(result, None)
        if self.stop_wanted() == "drain":
            return HandedBack("the worker shuts down")
        words = result.detail if isinstance(result, Refused) else "its process died"
        return failed("engine-failure", f"{message} What was known then could not be checked: {words}.")

    def last_steps(self, run: Run) -> bool:
        """For a run that only has to check and write its answer: it is let be but for a lost job, whose run is over
        (True), and a drained worker."""
        wanted = self.stop_wanted()
        if wanted in ("lost", "drain"):
            self.halt(run, wanted)
        return wanted == "lost"

    # ------------------------------------------------------------------ what runs tell (workers.run.Listener)

    def solving(self, _run: Run, info: dict[str, Any]) -> None:
        self.progress.sense = info["sense"]

    def metrics(self, run: Run, metrics: dict[str, Any]) -> None:
        self.progress.note(metrics, run.engine)

    def incumbent(self, run: Run, objective: float, _x: np.ndarray) -> None:
        self.progress.note({"objective": objective}, run.engine)

    def output(self, _run: Run, text: str) -> None:
        self.tell_log(text)

    def solved(self, run: Run, claims: dict[str, Any]) -> None:
        """Only racers wait."""

    def artifact(self, _run: Run, artifact: str) -> dict[str, Any]:
        path = self._fetched.get(artifact)
        if path is None:
            try:
                path = self._persist(lambda: self.worker.fetch(self.claim, artifact))
            except KantorError as error:
                return {"code": error.code, "detail": error.detail}
            self._fetched[artifact] = path
        return {"path": str(path)}

    def store(self, run: Run, path: str, filename: str) -> dict[str, Any]:
        self.stores = True
        try:
            name = self._persist(lambda: self.worker.store(self.claim, run.runner.folder, Path(path), filename))
        except KantorError as error:
            room = error.room if isinstance(error, NoRoomError) else 0
            return {"code": error.code, "detail": error.detail, "room": room}
        self.stored.append(name)
        return {"artifact": name}

    def _persist(self, do: Callable[[], T]) -> T:
        """Again and again while the storage or the database does not work: the runner's work is worth the wait.

        Raises:
            NoStorageError: for too long, or the job shall end.
        """
        end = time.monotonic() + ARTIFACT_PATIENCE
        pause = 0.2
        while True:
            try:
                return do()
            except (StorageError, psycopg.OperationalError) as error:
                if time.monotonic() > end or self.stop_wanted() is not None:
                    raise NoStorageError from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)

    def tell_log(self, text: str, engine: str = "") -> None:
        """Add to the job's log; in a race, that of an engine."""
        book = self._logs.get(engine)
        if book is None:
            book = self._logs[engine] = LogBook(self.worker.own.log_limit_bytes)
        book.add(text)

    def _flush(self, *, last: bool = False) -> None:
        t = time.monotonic() - self.started
        for engine, book in self._logs.items():
            for text in book.take(t, last=last):
                self.page.add("log", {"text": text, "engine": engine} if engine else {"text": text})
        data = self.progress.take(t, last=last)
        if data is not None:
            self.page.add("progress", data)
