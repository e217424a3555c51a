"""Checks of an answer to one transport problem (``solvers.transport.problem.Transport``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from solvers.core.certificate import Check, Outcome
from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates.bounds import LowerBound, lower_bound
from solvers.transport.certificates.case import Case, case_of
from solvers.transport.certificates.costs import UNIT
from solvers.transport.certificates.duals import regularized_bound
from solvers.transport.certificates.plans import Evaluated, Exponential, SparseEntries, evaluated, product_cost
from solvers.transport.certificates.sums import total
from solvers.transport.certificates.values import UpperBound, upper_bound
from solvers.transport.plan import LowRankPlan, SparsePlan
from solvers.transport.problem import Transport

#: A claimed number is right to this part of its size.
CLAIM = 1e-9

#: The gap between cost and bound that may be called none, where the user asked for nothing: of exact engines, of
#: others.
EXACT_GAP, OTHER_GAP = 1e-9, 1e-3

#: The same for a regularized problem, whose two values meet as its marginals become exact.
REGULARIZED_GAP = 1e-6

#: A gap below this part of (mass times the largest cost) is rounding, whatever the optimum's own size.
ROUNDING_GAP = 1e-12

#: What rounding may leave of the terms of a regularization, as a part of its strength.
ROUNDING_TERMS = 1e-10

#: Bounds whose roundings are on the safe side do not cross, but for the last digits of numbers that are equal.
CROSSING = 8 * UNIT
CROSSED = "The first is above the second: one of them is wrong, and neither is a proof."

#: Below this, numbers lose their digits.
SMALLEST = 1e-300

#: The most that the rounding of potentials may excuse, as a part of the mass.
BLUR = 1e-6

#: Largest accepted error of marginals, relative to the mass, where the user asked for nothing.
MARGINALS = 1e-9


@dataclass(frozen=True)
class Examined:
    """What was found: the checks, and the answer with the numbers and the plan that they prove."""

    checks: list[Check]
    answer: TransportAnswer


def examine(problem: Transport, answer: TransportAnswer, options: Mapping[str, Any]) -> Examined:
    """Check an answer that claims to be optimal, feasible or imprecise.

    Raises:
        ValueError: the plan cannot be read.
    """
    epsilon, checks = _strength(problem, answer)
    case = case_of(problem, epsilon)
    if answer.plan is None:
        text = "The answer has no plan, so nothing shows that its cost can be had."
        return Examined([*checks, Check("marginals", "failed", text)], replace(answer, cost=None, bound=None))
    f, g = (None if given is None else np.asarray(given, dtype=float) for given in (answer.f, answer.g))
    for given, size in ((f, problem.n), (g, problem.m)):
        if given is not None and given.shape != (size,):
            raise ValueError(f"potentials of shape {given.shape} for {size} points")
    bare = _without_regularization(case)
    lower = lower_bound(bare, *_of_points(bare, f, g), answer.bound)
    f, g = _of_points(case, f, g)
    plan = evaluated(answer.plan, case)
    upper = upper_bound(plan, case, lower.lowest, lower.highest, may_repair=problem.max_nonzeros is None)
    seen = _Seen(problem, answer, options, case, lower, upper, f, g)
    checks += seen.checks()
    return Examined(checks, seen.proved())


def _without_regularization(case: Case) -> Case:
    """Entropy keeps mass from points without weight; without it total variation may make some there, for a price."""
    if not case.epsilon or "tv-on-zeros" not in case.problem.features:
        return case
    return case_of(replace(case.problem, regularization=None, max_nonzeros=None), 0.0)


def _of_points(case: Case, f: np.ndarray | None, g: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Potentials of the points that the case has."""
    return None if f is None else f[case.rows], None if g is None else g[case.columns]


class _Seen:
    """One answer with the bounds that were computed for it."""

    def __init__(
        self,
        problem: Transport,
        answer: TransportAnswer,
        options: Mapping[str, Any],
        case: Case,
        lower: LowerBound,
        upper: UpperBound,
        f: np.ndarray | None,
        g: np.ndarray | None,
    ) -> None:
        self.problem, self.answer, self.options, self.case = problem, answer, options, case
        self.lower, self.upper = lower, upper
        self.size = case.scale * max(abs(lower.lowest), abs(lower.highest))
        self.blur = _blur(upper.plan)
        self.rounding = 4.0 * case.scale * case.costs.uncertainty + SMALLEST + _penalty_rounding(case, upper)
        #: What a claimed number may be off by, beside.
        strengths = [side.strength * total(side.weights) for side in (case.a, case.b) if math.isfinite(side.strength)]
        self.unsure = self.rounding + self.blur * (self.size + sum(strengths))
        self.dual: float | None = None
        self.potential_error: float | None = None
        if case.epsilon and f is not None and g is not None:
            self.dual, self.potential_error = regularized_bound(case, f, g)

    def checks(self) -> list[Check]:
        found = [self._marginals(), *self._form(), *self._claims()]
        if self.case.epsilon:
            found.append(self._regularized_gap())
            found.append(self._bounds("passed", "skipped"))
        else:
            found.append(self._gap())
        return found

    def proved(self) -> TransportAnswer:
        """The answer with what was proved in the place of what was claimed."""
        upper = self.upper
        changes: dict[str, Any] = {
            "cost": upper.value if math.isfinite(upper.value) else None,
            "bound": self.lower.value if math.isfinite(self.lower.value) else None,
        }
        if self.case.epsilon:
            finite = upper.objective is not None and math.isfinite(upper.objective)
            changes["objective"] = upper.objective if finite else None
            changes["objective_bound"] = self.dual if self.dual is not None and math.isfinite(self.dual) else None
        if upper.repaired and isinstance(upper.plan, SparseEntries) and isinstance(self.answer.plan, SparsePlan):
            changes["plan"] = SparsePlan(self._matrix(upper.plan))
        return replace(self.answer, **changes)

    def _matrix(self, plan: SparseEntries) -> sp.csr_array:
        where = self.case.rows[plan.rows], self.case.columns[plan.columns]
        matrix = sp.coo_array((plan.values, where), shape=(self.problem.n, self.problem.m)).tocsr()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def _marginals(self) -> Check:
        if self.case.mass is None and self.upper.error > MARGINALS * self.case.scale:
            text = f"The plan has {self.upper.error:.2g} mass at points without weight, which no price allows."
            return Check("marginals", "failed", text, self.upper.error, MARGINALS * self.case.scale)
        if self.case.mass is None:
            return Check(
                "marginals", "passed", "The plan is non-negative; its marginals are free, and penalised as asked."
            )
        wanted = max(float(self.options.get("marginal_tolerance") or MARGINALS), MARGINALS)
        allowed = max(wanted, self.blur) * self.case.scale
        error = self.upper.error
        words = f"The plan is non-negative, its marginals are off by {error:.2g} in all"
        if error <= wanted * self.case.scale:
            return Check("marginals", "passed", f"{words}.", error, allowed)
        if error <= allowed:
            words += ": at this epsilon the last digits of costs and potentials leave no less"
            return Check("marginals", "passed", f"{words}. The cost is that of the plan once repaired.", error, allowed)
        mended = "; the cost below is that of the plan once repaired" if self.upper.repaired else ""
        return Check("marginals", "failed", f"{words}{mended}.", error, allowed)

    def _form(self) -> list[Check]:
        """Non-zeros in a column, rank."""
        found = []
        most = self.problem.max_nonzeros
        if most is not None:
            if not isinstance(self.answer.plan, SparsePlan):
                return [Check("sparsity", "failed", "The plan is not given entry by entry.")]
            matrix = sp.csc_array(self.answer.plan.matrix, copy=True)
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
            count = int(np.diff(matrix.indptr).max(initial=0))
            outcome: Outcome = "passed" if count <= most else "failed"
            text = f"The fullest column of the plan has {count} non-zeros; {most} are allowed."
            found.append(Check("sparsity", outcome, text, float(count), float(most), "exact"))
        if self.problem.rank is not None:
            rank = self._products()
            within: Outcome = "passed" if rank <= self.problem.rank else "failed"
            text = f"The plan is a sum of {rank} products; {self.problem.rank} are allowed."
            found.append(Check("rank", within, text, float(rank), float(self.problem.rank), "exact"))
        return found

    def _products(self) -> int:
        """A number of non-negative products that certainly sum to the plan: one a row or column, if it is not given as
        such a sum."""
        plan = self.answer.plan
        if isinstance(plan, LowRankPlan):
            return len(plan.weights)
        if not isinstance(plan, SparsePlan):
            return min(self.problem.n, self.problem.m)
        entries = sp.coo_array(plan.matrix)
        return min(len(np.unique(places[entries.data > 0.0])) for places in entries.coords)

    def _claims(self) -> list[Check]:
        """The numbers that the engine stated, against those computed here."""
        found = [_claim("cost", "cost of the plan", self.answer.cost, self.upper.value, self.size, self.unsure)]
        if self.answer.bound is not None:
            bound = self.answer.bound, self.lower.value
            bare = _without_regularization(self.case)
            sums = total(np.abs(self.lower.f) * bare.a.weights) + total(np.abs(self.lower.g) * bare.b.weights)
            rounding = self.rounding + 16 * UNIT * sums
            found.append(_below("dual-bound", "lower bound", *bound, self.size, rounding))
        if self.case.epsilon and self.upper.objective is not None:
            words = "regularized objective"
            size = max(self.size, self.case.epsilon * self.case.scale)
            objective = self.answer.objective, self.upper.objective
            found.append(_claim("regularized-objective", words, *objective, size, self.unsure))
        return [check for check in found if check is not None]

    def _gap(self) -> Check:
        """The claim of optimality of a problem without regularization."""
        if self.answer.status != "optimal":
            return self._bounds("passed")
        upper, lower = self.upper.value, self.lower.value
        if not (math.isfinite(upper) and math.isfinite(lower)):
            return self._bounds("failed", "failed")
        if self._cross(upper, lower):
            return Check("gap", "failed", f"{self._words()}. {CROSSED}", upper - lower)
        asked = self.options.get("tolerance")
        part = float(asked) if asked is not None else (OTHER_GAP if self.answer.epsilon else EXACT_GAP)
        allowed = max(part * max(abs(upper), abs(lower)), ROUNDING_GAP * self.size, self.rounding)
        gap = upper - lower
        if gap <= allowed:
            return Check("gap", "passed", f"{self._words()}: a gap of {_relative(upper, lower)}.", gap, allowed)
        text = f"{self._words()}: a gap of {_relative(upper, lower)}, more than {part:.2g}."
        return Check("gap", "failed", text, gap, allowed)

    def _bounds(self, outcome: Outcome, otherwise: Outcome = "trusted") -> Check:
        """Without a claim of optimality: what is known of the optimum; ``otherwise``: if that is nothing."""
        upper, lower = self.upper.value, self.lower.value
        if not (math.isfinite(upper) and math.isfinite(lower)):
            words = "plan" if not math.isfinite(upper) else "potentials"
            return Check("bounds", otherwise, f"The {words} prove nothing about the optimum without regularization.")
        if self._cross(upper, lower):
            return Check("bounds", "failed", f"{self._words()}. {CROSSED}", upper - lower)
        return Check("bounds", outcome, f"{self._words()}: a gap of {_relative(upper, lower)}.", upper - lower)

    def _cross(self, upper: float, lower: float) -> bool:
        """No plan costs less than the optimum, and no potentials prove more: roundings are within both numbers."""
        return lower - upper > self.rounding + CROSSING * max(abs(upper), abs(lower))

    def _words(self) -> str:
        where = " without regularization" if self.case.epsilon else ""
        return (
            f"The optimum{where} lies between {self.lower.value:.10g} (feasible potentials) and {self.upper.value:.10g}"
            " (feasible plan), roundings included"
        )

    def _regularized_gap(self) -> Check:
        upper, lower = self.upper.objective, self.dual
        name = "regularized-gap"
        if upper is None or lower is None or not (math.isfinite(upper) and math.isfinite(lower)):
            if upper is not None and lower is not None and self.answer.status == "optimal":
                words = "plan proves" if not math.isfinite(upper) else "potentials prove"
                return Check(name, "failed", f"The {words} nothing about the regularized optimum.")
            missing = "potentials" if lower is None else "a plan or potentials that prove it"
            return Check(
                name, "trusted", f"How near the regularized optimum is rests on the engine: there are no {missing}."
            )
        wanted = float(self.options.get("marginal_tolerance") or MARGINALS)
        # with a large regularization both values are small differences of numbers of its size
        terms = ROUNDING_TERMS * self.case.epsilon * max(self.case.scale, self.case.scale**2)
        allowed = max(REGULARIZED_GAP * max(abs(upper), abs(lower)), 10 * wanted * self.size, self.rounding, terms)
        gap = upper - lower
        text = (
            f"With regularization {self.case.epsilon:.6g} the optimum lies between {lower:.10g} and {upper:.10g}:"
            f" a gap of {_relative(upper, lower)}"
        )
        if self._cross(upper, lower):
            return Check(name, "failed", f"{text}. {CROSSED}", gap)
        if self.answer.status != "optimal" or gap <= allowed:
            return Check(name, "passed", f"{text}.", gap, allowed if self.answer.status == "optimal" else None)
        return Check(name, "failed", f"{text}, too much to call it optimal.", gap, allowed)


def _blur(plan: Evaluated) -> float:
    """Relative error of the entries of a plan given by potentials that are large multiples of epsilon."""
    if not isinstance(plan, Exponential):
        return 0.0
    return min(BLUR, 16.0 * UNIT * float(np.abs(plan.u).max() + np.abs(plan.v).max()))


def _penalty_rounding(case: Case, upper: UpperBound) -> float:
    """What rounding leaves of penalties: differences of masses, times their strengths."""
    units = 128 * UNIT + 4 * upper.found.sum_error
    sides = [side for side in (case.a, case.b) if math.isfinite(side.strength)]
    return sum(units * side.strength * total(side.weights) for side in sides)


def _strength(problem: Transport, answer: TransportAnswer) -> tuple[float, list[Check]]:
    """The regularization's strength in units of the cost, and a check of a relative one."""
    asked = problem.regularization
    if asked is None:
        return 0.0, []
    if not asked.relative:
        used = answer.epsilon if answer.epsilon is not None else asked.strength
        return asked.strength, [_same_strength(used, asked.strength, 0.0)] if used != asked.strength else []
    case = case_of(problem, 0.0)
    mass = total(case.a.weights) * total(case.b.weights)
    expected = asked.strength * product_cost(case.costs, case.a.weights, case.b.weights)[0] / mass
    if answer.epsilon is None:
        return expected, []
    uncertainty = asked.strength * case.costs.uncertainty
    if expected <= uncertainty:
        text = "The costs are 0 up to rounding, which is no scale: any strength serves."
        return answer.epsilon, [Check("regularization", "passed", text, answer.epsilon)]
    check = _same_strength(answer.epsilon, expected, uncertainty)
    # a difference in the last digits is the engine's rounding of the mean; the problem it solved is the one to check
    return (answer.epsilon if check.outcome == "passed" else expected), [check]


def _same_strength(used: float, expected: float, uncertainty: float) -> Check:
    allowed = 1e-6 * expected + uncertainty
    outcome: Outcome = "passed" if abs(used - expected) <= allowed else "failed"
    text = f"The regularization is {used:.6g}; asked for was {expected:.6g}."
    return Check("regularization", outcome, text, abs(used - expected), allowed)


def _claim(name: str, words: str, claimed: float | None, found: float, size: float, rounding: float) -> Check | None:
    """``size``: of the numbers that were summed; ``rounding``: what the costs themselves are uncertain by."""
    if claimed is None:
        return None
    allowed = CLAIM * max(abs(found), size) + rounding if math.isfinite(found) else 0.0
    off = abs(claimed - found)
    if off <= allowed:
        return Check(name, "passed", f"The {words} is {found:.10g}, as claimed.", off, allowed)
    if math.isinf(found):
        return Check(name, "failed", f"The {words} belongs to other marginals: it proves nothing.")
    return Check(name, "failed", f"The {words} is {found:.10g}, not {claimed:.10g} as claimed.", off, allowed)


def _below(name: str, words: str, claimed: float, found: float, size: float, rounding: float) -> Check:
    allowed = CLAIM * max(abs(found), size) + rounding if math.isfinite(found) else 0.0
    if claimed <= found + allowed:
        return Check(name, "passed", f"The potentials prove a {words} of {found:.10g}.", found, None)
    text = f"The claimed {words} {claimed:.10g} is not proved by the potentials; they prove {found:.10g}."
    return Check(name, "failed", text, claimed - found, allowed)


def _relative(upper: float, lower: float) -> str:
    scale = max(abs(upper), abs(lower))
    return "0" if upper <= lower else f"{(upper - lower) / scale:.2g}" if scale else "0"
