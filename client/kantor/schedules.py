"""Schedules: knobs of a training over its steps, as tracked resources. Curves are evaluated here: nothing waits."""

from __future__ import annotations

import atexit
import contextlib
import math
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from api_schemas.schedules import FinishRequest, RefineRequest, RunRequest, ScheduleRequest
from kantor.curves import Curve
from kantor.errors import APIError, KantorError
from kantor.studies_trial import plain
from kantor.wire import schedule_routes as routes
from kantor.wire.steps import Flow
from kantor.wire.study_routes import make

if TYPE_CHECKING:
    from api_schemas.schedules import Observed, ScheduleVersion, StoredObservation
    from api_schemas.schedules import Run as RunInfo
    from api_schemas.schedules import Schedule as ScheduleInfo
    from kantor.client import Client

T = TypeVar("T")

FLUSH_SECONDS = 2.0
BATCH = 5000
OBSERVED = frozenset({"norm", "norm1", "variance", "orthogonal", "loss", "score", "batch", "value"})
MOST_KEPT = 100_000
"""Observations that wait for a server that is away; older ones are dropped beyond that."""


class Schedule:
    """A schedule as it was when last looked at.

    Attributes:
        info: everything that the server said of it (``api_schemas.schedules.Schedule``).
    """

    def __init__(self, client: Client, info: ScheduleInfo) -> None:
        self._client = client
        self.info = info
        self._open: weakref.WeakSet[Run] = weakref.WeakSet()

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def horizon(self) -> int:
        return self.info.horizon

    def run(self, client_id: str = "", *, version: int | None = None, context: float | None = None) -> Run:
        """Begin a training that follows the schedule.

        Args:
            client_id: who asks again with the same id gets the same run: a training that was restarted.
            version: by default the current one.
            context: for bandits: the number on which the best value depends.
        """
        fields = {"client_id": client_id or uuid4().hex, "version": version, "context": context}
        run = Run(self, self._run(routes.start(self._policy, self.id, make(RunRequest, fields))))
        self._open.add(run)
        return run

    def runs(self) -> list[RunInfo]:
        """Runs, newest first, at most 1000."""
        return self._run(routes.runs(self._policy, self.id))

    def observed(self, of: str = "norm", runs: Sequence[Run | int] | None = None, *, most: int = 300) -> Observed:
        """One quantity of several runs over their steps, thinned to ``most`` cells each, with medians and ranges.

        Args:
            of: "norm", "norm1", "loss", "score", "variance", "batch" or "value".
            runs: by default the 20 newest.
        """
        return self._run(routes.observed(self._policy, self.id, of, numbers(runs), most))

    def versions(self) -> list[ScheduleVersion]:
        """All versions, oldest first: each with its curve and ``provenance``."""
        return self._run(routes.versions(self._policy, self.id))

    def curve(self, version: int | None = None) -> Curve:
        """The curve of a version; by default of the current one."""
        wanted = version or self.info.current
        found = next((item for item in self.versions() if item.version == wanted), None)
        if found is None:
            raise KantorError(f"{self.name!r} has no version {wanted}")
        return Curve(found.curve)

    def refine(
        self,
        runs: Sequence[Run | int] | None = None,
        *,
        norm: str = "l2",
        tau: float = 0.1,
        power: float | None = None,
        promote: bool = True,
    ) -> ScheduleVersion:
        """A new version from the gradient norms that runs have observed; its ``provenance`` has the theoretical bound
        before and after. Whether it trains better is to be measured: compare runs of both versions. What runs of this
        object have observed and not yet sent is sent first.

        Args:
            runs: by default all that are finished.
            norm: "l2" (SGD) or "l1" (Adam and its kin).
            tau: width of the median filter, as a share of the horizon.
            power: how strongly norms weigh; by default as by the theory (2 for l2, 1 for l1), or less where norms
                vanish towards the end of the training.
            promote: new runs get the new version.
        """
        request = make(
            RefineRequest, {"runs": numbers(runs), "norm": norm, "tau": tau, "power": power, "promote": promote}
        )
        for run in list(self._open):
            run.flush()
        made = self._run(routes.refine(self._policy, self.id, request))
        self.refresh()
        return made

    def promote(self, version: int) -> Schedule:
        """Give new runs this version."""
        self.info = self._run(routes.promote(self._policy, self.id, version))
        return self

    def refresh(self) -> Schedule:
        self.info = self._run(routes.load(self._policy, self.id))
        return self

    def archive(self) -> Schedule:
        """Take no new runs."""
        self.info = self._run(routes.change(self._policy, self.id, "archive"))
        return self

    def delete(self) -> None:
        """Delete it with everything of it; it must be archived."""
        self._run(routes.delete(self._policy, self.id))

    @property
    def _policy(self) -> Any:
        return self._client._policy

    def _run(self, flow: Flow[T]) -> T:
        return self._client._run(flow)

    def __repr__(self) -> str:
        return f"<Schedule {self.id} {self.name!r}: {self.info.policy}, version {self.info.current}>"


class Run:
    """A training. ``value(step)`` and ``observe`` never touch the network: a thread sends what was observed, and hears
    the policy's advice. While the server is away the last curve and advice stay.

    Attributes:
        info: as the server last said it.
        advice: of policies that advise: ``value``, ``batch``, ``copy_from``...
        curve: that the run follows.
    """

    def __init__(self, schedule: Schedule | None, info: RunInfo) -> None:
        self.schedule = schedule
        self.info = info
        self.curve = Curve(info.curve)
        self.advice: dict[str, Any] = dict(info.advice)
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: KantorError | None = None
        """Why the last attempt to send failed, if it did."""

    @property
    def number(self) -> int:
        return self.info.number

    @property
    def version(self) -> int:
        """Of the schedule: its own for as long as it runs."""
        return self.info.version

    def value(self, step: float) -> float:
        """The curve at a step; of a policy that advises values, the advised one."""
        advised = self.advice.get("value")
        return float(advised) if advised is not None else self.curve(step)

    def observe(self, step: int, **seen: float | None) -> None:
        """Remember what was seen at a step; it is sent in the background.

        Args:
            seen: ``norm``, ``norm1``, ``variance``, ``orthogonal``, ``loss``, ``score``, ``batch``, ``value``. What is
                not finite (a gradient that overflowed) is left out, but for loss and score.

        Raises:
            KantorError: another name.
        """
        unknown = sorted(seen.keys() - OBSERVED)
        if unknown:
            raise KantorError(f"{unknown[0]!r} cannot be observed; what can: {', '.join(sorted(OBSERVED))}")
        values = {name: number(value) for name, value in seen.items()}
        kept = {
            name: value
            for name, value in values.items()
            if value is not None and (name in ("loss", "score") or math.isfinite(value))
        }
        with self._lock:
            self._waiting.append({"step": step, **kept})
            if len(self._waiting) > MOST_KEPT:
                del self._waiting[: len(self._waiting) - MOST_KEPT]
            if self._thread is None and self.schedule is not None:
                self._thread = threading.Thread(target=self._send, name=f"run {self.number}", daemon=True)
                self._thread.start()
                atexit.register(_send_last, weakref.ref(self))

    def flush(self) -> bool:
        """Send what waits now. False if the server cannot be reached: it is kept."""
        if self.schedule is None:
            return False
        with self._sending:
            while True:
                with self._lock:
                    part = self._waiting[:BATCH]
                if not part:
                    return True
                try:
                    flow = routes.observe(self.schedule._policy, self.schedule.id, self.number, part)
                    self.advice = self.schedule._run(flow).advice
                    self.trouble = None
                except APIError as error:
                    self.trouble = error
                    if error.status is None or (error.status < 500 and error.status != 429):
                        with self._lock:
                            del self._waiting[: len(part)]  # the server will never take them
                        warnings.warn(f"{len(part)} observations of run {self.number} are lost: {error}", stacklevel=2)
                    return False
                except KantorError as error:
                    self.trouble = error
                    return False
                with self._lock:
                    del self._waiting[: len(part)]

    def observations(self) -> Iterator[StoredObservation]:
        """What the server has of this run, by step; what still waits here is sent first."""
        if self.schedule is not None:
            self.flush()
            yield from self.schedule._client._iterate(
                routes.observations(self.schedule._policy, self.schedule.id, self.number)
            )

    def refresh(self) -> Run:
        """Hear the newest advice."""
        if self.schedule is not None:
            self.info = self.schedule._run(routes.run(self.schedule._policy, self.schedule.id, self.number))
            self.advice = dict(self.info.advice)
        return self

    def finish(self, state: str = "finished", *, reason: str = "", **final: float) -> Run:
        """The end, with final values (``cost`` for a bandit). A run whose final values, or whose last loss, are no
        numbers has failed, and says why (``info.reason``)."""
        self._ended.set()
        self.flush()
        if self.schedule is None:
            raise KantorError("this run was resumed without a client: there is nobody to tell its end")
        fields = {
            "state": state,
            "final": {name: number(value) for name, value in final.items()},
            "reason": reason or None,
        }
        flow = routes.finish(self.schedule._policy, self.schedule.id, self.number, make(FinishRequest, fields))
        self.info = self.schedule._run(flow)
        return self

    def __repr__(self) -> str:
        advice = f", advice {self.advice}" if self.advice else ""
        return f"<Run {self.number}: {self.info.state}, version {self.version}{advice}>"

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.info.state == "running":
            if error is None:
                self.finish()
            else:
                self.finish("failed", reason=f"{type(error).__name__}: {error}"[:2000])

    def state_dict(self) -> dict[str, Any]:
        """Plain data from which ``Run.from_state`` makes the run again, also without a server."""
        return {
            "schedule": None if self.schedule is None else self.schedule.id,
            "run": self.info.model_dump(mode="json"),
            "advice": dict(self.advice),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], client: Client | None = None) -> Run:
        """The run of a ``state_dict``: with a client it goes on observing, without one (or while the server is away) it
        has the last curve."""
        from api_schemas.schedules import Run as RunInfo

        schedule = None
        if client is not None and state.get("schedule"):
            try:
                schedule = client.schedules.get(str(state["schedule"]))
            except KantorError:
                schedule = None
        run = cls(schedule, RunInfo.model_validate(state["run"]))
        run.advice = dict(state.get("advice") or {})
        return run

    def _send(self) -> None:
        while not self._ended.wait(FLUSH_SECONDS):
            self.flush()


def _send_last(run: weakref.ref[Run]) -> None:
    """At the end of the program: what a run that nobody finished has observed, unless the server was away."""
    left = run()
    if left is not None and left.trouble is None and not left._ended.is_set():
        with contextlib.suppress(Exception):  # the client may be closed
            left.flush()


def number(value: Any) -> float | None:
    """A plain number, also of numpy and torch."""
    return None if value is None else float(plain(value))


def numbers(runs: Sequence[Run | int] | None) -> list[int] | None:
    """Of runs."""
    return None if runs is None else [run if isinstance(run, int) else run.number for run in runs]


class Schedules:
    """``client.schedules``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self, name: str, kind: str = "learning-rate", *, horizon: int, policy: str = "linear", **settings: Any
    ) -> Schedule:
        """A new schedule, or the one of this name with the same definition.

        Args:
            kind: "learning-rate", "momentum", "weight-decay", "batch-size", "dropout", "temperature",
                "solver-parameter" or "other".
            horizon: steps of a training.
            policy: "linear", "constant", "cosine", "wsd", "refined", "adaptive-batch", "pb2" or "sor-bandit".
            settings: fields of ``api_schemas.schedules.ScheduleRequest``: ``peak``, ``warmup``, ``low``, ``high``...

        Raises:
            Conflict: there is a schedule of this name with another definition.
        """
        request = make(ScheduleRequest, {"name": name, "kind": kind, "horizon": horizon, "policy": policy, **settings})
        return Schedule(self._client, self._client._run(routes.create(self._client._policy, request)))

    def get(self, name: str) -> Schedule:
        """By id or name.

        Raises:
            NotFound: there is none.
        """
        return Schedule(self._client, self._client._run(routes.load(self._client._policy, name)))

    def list(self) -> Iterator[Schedule]:
        """All schedules, newest first."""
        for info in self._client._iterate(routes.pages(self._client._policy)):
            yield Schedule(self._client, info)
