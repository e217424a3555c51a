"""Which engines solve a request: by structure, or those it names. For families whose engines are ranked."""

from __future__ import annotations

from collections.abc import Sequence

from solvers.core.engine import EngineSpec
from workers.families import Choice, Refusal, Work

RACERS = 3


def chosen(work: Work, engine: str, offered: Sequence[EngineSpec], ranking: Sequence[tuple[str, str]]) -> Choice:
    """Resolve ``"auto"`` and ``"race"``.

    Args:
        ranking: ids of the engines that take the problem, each with the reason, the most promising first.

    Raises:
        Refusal: an engine that this worker does not offer is named for a race.
    """
    if engine == "auto":
        name, why = ranking[0]
        return Choice((name,), why)
    names = [spec.id for spec in offered]
    if work.race is not None:
        for k, name in enumerate(work.race):
            if name not in names:
                words, hint = f"no {name} among the engines of this worker", f"offered: {', '.join(names)}"
                raise Refusal("unknown-engine", words, pointer=f"/options/race/{k}", hint=hint)
        return Choice(tuple(dict.fromkeys(work.race)), "named in the request")
    engines = tuple(name for name, _ in ranking[:RACERS])
    return Choice(engines, f"the most promising are {', '.join(engines)}")
