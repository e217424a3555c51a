"""Families of problems: the only places where the contract's documents and the solvers' types meet.

A family is one module here that runs in the runners, where no contract model (pydantic) is imported: it reads JSON that
the API has validated and writes JSON that fits ``api_schemas``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from solvers.core.certificate import Certificate
from solvers.core.engine import Context, EngineSpec, Option, StopReason

#: kind to "module:attribute"; a new family adds its line.
FAMILIES: dict[str, str] = {
    "program": "workers.families.program:FAMILY",
    "transport": "workers.families.transport:FAMILY",
    "bilevel": "workers.families.bilevel:FAMILY",
    "study": "workers.families.study:FAMILY",
    "schedule": "workers.families.schedule:FAMILY",
    "minimize": "workers.families.minimize:FAMILY",
    "saddle": "workers.families.saddle:FAMILY",
    "pareto": "workers.families.pareto:FAMILY",
}


class Refusal(Exception):
    """The job cannot be done as asked.

    Attributes:
        code: a key of ``api_schemas.errors.CODES``.
        errors: ``{"pointer", "detail", "hint"}`` for each fault, pointers relative to the request's body.
        room: of ``quota-exceeded``: bytes that the project may still store.
    """

    def __init__(self, code: str, detail: str, *, pointer: str = "", hint: str = "", room: int = 0) -> None:
        super().__init__(detail)
        self.room = room
        self.code = code
        self.detail = detail
        self.errors = [{"pointer": pointer, "detail": detail, "hint": hint}] if pointer or hint else []


class Files(Protocol):
    """A job's artifacts, and its place for what it writes."""

    folder: Path
    """Private to the job, emptied afterwards."""

    def fetch(self, artifact: str, pointer: str) -> Path:
        """A local copy of an artifact, to be read only.

        Raises:
            Refusal: ``artifact-missing`` at ``pointer``.
        """
        ...

    def store(self, path: Path, filename: str) -> str:
        """Keep a file of ``folder`` as an artifact of the answer; its id.

        Raises:
            Refusal: ``quota-exceeded``, with the room that there is; ``too-large``.
        """
        ...


@dataclass(frozen=True)
class Work:
    """A decoded request.

    Attributes:
        problem: the solvers' type.
        options: for the engine: shared ones, its own, and what the family adds (a warm start).
        time_limit, memory_limit: seconds and MB, None if not asked for.
        threads: of the engine.
        race: engines for a race, None if not named.
        sense: ``"min"`` or ``"max"``: which objective is better.
        extra: of the family.
    """

    problem: Any
    options: dict[str, Any]
    time_limit: float | None = None
    memory_limit: int | None = None
    threads: int = 1
    race: tuple[str, ...] | None = None
    sense: str = "min"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Who will solve: one engine, or several in a race."""

    engines: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Solved:
    """An answer with its certificate, settled: the status is no more than the certificate allows."""

    answer: Any
    certificate: Certificate


@dataclass(frozen=True)
class Rescue:
    """What is left of a solve that ended without an answer.

    Attributes:
        limit: why it ended.
        point: the best feasible point, objective and values, None if none was handed over.
        bound: the engine's last claim on the optimal objective.
        message: what happened, in a sentence.
    """

    engine: str
    limit: StopReason | Literal["other"]
    message: str
    point: tuple[float, Any] | None = None
    bound: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Encoded:
    """An answer as stored.

    Attributes:
        document: JSON of the family's answer model.
        summary: of ``api_schemas.jobs.JobSummary``.
        limit: which limit ended the solve, None if none did.
        refusal: why arrays of the answer are missing from it, None if none are: then the job failed, and keeps this.
    """

    document: bytes
    summary: dict[str, Any]
    limit: str | None
    refusal: Refusal | None = None


class Family(Protocol):
    """What a runner needs to know of a kind of problems."""

    shared_options: Sequence[Option]
    """Options that every engine of the family has."""

    preload: Sequence[str]
    """Modules to import before forking, besides the engines'. None of them may start a thread."""

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        """The problem and options of ``{"problem": …, "options": …}``.

        Raises:
            Refusal, SolverError: with pointers relative to the request's body.
        """
        ...

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        """Resolve ``"auto"`` and ``"race"`` among the engines that this worker offers."""
        ...

    def solve(self, work: Work, engine: str, why: str, context: Context) -> Any:
        """The engine's answer."""
        ...

    def rescue(self, work: Work, rescue: Rescue) -> Any:
        """An answer made of a point that a killed engine left."""
        ...

    def certify(self, work: Work, answer: Any) -> Solved:
        """Check an answer on the original problem, and settle its status."""
        ...

    def claims(self, solved: Solved) -> dict[str, Any]:
        """To compare racers by: ``status``, ``objective``, ``bound``, ``verified``, ``final`` (no better can come)."""
        ...

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        """The answer with a better bound that another engine proved, certified anew, and with more statistics."""
        ...

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        """The answer as JSON; arrays above ``inline_limit`` bytes go into an artifact."""
        ...

    def inspect(self, work: Work) -> bytes:
        """JSON of ``api_schemas.jobs.Inspection``."""
        ...


def load(kind: str) -> Family:
    """The family of a kind.

    Raises:
        Refusal: this worker does not know it.
    """
    target = FAMILIES.get(kind)
    if target is None:
        raise Refusal(
            "unsupported-problem", f"this worker does not know problems of kind {kind!r}", pointer="/problem/kind"
        )
    module, _, attribute = target.partition(":")
    family: Family = getattr(importlib.import_module(module), attribute)
    return family
