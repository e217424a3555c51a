"""A trial in the hands of its evaluator."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from api_schemas.studies import FINISHED, ReportRequest, TellRequest
from kantor.errors import KantorError, StaleLease
from kantor.wire import study_routes as routes

if TYPE_CHECKING:
    from api_schemas.studies import Lease
    from api_schemas.studies import Trial as TrialInfo
    from kantor.studies import Study, StudyBase

BEATS_PER_LEASE = 3.0

#: What other tools call what a trial has.
OTHER_NAMES = {
    "parameters": "params",
    "config": "params",
    "value": "values_told has what was told",
    "id": "number",
    "should_prune": "should_stop",
}


class TrialBase(Mapping[str, Any]):
    """A point to evaluate: a mapping of its parameters, so that ``trial["lr"]`` and ``f(**trial)`` work.

    Attributes:
        info: everything that the server said of it (``api_schemas.studies.Trial``).
        should_stop: what was learnt with the last report or sign of life: the evaluation is of no more use.
        reason: why; of a trial that has ended, why it failed, was stopped or is infeasible.
        reported: values were reported through this object.
    """

    def __init__(self, study: StudyBase, info: TrialInfo) -> None:
        self._names = list(study.info.space), [*study.info.objectives, *study.info.constraints]
        self.should_stop = False
        self.reason = ""
        self.info = info
        self.reported = False

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            # only asked for what there is not
            if name.startswith("_"):
                raise AttributeError(name)
            inside = name in self._names[0]
            meant = f"trial[{name!r}]" if inside else OTHER_NAMES.get(name) or "its parameters are trial[...] or params"
            raise AttributeError(f"a trial has no attribute {name!r}: {meant}")

    @property
    def info(self) -> TrialInfo:
        return self._info

    @info.setter
    def info(self, info: TrialInfo) -> None:
        # the database keeps no order of names: here they have the study's
        told = None if info.values is None else arranged(info.values, self._names[1])
        self._info = info.model_copy(update={"params": arranged(info.params, self._names[0]), "values": told})
        if info.state in FINISHED:
            self.reason = info.reason

    @property
    def number(self) -> int:
        """From 1, within the study."""
        return self.info.number

    @property
    def params(self) -> dict[str, Any]:
        """Values of the active parameters."""
        return dict(self.info.params)

    @property
    def state(self) -> str:
        return self.info.state

    @property
    def values_told(self) -> dict[str, float] | None:
        """Objectives and constraints, of a trial that has ended with values."""
        return self.info.values

    @property
    def feasible(self) -> bool | None:
        return self.info.feasible

    @property
    def why(self) -> str:
        """Why this point."""
        return self.info.why

    @property
    def done(self) -> bool:
        """True once it was told."""
        return self.info.state in FINISHED

    def __getitem__(self, name: str) -> Any:
        return self.info.params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.info.params)

    def __len__(self) -> int:
        return len(self.info.params)

    def __hash__(self) -> int:
        return hash(self.info.number)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        told = f", {self.info.values}" if self.info.values else ""
        return f"<Trial {self.number}: {self.state} {self.info.params}{told}>"

    def _hear(self, lease: Lease) -> None:
        self.should_stop, self.reason = lease.should_stop, lease.reason

    def _lose(self, error: StaleLease) -> None:
        self.should_stop, self.reason = True, error.detail

    def _tell(self, state: str, values: Mapping[str, Any] | None, reason: str) -> TellRequest:
        fields = {"state": state, "values": numbers(values), "reason": reason or None, "attempt": self.info.attempt}
        return routes.make(TellRequest, fields)

    def _report(self, step: int, values: Mapping[str, Any]) -> ReportRequest:
        self.reported = True
        fields = {"step": step, "values": numbers(values), "attempt": self.info.attempt}
        return routes.make(ReportRequest, fields)


def numbers(values: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Values as plain numbers, also of numpy and torch.

    Raises:
        KantorError: one is no number.
    """
    if values is None:
        return None
    found = {}
    for name, value in values.items():
        try:
            found[name] = float(plain(value) if not isinstance(value, (str, bytes)) else "text")
        except (TypeError, ValueError):
            raise KantorError(f"the value of {name!r} must be a number, not {value!r:.80}") from None
    return found


def arranged(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """In the order of the names, others last."""
    return {**{name: values[name] for name in names if name in values}, **values}


def plain(value: Any) -> Any:
    """The value without torch's record of how it was made, which torch warns of when a number is made of it."""
    return value.detach() if hasattr(value, "detach") else value


def words(error: BaseException) -> str:
    """An exception as the reason of a failure."""
    return f"{type(error).__name__}: {error}"[:2000]


def ending(trial: TrialBase, error: BaseException | None) -> tuple[str, str]:
    """What becomes of a trial whose block has ended: what to tell ("" for nothing, "release"), and why."""
    if trial.done:
        return "", ""
    if error is None:
        return ("stopped", trial.reason) if trial.should_stop else ("release", "")
    return ("failed", words(error)) if isinstance(error, Exception) else ("release", "")


class Trial(TrialBase):
    """As a context manager it keeps its lease by signs of life from a thread, and ends as its block ends: an exception
    makes it failed; an interrupt, or no result, gives it back."""

    def __init__(self, study: Study, info: TrialInfo) -> None:
        super().__init__(study, info)
        self._study = study
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def report(self, step: int, /, **values: float) -> bool:
        """Intermediate values. Returns ``should_stop``.

        Raises:
            StaleLease: another evaluator has the trial now.
        """
        request = self._report(step, values)
        self._hear(self._study._run(routes.report(self._study._policy, self._study.id, self.number, request)))
        return self.should_stop

    def complete(self, **values: float) -> Trial:
        """The result: every objective and constraint; without any, those of the last report. NaN and infinity make the
        trial failed."""
        return self._end("stopped" if self.should_stop and not values else "completed", values or None, self.reason)

    def fail(self, reason: str) -> Trial:
        """The evaluation broke."""
        return self._end("failed", None, reason)

    def infeasible(self, reason: str = "") -> Trial:
        """The point is not allowed, as the evaluation showed."""
        return self._end("infeasible", None, reason)

    def release(self) -> None:
        """Give it back: the next one who asks gets it."""
        self.let_go()
        self.info = self._study._run(
            routes.release(self._study._policy, self._study.id, self.number, self.info.attempt)
        )

    def beat(self) -> bool:
        """A sign of life. Returns ``should_stop``."""
        self._hear(
            self._study._run(routes.heartbeat(self._study._policy, self._study.id, self.number, self.info.attempt))
        )
        return self.should_stop

    def _end(self, state: str, values: Mapping[str, Any] | None, reason: str) -> Trial:
        request = self._tell(state, values, reason)
        self.info = self._study._run(routes.tell(self._study._policy, self._study.id, self.number, request))
        self.let_go()
        return self

    def keep(self) -> Trial:
        """Give signs of life from a thread, until the trial is told, released or let go."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._beats, name=f"trial {self.number}", daemon=True)
            self._thread.start()
        return self

    def let_go(self) -> None:
        """No more signs of life: after its lease the trial goes back to the pool."""
        self._ended.set()

    def __enter__(self) -> Trial:
        return self.keep()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.let_go()
        what, reason = ending(self, error)
        try:
            if what == "release":
                if error is None:
                    warnings.warn(f"trial {self.number} ended without a result and goes back", stacklevel=2)
                self.release()
            elif what:
                self._end(what, None, reason)
        except KantorError:
            if error is None:
                raise

    def _beats(self) -> None:
        pause = (self.info.lease_seconds or 60.0) / BEATS_PER_LEASE
        while not self._ended.wait(pause):
            try:
                self.beat()
            except StaleLease as error:
                self._lose(error)
                return
            except KantorError:
                continue  # the server is away: the next beat may reach it
            except RuntimeError:
                return  # the client was closed
