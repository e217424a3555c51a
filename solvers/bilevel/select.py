"""Which engine for which bilevel problem: by structure, with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solvers.bilevel.problem import Bilevel
from solvers.bilevel.settings import FEATURE_WORDS
from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem

#: Up to this many lower variables quasi-Newton steps on the implicit hypergradient were measured to be ahead of all
#: first-order methods: penalties of ridge (100) and cleaning of digits (650), to 99% of what there is to gain.
SOLVABLE = 20_000
#: More complementarity pairs than this are a search without end for most problems.
MOST_PAIRS = 3000
#: Up to this many variables of both levels spatial branch and bound was measured to end in seconds for most problems.
MOST_GLOBAL = 14


def choose(problem: Bilevel, options: Mapping[str, Any], offered: Sequence[EngineSpec]) -> tuple[str, str]:
    """The id of the engine, and why, in a sentence for people.

    Raises:
        UnsupportedProblem: no offered engine takes the problem.
    """
    fits = {spec.id: spec for spec in offered if spec.accepts(problem.features)}
    if not problem.lower.integrality.any():
        fits.pop("value-function", None)
    if "global" in fits and not _worth_global(problem):
        del fits["global"]
    if "exact" in fits and not _worth_exact(problem, options):
        others = {name: spec for name, spec in fits.items() if name != "exact"}
        fits = others or fits
    if not fits:
        words = " and ".join(FEATURE_WORDS.get(name, name) for name in sorted(problem.features)) or "this structure"
        hint = f"offered: {', '.join(spec.id for spec in offered) or 'none'}"
        if "integer-lower" in problem.features:
            hint = "integer lower variables need linear constraints and a linear lower objective, for 'value-function'"
        elif "integer" in problem.features:
            hint = "integer upper variables need linear or quadratic functions and a convex lower level, for 'exact'"
        raise UnsupportedProblem(f"no offered engine takes {words} together", pointer="/engine", hint=hint)
    for name, reason in _preferences(problem, options):
        if name in fits:
            return name, f"{describe(problem)}: {reason}"
    first = next(iter(fits))
    return first, f"{describe(problem)}: {fits[first].title}, the first engine that takes it"


def _worth_exact(problem: Bilevel, options: Mapping[str, Any]) -> bool:
    forms = problem.forms
    if forms is None or not forms.lower_convex or int(options.get("starts") or 1) > 1:
        return False
    if problem.lower_strongly_convex and not forms.lower_affine and problem.n + problem.m > MOST_GLOBAL:
        return False  # products of multipliers and curved constraints, and no bound in the end: derivatives do it
    return pairs(problem) <= MOST_PAIRS


def _worth_global(problem: Bilevel) -> bool:
    """Small, able to be spelled out in scalars, and not one whose lower solution is smooth in x."""
    if problem.sources is None or problem.n + problem.m > MOST_GLOBAL:
        return False
    if problem.lower_strongly_convex and not problem.lower.constrained:
        return False
    from solvers.bilevel.engines.global_parts import able

    return able(problem)


def pairs(problem: Bilevel) -> int:
    """Complementarity conditions of the lower level: its inequalities and finite bounds."""
    import numpy as np

    forms = problem.forms
    rows = 0 if forms is None else len(forms.lower_inequalities)
    return rows + int(np.isfinite(problem.lower.lower).sum() + np.isfinite(problem.lower.upper).sum())


def _preferences(problem: Bilevel, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    exact = (
        "exact",
        f"its KKT conditions ({pairs(problem)} complementarity pairs) solved globally, with a bound on the optimum",
    )
    implicit = (
        "implicit",
        "the lower solution is unique, so quasi-Newton steps on the implicit hypergradient reach high accuracy",
    )
    penalty = ("penalty", "the value-function penalty needs only first derivatives across the levels")
    if int(options.get("starts") or 1) > 1:
        return [("penalty", "many starts run vectorised through the value-function penalty"), implicit]
    if problem.lower.integrality.any():
        words = (
            "integer lower variables, whose solutions become cuts on the value function, with a bound on the optimum"
        )
        return [("value-function", words)]
    if problem.sampler is not None and not problem.lower.constrained:
        words = f"steps on mini-batches ({', '.join(f'{v} rows of {k}' for k, v in problem.sampler.rows.items())})"
        words += "; the certificate is on all data"
        return [("soba", words), ("f2sa", words), exact, implicit, penalty]
    order = [exact]
    if _worth_global(problem):
        words = "it is small enough for a global search by cuts on the value function, with a bound on the optimum"
        order.append(("global", words))
    if problem.lower_strongly_convex:
        return [*order, implicit, penalty] if problem.m <= SOLVABLE else [*order, penalty]
    if problem.lower.constrained:
        return [*order, penalty, ("lv-hba", "a constrained lower level, by first-order steps")]
    if problem.lower_convex:
        several = (
            "the lower level may have several solutions, and the penalty finds the best of them for the upper level"
        )
        return [*order, ("penalty", several), ("bda", several)]
    return [*order, ("penalty", "the lower level is not known to be convex"), implicit]


def describe(problem: Bilevel) -> str:
    """The problem in words: structure and size."""
    forms = problem.forms
    if forms is not None:
        kind = "linear" if forms.linear else "quadratic"
    else:
        kind = "nonlinear"
    if problem.lower_strongly_convex:
        below = "strongly convex lower level"
    elif problem.lower_convex:
        below = "convex lower level"
    else:
        below = "lower level not known to be convex"
    if problem.lower.constrained:
        below += " with constraints"
    elif problem.lower.bounded:
        below += " with bounds"
    if problem.lower.integrality.any():
        below = "integer lower level"
    counts = []
    for which, level in (("upper", problem.upper), ("lower", problem.lower)):
        whole = int(level.integrality.sum())
        counts.append(f"{level.n:,} {which}{f' ({whole:,} integer)' if whole else ''}")
    return f"{kind} bilevel problem with {' and '.join(counts)} variables, {below}"
