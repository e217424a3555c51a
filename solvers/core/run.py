"""What engines of our own do alike in every family: refuse what they cannot take, check options, poll for the stop."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, cast

from solvers.core.engine import Context, EngineSpec, Option
from solvers.core.errors import UnsupportedProblem
from solvers.core.options import resolve

Limit = Literal["time", "iterations", "nodes", "memory", "cancelled", "beaten", "other"]


class BaseRun:
    """One solve.

    Args:
        features: what the problem needs.
        words: each feature in words for people.
        shared: options that all engines of the family have; ``iteration_limit`` among them.
        options: as given; ``start`` is left out, since it is no plain value.

    Attributes:
        values: checked options.
        iterations: counted by whoever iterates.
        limit: which limit ended the run, once one did.

    Raises:
        UnsupportedProblem: the engine does not take the problem.
        InvalidOption: an option it does not have, or a value out of range.
    """

    def __init__(
        self,
        spec: EngineSpec,
        features: Collection[str],
        words: Mapping[str, str],
        shared: Iterable[Option],
        options: Mapping[str, Any],
        context: Context,
    ) -> None:
        lacking = set(features) - spec.solves
        if lacking:
            listed = " and ".join(words[name] for name in sorted(lacking))
            raise UnsupportedProblem(f"{spec.title} does not take {listed}", pointer="/engine", hint="engine: auto")
        given = {name: value for name, value in options.items() if name != "start"}
        self.spec = spec
        self.context = context
        self.values = resolve((*shared, *spec.options), given, owner=spec.title)
        self.iterations = 0
        self.limit: Limit | None = None
        self.begun = time.perf_counter()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def seconds(self) -> float:
        """Since the solve began."""
        return time.perf_counter() - self.begun

    def over(self) -> bool:
        """True if a limit is reached, which is kept in ``limit``."""
        reason = self.context.should_stop()
        if reason is not None:
            self.limit = cast("Limit", reason)
        elif self.values["iteration_limit"] is not None and self.iterations >= self.values["iteration_limit"]:
            self.limit = "iterations"
        return self.limit is not None
