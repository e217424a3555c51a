"""Faults planted in good answers: none of them leaves an answer optimal; and none raises a status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.transport.answer import TransportAnswer
from solvers.transport.certificates import certify
from solvers.transport.plan import LowRankPlan, PotentialPlan, SparsePlan
from solvers.transport.problem import Transport
from tests.solvers.transport.certificates.examples import by_linear_program, by_sweeps, low_rank, points

ORDER = ["optimal", "feasible", "imprecise", "no-solution", "error"]


@cache
def good(kind: str) -> tuple[Transport, TransportAnswer]:
    x, y = points(20, 24, 2, 21)
    if kind == "entropic":
        problem = Transport.build(x, y, regularization=0.1)
        return problem, by_sweeps(problem, 0.1)
    problem = Transport.build(x, y, **({"variant": "partial", "mass": 0.5} if kind == "partial" else {}))
    return problem, by_linear_program(problem)


def moved(answer: TransportAnswer, amount: float) -> TransportAnswer:
    """Mass of one entry to another row."""
    matrix = sp.lil_array(answer.plan.matrix)
    i, j = (int(k[0]) for k in matrix.nonzero())
    matrix[(i + 7) % 20, j] += amount * matrix[i, j]
    matrix[i, j] *= 1.0 - amount
    return replace(answer, plan=SparsePlan(sp.csr_array(matrix)))


def changed(answer: TransportAnswer, k: int, value: float) -> TransportAnswer:
    matrix = sp.csr_array(answer.plan.matrix, copy=True)
    matrix.data[k] = value
    return replace(answer, plan=SparsePlan(matrix))


def faint(answer: TransportAnswer) -> TransportAnswer:
    """A negative entry too small for the marginals to show it."""
    matrix = sp.lil_array(answer.plan.matrix)
    dense = answer.plan.matrix.toarray()
    i, j = (int(k[0]) for k in np.nonzero(dense == 0.0))
    matrix[i, j] = -1e-10
    return replace(answer, plan=SparsePlan(sp.csr_array(matrix)))


def bent(plan: PotentialPlan, **changes: object) -> PotentialPlan:
    return replace(plan, **changes)


Fault = Callable[[TransportAnswer], TransportAnswer]

SPARSE: dict[str, Fault] = {
    "cost too low": lambda a: replace(a, cost=a.cost * (1 - 1e-6)),
    "cost too high": lambda a: replace(a, cost=a.cost * (1 + 1e-6)),
    "bound above the optimum": lambda a: replace(a, bound=a.bound * (1 + 1e-6)),
    "potentials of another problem": lambda a: replace(a, f=a.f[::-1], g=a.g[::-1]),
    "potentials infeasible": lambda a: replace(
        a, f=a.f + np.linspace(0.0, 0.3, 20) ** 2, g=a.g + np.linspace(0.3, 0.0, 24) ** 2
    ),
    "potentials missing": lambda a: replace(a, f=None, g=None, bound=None),
    "potentials not numbers": lambda a: replace(a, f=np.full(20, np.nan), g=np.full(24, np.nan)),
    "potentials of another size": lambda a: replace(a, f=a.f[:-1]),
    "mass moved to another row": lambda a: moved(a, 0.5),
    "a little mass moved": lambda a: moved(a, 1e-5),
    "negative entry": lambda a: changed(a, 0, -1e-9),
    "faint negative entry": faint,
    "entry not a number": lambda a: changed(a, 3, np.nan),
    "entry infinite": lambda a: changed(a, 3, np.inf),
    "entry lost": lambda a: changed(a, 0, 0.0),
    "plan doubled": lambda a: replace(a, plan=SparsePlan(2 * a.plan.matrix)),
    "plan of another shape": lambda a: replace(a, plan=SparsePlan(a.plan.matrix[:-1])),
    "plan transposed": lambda a: replace(a, plan=SparsePlan(sp.csr_array(a.plan.matrix.T))),
    "plan empty": lambda a: replace(a, plan=SparsePlan(sp.csr_array((20, 24)))),
    "no plan": lambda a: replace(a, plan=None),
}
ENTROPIC: dict[str, Fault] = {
    "objective too low": lambda a: replace(a, objective=a.objective * (1 - 1e-5)),
    "cost too low": lambda a: replace(a, cost=a.cost * (1 - 1e-5)),
    "smaller epsilon in the plan": lambda a: replace(a, plan=bent(a.plan, epsilon=0.09)),
    "another epsilon claimed": lambda a: replace(a, epsilon=0.2),
    "a potential moved": lambda a: replace(a, plan=bent(a.plan, f=a.plan.f + 1e-3 * (np.arange(20) == 4))),
    "potentials of another problem": lambda a: replace(a, f=a.f[::-1], g=a.g[::-1]),
    "rest added": lambda a: replace(a, plan=bent(a.plan, row_rest=np.full(20, 0.01), column_rest=np.full(24, 0.01))),
    "rest negative": lambda a: replace(a, plan=bent(a.plan, row_rest=np.full(20, -0.01), column_rest=np.ones(24))),
    "not numbers": lambda a: replace(a, plan=bent(a.plan, f=np.full(20, np.nan))),
    "epsilon negative": lambda a: replace(a, plan=bent(a.plan, epsilon=-0.1)),
    "overflowing": lambda a: replace(a, plan=bent(a.plan, f=a.plan.f + 1e6)),
    "no plan": lambda a: replace(a, plan=None),
}
#: Faults that are none: what they spoil is computed anew, and the answer is as good as before.
HARMLESS = {
    "potentials shifted": lambda a: replace(a, f=a.f + 3.0, g=a.g - 3.0),
    "potentials raised, transform lowers them": lambda a: replace(a, f=a.f + 1e-3),
    "one potential lowered, transform raises it": lambda a: replace(a, f=a.f - 0.1 * (np.arange(20) == 3), g=None),
    "no claims": lambda a: replace(a, cost=None, bound=None),
}


@pytest.mark.parametrize("kind", ["balanced", "partial", "entropic"])
def test_good_answers_stand(kind):
    problem, answer = good(kind)
    settled, certificate = certify(problem, answer)
    assert settled.status == "optimal", settled.message
    assert certificate.proved


@pytest.mark.parametrize("fault", SPARSE)
@pytest.mark.parametrize("kind", ["balanced", "partial"])
def test_no_fault_leaves_an_exact_answer_optimal(kind, fault):
    if kind == "partial" and fault in ("entry lost", "potentials infeasible"):
        pytest.skip("no fault here: what is lost or raised may belong to a point that is left out")
    problem, answer = good(kind)
    settled, _ = certify(problem, SPARSE[fault](answer))
    assert settled.status != "optimal"
    assert settled.bound is None or settled.bound <= answer.cost + 1e-12
    assert settled.cost is None or settled.cost >= answer.cost - 1e-12


@pytest.mark.parametrize("fault", ENTROPIC)
def test_no_fault_leaves_an_entropic_answer_optimal(fault):
    problem, answer = good("entropic")
    settled, _ = certify(problem, ENTROPIC[fault](answer))
    assert settled.status != "optimal"
    assert settled.objective is None or settled.objective >= answer.objective - 1e-9
    assert settled.objective_bound is None or settled.objective_bound <= answer.objective + 1e-9


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("kind", ["balanced", "partial"])
def test_what_can_be_computed_anew_need_not_be_claimed(kind, change):
    problem, answer = good(kind)
    settled, certificate = certify(problem, HARMLESS[change](answer))
    assert settled.status == "optimal", settled.message
    assert certificate.proved


@pytest.mark.parametrize("status", ["feasible", "imprecise"])
@pytest.mark.parametrize("fault", ["cost too low", "no plan", "mass moved to another row", "potentials missing"])
def test_no_status_is_ever_raised(status, fault):
    problem, answer = good("balanced")
    for given in (replace(answer, status=status), replace(SPARSE[fault](answer), status=status)):
        settled, _ = certify(problem, given)
        assert ORDER.index(settled.status) >= ORDER.index(status)


def test_a_factored_plan_with_wrong_marginals_is_found():
    problem, _ = good("balanced")
    answer = low_rank(problem)
    assert not certify(problem, answer)[1].failures
    wrong = replace(answer, plan=LowRankPlan(problem.a[:, None], problem.b[::-1, None] ** 2, np.array([1.0])))
    settled, certificate = certify(problem, wrong)
    assert "marginals" in {check.name for check in certificate.failures}
    assert settled.status == "imprecise"


def test_a_batch_is_as_good_as_its_worst_answer():
    problem, answer = good("balanced")
    batch = Transport.batch([problem] * 3)
    whole = TransportAnswer(status="optimal", batch=(answer, SPARSE["a little mass moved"](answer), answer))
    settled, certificate = certify(batch, whole)
    assert [one.status for one in settled.batch] == ["optimal", "imprecise", "optimal"]
    assert settled.status == "imprecise"
    assert "problem 1" in {check.name: check.text for check in certificate.failures}["marginals"]
    good_batch, good_certificate = certify(batch, replace(whole, batch=(answer,) * 3))
    assert good_batch.status == "optimal"
    assert good_certificate.proved
    assert good_batch.cost == pytest.approx(3 * answer.cost)
    assert certify(batch, replace(whole, batch=(answer,) * 2))[0].status == "error"
