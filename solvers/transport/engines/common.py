"""What every engine of the family does with its call: options, refusals, the frame of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.core.options import resolve
from solvers.transport.answer import Limit, Status, TransportAnswer
from solvers.transport.numerics.stairs import stairs
from solvers.transport.options import OPTIONS
from solvers.transport.problem import Transport, TransportProblem
from solvers.transport.start import Start

#: Words for features in messages.
WORDS = {
    "points": "points",
    "matrix": "a cost matrix",
    "unregularized": "no regularization",
    "entropic": "entropic regularization",
    "quadratic": "quadratic regularization",
    "sparse": "a limit on non-zeros a column",
    "tv-on-zeros": "total variation where weights are zero",
    "low-rank": "a limit on the plan's rank",
    "batch": "a batch of problems",
}


def begin(spec: EngineSpec, problem: TransportProblem, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with defaults, ``start`` among them.

    Raises:
        UnsupportedProblem: the specification does not cover the problem.
        InvalidOption: see ``solvers.core.options.resolve``.
    """
    if not spec.accepts(problem.features):
        lacking = sorted(problem.features - spec.solves) or sorted(problem.features)
        if lacking == ["unregularized"]:
            raise UnsupportedProblem(
                f"{spec.title} needs a regularization", pointer="/engine", hint="give one, or take engine 'auto'"
            )
        words = " and ".join(WORDS.get(feature, feature) for feature in lacking)
        raise UnsupportedProblem(
            f"{spec.title} does not take {words}", pointer="/engine", hint="engine 'auto' chooses one that does"
        )
    given = dict(options)
    start = given.pop("start", None)
    values = resolve((*OPTIONS, *spec.options), given, owner=spec.id)
    values["start"] = start if isinstance(start, Start) else None
    return values


def answered(spec: EngineSpec, status: Status, limit: Limit | None = None, **found: Any) -> TransportAnswer:
    """The answer with its engine's name."""
    return TransportAnswer(status=status, limit=limit, engine=spec.id, engine_version=spec.version, **found)


def stopped_early(
    spec: EngineSpec, problem: Transport, limit: Limit | None, words: str, statistics: dict[str, Any]
) -> TransportAnswer:
    """The answer of who was stopped with nothing in hands: a plan in the time of sorting, where there is such a one."""
    found = stairs(problem)
    if not found:
        return answered(spec, "no-solution", limit, statistics=statistics, message=words)
    text = f"{words}; this is the monotone plan along one direction"
    return answered(spec, "feasible", limit, **found, statistics=statistics, message=text)
