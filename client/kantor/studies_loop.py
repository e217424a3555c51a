"""The loop of a study: ask, evaluate, tell; in threads, with a progress bar."""

from __future__ import annotations

import difflib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kantor.errors import KantorError, NotFinished, StaleLease

if TYPE_CHECKING:
    from kantor.studies import Study, StudyBase
    from kantor.studies_trial import Trial

Caught = type[Exception] | tuple[type[Exception], ...]


def optimize(
    study: Study,
    function: Callable[[Trial], Any],
    *,
    trials: int,
    parallel: int = 1,
    progress: bool = True,
    seconds: float | None = None,
    callback: Callable[[Trial], Any] | None = None,
    catch: Caught = (),
) -> Trial | None:
    """Evaluate until so many trials are done, the study has no more, or the time is over.

    Whatever ends it, results that were told are kept: the same script goes on with the study of this name. Ctrl-C
    gives the trial back (``parallel=1``, which evaluates in the calling thread); with several threads it lets them end
    their trials, and a second Ctrl-C gives those back.

    Args:
        function: gets the trial, a mapping of its parameters; returns a number (of the only objective), a sequence (in
            the order of the objectives), a mapping with constraints too, or nothing if it has reported. What it raises
            makes that trial failed, and is raised here unless ``catch`` names it.
        trials: to evaluate in this call, failed ones too.
        parallel: threads; a function that computes in Python itself gains nothing from several.
        seconds: begin no trial after that time.
        callback: called with each trial that has ended; if it returns True, no more are begun.
        catch: exceptions of the function that do not end the loop; ``Exception`` for all.

    Returns:
        the best feasible trial, or None if there is none.

    Raises:
        KantorError: a study by preference: trials are to be compared, not to be given values; or the function returned
            something else than the study's metrics.
    """
    if not study.info.objectives:
        raise KantorError(f"{study.name!r} is a study by preference: ask for trials, and tell by rank or prefer")
    if parallel < 1:
        raise KantorError(f"parallel is at least 1, not {parallel}")
    end = None if seconds is None else time.monotonic() + seconds
    state = _State(study, function, trials, end, callback, catch)
    with _bar(study, trials) if progress else _nothing() as show:
        if parallel == 1:
            state.work(show)
        else:
            _in_threads(state, min(parallel, trials), show)
        show(state.done, state.best, state.failed)
    study.refresh()
    try:
        return study.best()
    except NotFinished:
        return None


def _in_threads(state: _State, count: int, show: Show) -> None:
    # Not Thread.join: in Python 3.11, one that Ctrl-C interrupts takes the thread for ended while it still runs.
    ends = [threading.Event() for _ in range(count)]
    for k, end in enumerate(ends):
        threading.Thread(target=state.work_apart, args=(end,), name=f"evaluator {k}", daemon=True).start()
    try:
        _wait(ends, state, show)
    except KeyboardInterrupt:
        state.ended.set()
        print(f"{len(state.held)} trials are ended first; Ctrl-C again gives them back.", file=sys.stderr)  # noqa: T201
        try:
            _wait(ends, state, show)
        except KeyboardInterrupt:
            state.give_back()
        if state.error is not None:
            print(f"A trial was not told: {state.error!r}", file=sys.stderr)  # noqa: T201
        raise
    if state.error is not None:
        raise state.error


def _wait(ends: list[threading.Event], state: _State, show: Show) -> None:
    for end in ends:
        while not end.wait(0.2):
            show(state.done, state.best, state.failed)


class _State:
    """What the threads share."""

    def __init__(
        self,
        study: Study,
        function: Callable[[Trial], Any],
        trials: int,
        end: float | None,
        callback: Callable[[Trial], Any] | None,
        catch: Caught,
    ) -> None:
        self.study = study
        self.ended = threading.Event()
        self.done = self.failed = 0
        self.best: float | None = None
        self.error: BaseException | None = None
        self.held: set[Trial] = set()
        self._function = function
        self._callback = callback
        self._catch = catch
        self._left = trials
        self._end = end
        self._lock = threading.Lock()
        goal = next(iter(study.info.objectives.items()))
        self._objective, self._sign = goal[0], 1.0 if goal[1] == "min" else -1.0

    def work(self, show: Show | None = None) -> None:
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
            if show is not None:
                show(self.done, self.best, self.failed)

    def work_apart(self, end: threading.Event) -> None:
        """``work`` in a thread, until ``end``: its error ends all of them."""
        try:
            self.work()
        except BaseException as error:
            self.error = self.error or error
            self.ended.set()
        finally:
            end.set()

    def give_back(self) -> None:
        """The trials that are being evaluated."""
        for trial in list(self.held):
            with suppress(KantorError):
                trial.release()

    def _evaluate(self, trial: Trial) -> None:
        self.held.add(trial)
        try:
            with trial:
                values = self._function(trial)
                if not trial.done:
                    trial.complete(**named(self.study, values, reported=trial.reported))
        except StaleLease:
            return  # another evaluator has it now
        except KantorError:
            raise
        except Exception as error:
            with self._lock:
                self.failed += 1
            if not isinstance(error, self._catch):
                self.ended.set()
                raise
        else:
            with self._lock:
                self.done += 1
                value = (trial.values_told or {}).get(self._objective)
                if value is not None and trial.feasible and (self.best is None or self._sign * (value - self.best) < 0):
                    self.best = value
        finally:
            self.held.discard(trial)
        if self._callback is not None and self._callback(trial) is True:
            self.ended.set()


_OTHER_NAMES = {
    "n_trials": "trials",
    "timeout": "seconds",
    "n_jobs": "parallel",
    "callbacks": "callback",
    "show_progress_bar": "progress",
}
"""What Optuna calls the arguments of ``optimize``."""


def count_of(trials: int | None, unknown: Mapping[str, Any]) -> int:
    """The number of trials.

    Raises:
        TypeError: it is missing, or there are arguments that ``optimize`` has not: with the right name.
    """
    for name in unknown:
        here = _OTHER_NAMES.get(name)
        raise TypeError(f"optimize has no argument {name!r}" + (f": here it is called {here!r}" if here else ""))
    if trials is None:
        raise TypeError("optimize needs to know how many trials: optimize(function, trials=20)")
    return trials


def named(study: StudyBase, values: Any, *, reported: bool = False) -> dict[str, Any]:
    """What a function returned, by names of metrics.

    Args:
        reported: the trial has values of its reports, so that nothing need be returned.

    Raises:
        KantorError: nothing was returned, too few or too many values, or values of other names.
    """
    names = list(study.info.objectives)
    wanted = [*names, *study.info.constraints]
    if values is None:
        if not reported:
            raise KantorError(f"the function returned nothing (None); the study wants {', '.join(wanted)}")
        return {}
    if isinstance(values, Mapping):
        return _checked(dict(values), wanted)
    if isinstance(values, Sequence) and not isinstance(values, str):
        if len(values) != len(names):
            raise KantorError(f"{len(values)} values were returned for the objectives {', '.join(names)}")
        return _checked(dict(zip(names, values, strict=True)), wanted)
    if len(wanted) > 1:
        raise KantorError(f"one value was returned, but the study wants {', '.join(wanted)}: return a dictionary")
    return {names[0]: values}


def _checked(values: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    for name in values:
        if name not in wanted:
            near = difflib.get_close_matches(str(name), wanted, n=1)
            more = f"did you mean {near[0]!r}?" if near else f"it wants {', '.join(wanted)}"
            raise KantorError(f"a value of {name!r} was returned, which is no metric of the study; {more}")
    for name in wanted:
        if name not in values:
            raise KantorError(f"no value of {name!r} was returned; the study wants {', '.join(wanted)}")
    return values


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
    with Progress(*columns, console=console, disable=not (console.is_terminal or console.is_jupyter)) as progress:
        task = progress.add_task(study.name, total=total, best="")

        def show(done: int, best: float | None, failed: int) -> None:
            words = "" if best is None else f"best {objective} {best:.6g}"
            words += f"  {failed} failed" if failed else ""
            progress.update(task, completed=done + failed, best=words)

        yield show
