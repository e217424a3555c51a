"""Which of the offered engines take a problem, the most promising first, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem


def ranked(
    features: frozenset[str],
    words: Mapping[str, str],
    preferences: Sequence[tuple[str, str]],
    offered: Sequence[EngineSpec],
    description: str,
) -> list[tuple[str, str]]:
    """Ids of the engines that take the features, each with its reason.

    Args:
        words: of each feature, for the error.
        preferences: ids and reasons, the best first; engines that are not named come after them.
        description: of the problem, put before each reason.

    Raises:
        UnsupportedProblem: no offered engine takes it.
    """
    fits = {spec.id: spec for spec in offered if spec.accepts(features)}
    if not fits:
        raise UnsupportedProblem(
            f"no offered engine takes {' and '.join(words[name] for name in sorted(features))}",
            pointer="/engine",
            hint=f"offered: {', '.join(spec.id for spec in offered) or 'none'}",
        )
    order = [(name, reason) for name, reason in preferences if name in fits]
    named = {name for name, _ in order}
    order += [(name, f"{spec.title}, which takes it") for name, spec in fits.items() if name not in named]
    return [(name, f"{description}: {reason}") for name, reason in order]
