"""The loop of a study: ask, evaluate, tell; in threads, with a progress bar."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError, NotFinished, StaleLease

if TYPE_CHECKING:
    from kantor.studies import Study, StudyBase
    from kantor.studies_trial import Trial

HOPELESS = 3
"""If so many evaluations fail before any has succeeded, the function is to blame, and its error is raised."""


def optimize(
    study: Study,
    function: Callable[[Trial], Any],
    *,
    trials: int,
    parallel: int = 1,
    progress: bool = True,
    seconds: float | None = None,
) -> Trial | None:
    """Evaluate until so many trials are done, the study has no more, or the time is over.

    Args:
        function: gets the trial, a mapping of its parameters; returns a number (of the only objective), a sequence (in
            the order of the objectives), a mapping with constraints too, or nothing if it has reported. What it raises
            makes that trial failed.
        parallel: threads; a function that computes in Python itself gains nothing from several.
        seconds: begin no trial after that time.

    Returns:
        the best feasible trial, or None if there is none.

    Raises:
        KantorError: a study by preference: trials are to be compared, not to be given values.
    """
    if not study.info.objectives:
        raise KantorError(f"{study.name!r} is a study by preference: ask for trials, and tell by rank or prefer")
    state = _State(study, function, trials, None if seconds is None else time.monotonic() + seconds)
    with _bar(study, trials) if progress else _nothing() as show, ThreadPoolExecutor(parallel) as pool:
        running: set[Future[None]] = {pool.submit(state.work) for _ in range(min(parallel, trials))}
        try:
            while running:
                finished, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                show(state.done, state.best, state.failed)
                for future in finished:
                    future.result()
        finally:
            state.ended.set()
    show(state.done, state.best, state.failed)
    try:
        return study.best()
    except NotFinished:
        return None


class _State:
    """What the threads share."""

    def __init__(self, study: Study, function: Callable[[Trial], Any], trials: int, end: float | None) -> None:
        self.study = study
        self.ended = threading.Event()
        self.done = self.failed = 0
        self.best: float | None = None
        self._function = function
        self._left = trials
        self._end = end
        self._lock = threading.Lock()
        goal = next(iter(study.info.objectives.items()))
        self._objective, self._sign = goal[0], 1.0 if goal[1] == "min" else -1.0

    def work(self) -> None:
        """Evaluate trials until there are none left."""
        from kantor.studies import StudyDone

        while not self.ended.is_set() and (self._end is None or time.monotonic() < self._end):
            with self._lock:
                if self._left <= 0:
                    return
                self._left -= 1
            try:
                trial = self.study.trial()
            except StudyDone:
                self._left = 0
                return
            self._evaluate(trial)

    def _evaluate(self, trial: Trial) -> None:
        try:
            with trial:
                values = self._function(trial)
                if not trial.done:
                    trial.complete(**named(self.study, values))
        except StaleLease:
            return  # another evaluator has it now
        except KantorError:
            raise
        except Exception:
            with self._lock:
                self.failed += 1
                hopeless = self.done == 0 and self.failed >= HOPELESS
            if hopeless:
                self.ended.set()
                raise
            return
        with self._lock:
            self.done += 1
            value = (trial.values_told or {}).get(self._objective)
            if value is not None and trial.feasible and (self.best is None or self._sign * (value - self.best) < 0):
                self.best = value


def named(study: StudyBase, values: Any) -> dict[str, Any]:
    """What a function returned, by names of metrics."""
    if values is None:
        return {}
    if isinstance(values, Mapping):
        return dict(values)
    names = list(study.info.objectives)
    if isinstance(values, Sequence) and not isinstance(values, str):
        if len(values) != len(names):
            raise KantorError(f"{len(values)} values were returned for the objectives {', '.join(names)}")
        return dict(zip(names, values, strict=True))
    if len(names) > 1 or study.info.constraints:
        wanted = ", ".join([*names, *study.info.constraints])
        raise KantorError(f"one value was returned, but the study wants {wanted}: return a dictionary")
    return {names[0]: values}


Show = Callable[[int, "float | None", int], None]


@contextmanager
def _nothing() -> Iterator[Show]:
    yield lambda *_: None


@contextmanager
def _bar(study: Study, total: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    objective = next(iter(study.info.objectives))
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(study.name, total=total, best="")

        def show(done: int, best: float | None, failed: int) -> None:
            words = "" if best is None else f"best {objective} {best:.6g}"
            words += f"  {failed} failed" if failed else ""
            progress.update(task, completed=done + failed, best=words)

        yield show
