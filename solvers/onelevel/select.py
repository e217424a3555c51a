"""Which engine for which problem of one level: by structure, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from solvers.core.engine import EngineSpec
from solvers.core.errors import UnsupportedProblem
from solvers.onelevel.problem import FEATURE_WORDS, Minimize

#: Up to so many variables a Hessian at each step is cheap.
SMALL = 200
#: Flops up to which the singular values of a dense Jacobian at each step are: a tenth of a second.
DENSE_JACOBIAN = 3e8


def describe(problem: Minimize) -> str:
    """The problem in a line: ``convex quadratic, 100 variables with bounds, 3 constraints``."""
    parts = [
        problem.words or "an objective",
        _counted(problem.n, "variable") + (" with bounds" if problem.bounded else ""),
    ]
    if problem.constraints:
        parts.append(
            _counted(len(problem.constraints), "constraint") + ("" if problem.convex else ", not known to be convex")
        )
    return ", ".join(parts)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def choose(problem: Minimize, offered: Sequence[EngineSpec]) -> tuple[str, str]:
    """The id of the engine, and why, in a sentence.

    Raises:
        UnsupportedProblem: no offered engine takes the problem.
    """
    fits = {spec.id: spec for spec in offered if spec.accepts(problem.features)}
    for name, reason in _preferences(problem):
        if name in fits:
            return name, f"{describe(problem)}: {reason}"
    if not fits:
        words = " and ".join(FEATURE_WORDS[name] for name in sorted(problem.features))
        raise UnsupportedProblem(
            f"no offered engine takes {words}",
            pointer="/engine",
            hint=f"offered: {', '.join(spec.id for spec in offered) or 'none'}",
        )
    first = next(iter(fits.values()))
    return first.id, f"{describe(problem)}: {first.title}, the first engine that takes it"


def ranked(problem: Minimize, offered: Sequence[EngineSpec]) -> tuple[str, ...]:
    """Ids of the engines that take the problem, the most promising first."""
    fits = [spec.id for spec in offered if spec.accepts(problem.features)]
    if not fits:
        choose(problem, offered)
    order = [name for name, _ in _preferences(problem) if name in fits]
    return tuple(dict.fromkeys([*order, *fits]))


def _kinks(problem: Minimize) -> str | None:
    """``linear`` or ``quadratic`` of a problem whose kinks can be spelled out, else None."""
    from solvers.onelevel.engines.as_program import kinked

    found = kinked(problem)
    return None if found is None else "linear" if found[0].Q is None else "quadratic"


def _preferences(problem: Minimize) -> list[tuple[str, str]]:
    """Engines with reasons, the best first."""
    if not problem.smooth and not problem.regularizers:
        kind = _kinks(problem)
        if kind == "linear":
            words = "piecewise linear and convex, so a linear program in which kinks are variables"
            return [("highs", words), ("scip", words)]
        if kind == "quadratic" and not problem.integrality.any():
            words = "piecewise quadratic and convex, so a quadratic program in which kinks are variables"
            return [("clarabel", words), ("highs", words)]
    if problem.integrality.any():
        return [("scip", "integer variables need branch and bound")]
    degrees = [problem.facts.degree, *(constraint.facts.degree for constraint in problem.constraints)]
    affine = all(constraint.facts.affine for constraint in problem.constraints)
    if affine and problem.facts.affine:
        return [("highs", "a linear program"), ("scip", "a linear program"), ("augmented-lagrangian", "constraints")]
    if problem.constraints:
        chosen = [(name, "nonlinear or with constraints, and smooth") for name in ("ipopt", "augmented-lagrangian")]
        quadratic = all(degree is not None and degree <= 2 for degree in degrees)
        if affine and quadratic and problem.convex:
            chosen[:0] = [("clarabel", "a convex quadratic program"), ("highs", "a convex quadratic program")]
        if not problem.smooth:
            chosen.insert(0, ("scip", "constraints that are not smooth need branch and bound"))
        return chosen
    if problem.regularizers:
        return [("proximal", "smooth but for norms, whose proximal operator is known"), ("lbfgs", "not smooth")]
    if not problem.smooth:
        # without bounds a spatial branch and bound may never end
        boxed = bool(np.isfinite(problem.lower).all() and np.isfinite(problem.upper).all())
        small = (
            [("scip", "few variables with bounds, not smooth: branch and bound")] if problem.n <= 20 and boxed else []
        )
        return [*small, ("lbfgs", "not smooth; quasi-Newton often gets near a kink")]
    residual = problem.program.outputs.get("residual")
    if residual is not None:
        rows = problem.program.operations[residual].shape[0]
        if rows * problem.n * min(rows, problem.n) <= DENSE_JACOBIAN and problem.facts.degree != 2:
            return [("gauss-newton", "a sum of squares"), ("lbfgs", "smooth")]
        if problem.n > SMALL and problem.facts.degree != 2:
            return [("ipopt", "a large sum of squares: second derivatives, sparse where they are"), ("lbfgs", "smooth")]
    if problem.n <= SMALL:
        return [("newton", "smooth, and few enough variables for a Hessian at each step"), ("lbfgs", "smooth")]
    return [("lbfgs", "smooth, with many variables"), ("newton", "smooth")]
