"""Problems through a family, as a runner would: JSON in, JSON out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import BaseModel

from api_schemas.jobs import JobRequest
from solvers.core import registry
from solvers.core.engine import LocalContext
from workers.families import Refusal

Answer = TypeVar("Answer", bound=BaseModel)


class NoFiles:
    """Inline problems need no artifacts."""

    folder = Path()

    def fetch(self, artifact: str, pointer: str) -> Path:
        raise Refusal("artifact-missing", artifact, pointer=pointer)

    def store(self, path: Path, filename: str) -> str:
        raise AssertionError(f"{filename} should have been inline: {path}")


class Through(Generic[Answer]):
    """A family, its answers, and the seconds that a solve has where a test doesn't say."""

    def __init__(self, family: Any, kind: str, answer: type[Answer], seconds: float = 30.0) -> None:
        self._family = family
        self._kind = kind
        self._answer = answer
        self._seconds = seconds

    def document(self, problem: dict[str, Any], options: dict[str, Any] | None = None) -> dict[str, Any]:
        """The request as the API would store it: validated, in JSON."""
        listed = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in problem.get("data", {}).items()}
        body = {"problem": {"kind": self._kind, **problem, "data": listed}, "options": options or {}}
        request = JobRequest.model_validate_json(json.dumps(body))
        return dict(json.loads(request.model_dump_json(exclude_unset=True)))

    def solve(
        self,
        problem: dict[str, Any],
        engine: str = "auto",
        options: dict[str, Any] | None = None,
        context: LocalContext | None = None,
    ) -> Answer:
        """The answer as a client would read it."""
        family = self._family
        work = family.decode(self.document(problem, options), NoFiles())
        offered = [registry.load(self._kind, name).spec for name in registry.names(self._kind)]
        choice = family.choose(work, engine, offered) if engine == "auto" else None
        name = choice.engines[0] if choice else engine
        why = choice.why if choice else ""
        answer = family.solve(work, name, why, context or LocalContext(time_limit=self._seconds))
        encoded = family.encode(work, family.certify(work, answer), NoFiles(), inline_limit=1 << 20)
        return self._answer.model_validate_json(encoded.document)
