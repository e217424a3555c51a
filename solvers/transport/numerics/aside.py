"""Running a library that cannot be interrupted in a thread of its own, so that stop requests are heard."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from solvers.core.errors import EngineFailure
from solvers.transport.numerics.watch import Stopped, Watch

R = TypeVar("R")


def aside(work: Callable[[], R], watch: Watch, name: str) -> R:
    """What ``work`` returns. On a stop the thread is left to end by itself: give it bounded work.

    Raises:
        Stopped: told to stop before it was done.
        EngineFailure: with the library's words.
    """
    box: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            box.append(work())
        except BaseException as error:
            failure.append(error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they warn of is in their logs, and in our answers
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        wait = 0.0005
        while thread.is_alive():
            thread.join(wait)
            wait = min(0.02, wait * 1.5)
            if thread.is_alive() and watch.stopped():
                raise Stopped
    if failure:
        raise EngineFailure(f"{name}: {failure[0]}") from failure[0]
    result: R = box[0]
    return result
