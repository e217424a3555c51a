"""A batch by an engine for single problems: one after the other, each with its own answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from solvers.core.engine import Context, EngineSpec, StopReason
from solvers.transport.answer import TransportAnswer
from solvers.transport.engines.common import answered
from solvers.transport.numerics.watch import REPORT_EVERY
from solvers.transport.problem import Transport, TransportBatch

Solve = Callable[[Transport, Mapping[str, Any], Context], TransportAnswer]


class Quiet:
    """The context of one problem of a batch: it stops with the whole, and keeps its own progress to itself."""

    def __init__(self, outer: Context, deadline: float | None) -> None:
        self._outer = outer
        self.deadline = deadline
        self.offers = False

    def report(self, **metrics: float | int | str | None) -> None:
        """Progress is reported for the batch."""

    def incumbent(self, objective: float, x: Any) -> None:
        """A plan of one problem is none of the batch."""

    def log(self, text: str) -> None:
        self._outer.log(text)

    def should_stop(self) -> StopReason | None:
        return self._outer.should_stop()

    def foreign_incumbent(self) -> None:
        return None


def solve_each(
    spec: EngineSpec, solve: Solve, batch: TransportBatch, options: Mapping[str, Any], context: Context
) -> TransportAnswer:
    """The batch's answer. What was not begun in time is answered ``no-solution``."""
    began = reported = time.monotonic()
    limits = [context.deadline] if context.deadline is not None else []
    if options.get("time_limit") is not None:
        limits.append(began + float(options["time_limit"]))
    inner = Quiet(context, min(limits) if limits else None)
    single = {name: value for name, value in options.items() if name not in ("time_limit", "start")}
    answers: list[TransportAnswer] = []
    limit: Any = None
    for problem in batch.problems:
        limit = limit or context.should_stop()
        if inner.deadline is not None and time.monotonic() > inner.deadline:
            limit = limit or "time"
        if limit is not None:
            answers.append(answered(spec, "no-solution", limit, message="not begun in time"))
            continue
        answers.append(solve(problem, single, inner))
        if time.monotonic() - reported >= REPORT_EVERY:
            reported = time.monotonic()
            context.report(problem=len(answers), problems=len(batch.problems))
    context.report(problem=len(answers), problems=len(batch.problems))
    return collected(spec, answers, time.monotonic() - began)


def collected(spec: EngineSpec, answers: list[TransportAnswer], seconds: float) -> TransportAnswer:
    """One answer from those of all problems: as good as the worst of them."""
    order = ("optimal", "feasible", "imprecise", "no-solution", "error")
    status = max((answer.status for answer in answers), key=order.index)
    done = sum(answer.status == "optimal" for answer in answers)
    limit = next((answer.limit for answer in answers if answer.limit is not None), None)
    return answered(
        spec,
        status,
        limit,
        batch=tuple(answers),
        statistics={"problems": len(answers), "optimal": done, "seconds": seconds},
        message=f"{done:,} of {len(answers):,} problems solved",
    )
