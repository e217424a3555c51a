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
    if work.race is not None:
        return named(work.race, offered)
    engines = tuple(name for name, _ in ranking[:RACERS])
    return Choice(engines, f"the most promising are {', '.join(engines)}")


def named(race: Sequence[str], offered: Sequence[EngineSpec]) -> Choice:
    """The engines that a request names for a race.

    Raises:
        Refusal: this worker does not offer one of them.
    """
    names = [spec.id for spec in offered]
    for k, name in enumerate(race):
        if name not in names:
            words, hint = f"no {name} among the engines of this worker", f"offered: {', '.join(names)}"
            raise Refusal("unknown-engine", words, pointer=f"/options/race/{k}", hint=hint)
    return Choice(tuple(dict.fromkeys(race)), "named in the request")
