"""The family of optimal transport (``solvers.transport``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from solvers.core import registry
from solvers.core.engine import Context, EngineSpec
from solvers.core.errors import OutOfMemory, SolverError
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.options import OPTIONS
from solvers.transport.problem import Transport
from solvers.transport.select import choose, describe, race_candidates
from workers.families import Choice, Encoded, Files, Refusal, Rescue, Solved, Work
from workers.families.arrays import sane
from workers.families.transport_decode import OPTION_RULES, decode
from workers.families.transport_encode import encode
from workers.families.transport_inspect import inspect
from workers.runner import limits

#: Engines in a race that the user has not named, on a machine with few cores.
FEWEST_RACERS = 2


class TransportFamily:
    """Implements ``workers.families.Family``."""

    shared_options = OPTIONS
    preload = ("solvers.transport.certificates", "scipy.spatial.distance", "scipy.sparse")

    def decode(self, document: Mapping[str, Any], files: Files) -> Work:
        return decode(document, files)

    def choose(self, work: Work, engine: str, offered: Sequence[EngineSpec]) -> Choice:
        if work.options.get("device") == "cuda":
            offered = [spec for spec in offered if "cuda" in spec.capabilities]
        if engine == "auto":
            chosen = choose(work.problem, work.options, offered)
            return Choice((chosen.engine,), chosen.why)
        if work.race is not None:
            names = [spec.id for spec in offered]
            for k, name in enumerate(work.race):
                if name not in names:
                    words, hint = f"no {name} among the engines of this worker", f"offered: {', '.join(names)}"
                    raise Refusal("unknown-engine", words, pointer=f"/options/race/{k}", hint=hint)
            return Choice(tuple(dict.fromkeys(work.race)), "named in the request")
        engines = race_candidates(work.problem, offered)
        if not engines:
            choose(work.problem, work.options, offered)  # says why there is none
        engines = engines[: max(FEWEST_RACERS, limits.machine_cores())]
        return Choice(engines, f"{describe(work.problem)}: the most promising are {', '.join(engines)}")

    def solve(self, work: Work, engine: str, why: str, context: Context) -> TransportAnswer:
        try:
            answer: TransportAnswer = registry.load("transport", engine).solve(work.problem, work.options, context)
        except SolverError as error:
            if error.code == "invalid-option":
                error.pointer = OPTION_RULES.pointer(error.pointer, work.options)
            elif error.code == "invalid-problem" and error.pointer.startswith("/"):
                error.pointer = f"/problem{error.pointer}"
            raise
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's, of a GPU
                raise
            raise OutOfMemory(f"the GPU's memory: {error}", hint="device cpu, or points instead of a matrix") from error
        version = answer.engine_version or registry.load("transport", engine).spec.version
        return replace(answer, engine=engine, engine_version=version, why=answer.why or why)

    def rescue(self, work: Work, rescue: Rescue) -> TransportAnswer:
        """From the potentials that an engine handed over (f, then g), where it did: they prove a bound, but are no
        plan."""
        found: dict[str, Any] = {}
        problem = work.problem
        if rescue.point is not None and isinstance(problem, Transport):
            potentials = np.asarray(rescue.point[1], dtype=float)
            if potentials.size == problem.n + problem.m:
                found = {"f": potentials[: problem.n], "g": potentials[problem.n :]}
        return TransportAnswer(
            status="no-solution",
            limit=rescue.limit,
            message=rescue.message,
            engine=rescue.engine,
            engine_version=registry.load("transport", rescue.engine).spec.version,
            why=rescue.why,
            **found,
        )

    def certify(self, work: Work, answer: TransportAnswer) -> Solved:
        return Solved(*certify(work.problem, answer, work.options))

    def claims(self, solved: Solved) -> dict[str, Any]:
        answer: TransportAnswer = solved.answer
        regularized = answer.objective is not None
        return {
            "status": answer.status,
            "objective": sane(answer.objective if regularized else answer.cost),
            "bound": sane(answer.objective_bound if regularized else answer.bound),
            "verified": solved.certificate.verified,
            "final": answer.status == "optimal" and solved.certificate.verified,
            "message": answer.message,
        }

    def adopt(self, work: Work, solved: Solved, *, bound: float | None, statistics: Mapping[str, Any]) -> Solved:
        """Another engine's bound is taken over only with the potentials that prove it, so only its counts are."""
        merged = {**solved.answer.statistics, **statistics}
        return Solved(replace(solved.answer, statistics=merged), solved.certificate)

    def encode(self, work: Work, solved: Solved, files: Files, *, inline_limit: int) -> Encoded:
        return encode(work, solved.answer, solved.certificate, files, inline_limit=inline_limit)

    def inspect(self, work: Work) -> bytes:
        return orjson.dumps(inspect(work.problem), option=orjson.OPT_SERIALIZE_NUMPY)


FAMILY = TransportFamily()
