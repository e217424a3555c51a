"""Whatever an engine hands over, the checker answers with words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.answer import (
    Basis,
    InfeasibleSubsystem,
    ProgramAnswer,
    Ranging,
    Relaxation,
    Solution,
)
from solvers.programs.certificates import certify, settle
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import diet, knapsack

STATUSES = [
    "optimal",
    "feasible",
    "infeasible",
    "unbounded",
    "infeasible-or-unbounded",
    "imprecise",
    "no-solution",
    "error",
    "",
    None,
]
NUMBERS = st.floats() | st.none() | st.just("one") | st.integers(-(10**400), 10**400)
ARRAYS = st.one_of(
    st.none(),
    st.lists(st.floats(), max_size=4).map(np.array),
    st.lists(st.floats(-10, 10), min_size=2, max_size=3).map(np.array),
    st.just("array"),
    st.just(np.zeros((2, 2))),
    st.just([None, 1.0]),
    st.just(np.array([1 + 2j, 0])),
    st.just([10**400, 1]),
)
PAIRS = st.lists(
    st.tuples(st.integers(-1, 3) | st.text(max_size=2), st.sampled_from(["lower", "upper", 3])), max_size=3
)
ANSWERS = st.builds(
    ProgramAnswer,
    status=st.sampled_from(STATUSES),
    objective=NUMBERS,
    bound=NUMBERS,
    x=ARRAYS,
    row_duals=ARRAYS,
    reduced_costs=ARRAYS,
    row_activity=ARRAYS,
    cone_duals=st.none() | st.lists(ARRAYS, max_size=2).map(tuple) | st.just(3),
    primal_ray=ARRAYS,
    dual_ray=ARRAYS,
    basis=st.none() | st.builds(Basis, variables=ARRAYS, rows=ARRAYS) | st.just("basis"),
    ranging=st.none() | st.builds(Ranging, *[ARRAYS] * 6),
    pool=st.lists(st.builds(Solution, objective=NUMBERS, x=ARRAYS) | st.none(), max_size=2).map(tuple),
    iis=st.none() | st.builds(InfeasibleSubsystem, rows=PAIRS, bounds=PAIRS, integrality=st.lists(st.integers(-2, 4))),
    relaxation=st.none()
    | st.builds(
        Relaxation,
        violation=NUMBERS,
        rows=st.dictionaries(st.integers(-1, 3), st.floats(), max_size=2),
        bounds=st.just({}),
    ),
)
EMPTY = Program.build(c=[], A=np.zeros((0, 0)))


@pytest.mark.parametrize("program", [diet()[0], knapsack()[0], EMPTY], ids=["continuous", "integer", "empty"])
@settings(max_examples=150, deadline=None)
@given(answer=ANSWERS)
def test_nothing_that_an_engine_may_answer_makes_the_checker_raise(program, answer):
    certificate = certify(program, answer)
    assert certificate.checks
    for check in certificate.checks:
        assert check.text.endswith((".", ")")), check.text
        assert check.value is None or isinstance(check.value, float)
        assert check.tolerance is None or np.isfinite(check.tolerance), check
    left = settle(answer, certificate)
    assert isinstance(left.message, str)
    if left.status == "optimal":
        assert not {"primal-feasibility", "gap"} & {check.name for check in certificate.failures}


@pytest.mark.parametrize("options", [None, {}, {"primal_tolerance": "tight"}, {"dual_tolerance": float("nan")}])
def test_options_that_say_nothing_leave_the_defaults(options):
    assert certify(*diet(), options).proved


def test_an_answer_of_another_type_fails_with_words():
    certificate = certify(diet()[0], None)
    assert certificate.failures
    assert "could not be checked" in certificate.checks[0].text


def test_a_part_that_breaks_its_check_does_not_hide_the_verdict_on_the_others():
    program, answer = diet()
    certificate = certify(program, replace(answer, pool=3))
    assert [check.name for check in certificate.failures] == ["pool"]
    assert len(certificate.checks) > 5
