"""What Kantor checks of a saddle point, on the original problem.

Each player's problem, while the other stands still, is a problem of one level: it is solved anew, by whatever engine of
one level fits, and certified by that family's own checks. What no choice of y can get beyond at this x is ``upper``,
what no choice of x can get below at this y is ``lower``: whatever f is like,

    lower <= max over y of min over x of f <= min over x of max over y of f <= upper,

so that a small gap proves both that the point is a saddle point and its value. Where a player's problem is not
convex there is no such proof: then both players' first-order conditions are measured, and the second-order
conditions of local minimax points (Jin, Netrapalli, Jordan 2020): ``f_yy < 0`` and
``f_xx - f_xy f_yy^-1 f_yx > 0`` on the directions that constraints leave.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from solvers.core import registry
from solvers.core.certificate import Certificate, Check
from solvers.core.engine import LocalContext
from solvers.core.errors import SolverError
from solvers.onelevel.answer import MinimizeAnswer, Status
from solvers.onelevel.certificates import LARGEST_GAP
from solvers.onelevel.certificates import certify as certify_one
from solvers.onelevel.problem import Minimize
from solvers.onelevel.select import choose
from solvers.saddle.answer import SaddleAnswer, SecondOrder
from solvers.saddle.problem import Player, Saddle

#: Seconds for one player's best response.
RESPONSE_SECONDS = 20.0
#: Up to so many variables of both players the second-order conditions are looked at.
SECOND_ORDER = 1000
#: Eigenvalues below this share of the largest are not called positive.
CURVED = 1e-8

_DEFAULTS = {"tolerance": 1e-6, "feasibility_tolerance": 1e-6, "relative_gap": 1e-4}
_VERBS: dict[Player, str] = {"minimizer": "minimizing", "maximizer": "maximizing"}


@dataclass(frozen=True)
class Side:
    """What was found of one player.

    Attributes:
        checked: the answer's own part as a problem of one level, settled.
        proved: a bound on what the player can reach: f is never below it (minimizer), never above it (maximizer).
        words: how the bound was found, or why there is none.
    """

    checked: MinimizeAnswer
    certificate: Certificate
    proved: float | None
    words: str


def certify(
    problem: Saddle, answer: SaddleAnswer, options: Mapping[str, Any] | None = None
) -> tuple[SaddleAnswer, Certificate]:
    """The settled answer, whose status is no better word than the checks give, and the certificate."""
    begun = time.perf_counter()
    given = {**_DEFAULTS, **{k: v for k, v in (options or {}).items() if k in _DEFAULTS and v is not None}}
    given["relative_gap"] = min(given["relative_gap"], LARGEST_GAP)
    if answer.z is None:
        text = f"the engine found the problem {answer.status}; nothing to recompute"
        trusted = answer.status in ("infeasible", "unbounded")
        check = Check(answer.status, "trusted", text) if trusted else Check("point", "skipped", "there is no point")
        return answer, Certificate((check,), time.perf_counter() - begun)
    sides = {which: _side(problem, which, answer, answer.z, given) for which in _VERBS}
    checks = [*_own_checks(sides, given)]
    settled = _settled(answer, sides)
    checks.append(_gap_check(settled, sides, given))
    second: SecondOrder = "unknown"
    if not problem.convex_concave and problem.smooth and np.isfinite(settled.objective or 0.0):
        second, check = _second_order(problem, answer.z, settled, given["tolerance"])
        checks.append(check)
    settled = replace(settled, second_order=second, status=_status(settled, given, sides))
    return settled, Certificate(tuple(checks), time.perf_counter() - begun)


def _side(problem: Saddle, which: Player, answer: SaddleAnswer, z: np.ndarray, options: Mapping[str, float]) -> Side:
    part = problem.response(which, z)
    claim = MinimizeAnswer("feasible", x=part.start, objective=answer.objective)
    checked, certificate = certify_one(part, claim, options)
    proved, words = _reach(part, which, checked, options)
    return Side(checked, certificate, proved, words)


def _reach(
    part: Minimize, which: Player, checked: MinimizeAnswer, options: Mapping[str, float]
) -> tuple[float | None, str]:
    """The best bound on what a player can reach, from its own point and from its problem solved anew."""
    if not part.convex:
        shape = "convex" if which == "minimizer" else "concave"
        return None, f"the {_VERBS[which]} player's problem is not known to be {shape}: its best response has no proof"
    better = max if which == "minimizer" else min
    bounds = [checked.bound] if checked.bound is not None and np.isfinite(checked.bound) else []
    words = "from the point's own first-order conditions"
    if not bounds or abs(bounds[0] - (checked.objective or 0.0)) > 1e-9 * max(1.0, abs(bounds[0])):
        try:
            offered = [registry.load("minimize", name).spec for name in registry.names("minimize")]
            engine, _ = choose(part, offered)
            context = LocalContext(time_limit=RESPONSE_SECONDS)
            found = registry.load("minimize", engine).solve(part, {"log": False}, context)
            response, certificate = certify_one(part, replace(found, bound=None), options)
        except SolverError as error:
            return (better(bounds) if bounds else None), f"{words}; the best response was not found: {error}"
        if response.bound is not None and np.isfinite(response.bound) and not certificate.failures:
            bounds.append(response.bound)
            words = f"the best response, solved anew by {engine}, is {response.objective:.9g}"
    if not bounds:
        return None, "no finite bound: sets without bounds leave none for a gradient that is not exactly zero"
    return better(bounds), words


def _own_checks(sides: Mapping[Player, Side], options: Mapping[str, float]) -> list[Check]:
    """Objective, derivatives, feasibility and first-order conditions, as the players' own problems found them."""
    checks: list[Check] = []
    first = sides["minimizer"].certificate.checks
    checks += [check for check in first if check.name == "objective"]
    # a point outside of a player's set, for one, can be better than all within it
    for which, side in sides.items():
        shown = ("objective", "feasibility", *(("derivatives",) if which == "minimizer" else ()))
        checks += [replace(c, name=f"{which}-{c.name}") for c in side.certificate.failures if c.name not in shown]
    violation = max(side.checked.violation or 0.0 for side in sides.values())
    allowed = options["feasibility_tolerance"]
    words = f"largest violation of both players' constraints and bounds: {violation:.2g}"
    checks.append(Check("feasibility", "passed" if violation <= allowed else "failed", words, violation, allowed))
    checks += [check for check in first if check.name == "derivatives"]
    for which, side in sides.items():
        residual = side.checked.stationarity
        name = f"{which}-stationarity"
        if residual is None:
            checks.append(Check(name, "skipped", "the objective is not smooth in this player's variables"))
            continue
        reached = residual <= options["tolerance"]
        words = f"residual of the {_VERBS[which]} player's first-order conditions: {residual:.2g}"
        words += "" if reached else ", above the tolerance: not claimed"
        checks.append(Check(name, "passed" if reached else "skipped", words, residual, options["tolerance"]))
    return checks


def _settled(answer: SaddleAnswer, sides: Mapping[Player, Side]) -> SaddleAnswer:
    first, second = sides["minimizer"], sides["maximizer"]
    return replace(
        answer,
        objective=first.checked.objective,
        lower=first.proved,
        upper=second.proved,
        minimizer_residual=first.checked.stationarity,
        maximizer_residual=second.checked.stationarity,
        violation=max(side.checked.violation or 0.0 for side in sides.values()),
    )


def _gap_check(answer: SaddleAnswer, sides: Mapping[Player, Side], options: Mapping[str, float]) -> Check:
    allowed = options["relative_gap"]
    if answer.gap is None:
        words = "; ".join(side.words for side in sides.values() if side.proved is None)
        if answer.upper is not None:
            words += f"; proved: the minimizing player never pays more than {answer.upper:.9g}"
        return Check("duality-gap", "skipped", words)
    text = (
        f"{answer.lower:.9g} <= value of the game <= {answer.upper:.9g}: "
        f"{sides['minimizer'].words}; {sides['maximizer'].words}"
    )
    if _crossed(answer, options):
        text = (
            f"{text}. These cross: the point owes that to the tolerance of the players' constraints, and proves nothing"
        )
        return Check("duality-gap", "failed", text, answer.gap, allowed)
    return Check("duality-gap", "passed" if answer.gap <= allowed else "skipped", text, answer.gap, allowed)


def _crossed(answer: SaddleAnswer, options: Mapping[str, float]) -> bool:
    """The maximizing player gets more than the minimizing one pays: no pair of points of their sets has that."""
    if answer.lower is None or answer.upper is None or answer.gap is None:
        return False
    return answer.lower > answer.upper and answer.gap > options["relative_gap"]


def _status(answer: SaddleAnswer, options: Mapping[str, float], sides: Mapping[Player, Side]) -> Status:
    feasible = (answer.violation or 0.0) <= options["feasibility_tolerance"] and np.isfinite(answer.objective or 0.0)
    if not feasible:
        return "not-verified"
    wrong = [c for side in sides.values() for c in side.certificate.failures if c.name != "objective"]
    if wrong or _crossed(answer, options):
        return "feasible"
    if answer.gap is not None and answer.gap <= options["relative_gap"]:
        return "globally-optimal"
    if all(side.checked.status in ("locally-stationary", "globally-optimal") for side in sides.values()):
        residuals = (answer.minimizer_residual, answer.maximizer_residual)
        if all(value is not None and value <= options["tolerance"] for value in residuals):
            return "locally-stationary"
    return "feasible"


def _second_order(problem: Saddle, z: np.ndarray, answer: SaddleAnswer, tolerance: float) -> tuple[SecondOrder, Check]:
    """On the directions that stay within bounds and active constraints (whose curvature is left out)."""
    name = "second-order"
    residual = max(value if value is not None else np.inf for value in _residuals(answer))
    if z.size > SECOND_ORDER or residual > tolerance:
        why = "too many variables" if z.size > SECOND_ORDER else "the first-order conditions do not hold"
        return "unknown", Check(name, "skipped", f"{why}: the second-order conditions were not looked at")
    sets, n = problem.sets, problem.n
    if sets.curved:
        return "unknown", Check(name, "skipped", "constraints are curved: second-order conditions were not looked at")
    H = problem.oracle.hessian(z)
    free = ~((z <= sets.lower + 1e-9) | (z >= sets.upper - 1e-9))
    J = sets.active(z, 1e-9)
    X = _directions(free[:n], J[:, :n])
    Y = _directions(free[n:], J[:, n:])
    yy, xy, xx = Y.T @ H[n:, n:] @ Y, X.T @ H[:n, n:] @ Y, X.T @ H[:n, :n] @ X
    size = max(1.0, float(np.abs(H).max(initial=0.0)))
    top = float(np.linalg.eigvalsh(yy)[-1]) if yy.size else -np.inf
    if top > CURVED * size:
        text = f"the maximizing player gains by moving: f_yy has the eigenvalue {top:.3g} > 0"
        return "not-a-local-minimax", Check(name, "skipped", f"{text}; not a local minimax point", top)
    if top > -CURVED * size:
        return "unknown", Check(name, "skipped", f"f_yy is singular (eigenvalue {top:.2g}): nothing follows", top)
    schur = xx - xy @ np.linalg.solve(yy, xy.T) if yy.size else xx
    least = float(np.linalg.eigvalsh(0.5 * (schur + schur.T))[0]) if schur.size else np.inf
    if least > CURVED * size:
        text = "f_yy < 0 and f_xx - f_xy f_yy^-1 f_yx > 0 on the free directions: a strict local minimax point"
        return "local-minimax", Check(name, "passed", text, min(least, -top))
    if least < -CURVED * size:
        text = f"the minimizing player gains by moving: the Schur complement has the eigenvalue {least:.3g} < 0"
        return "not-a-local-minimax", Check(name, "skipped", f"{text}; not a local minimax point", least)
    return "unknown", Check(name, "skipped", f"the Schur complement is singular ({least:.2g}): nothing follows", least)


def _residuals(answer: SaddleAnswer) -> tuple[float | None, float | None]:
    return answer.minimizer_residual, answer.maximizer_residual


def _directions(free: np.ndarray, J: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the directions in free variables that keep the active constraints."""
    basis = np.eye(free.size)[:, free]
    rows = J[np.abs(J).max(axis=1, initial=0.0) > 0.0] if J.size else J
    if not rows.size or not basis.size:
        return basis
    from scipy.linalg import null_space

    return np.asarray(basis @ null_space(rows @ basis))
