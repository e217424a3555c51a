from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify, settle
from solvers.programs.problem import Program, SecondOrderCone
from tests.solvers.certificates.examples import check_named, failed_names


def contradiction(lower=-np.inf):
    """a + b >= 3, a - 2b >= 1, 2a - b <= 1: (1, 1, -1) combines them to 0 >= 3, with free variables."""
    return Program.build(
        c=[1.0, 1.0],
        A=np.array([[1.0, 1.0], [1.0, -2.0], [2.0, -1.0]]),
        row_lower=[3.0, 1.0, -np.inf],
        row_upper=[np.inf, np.inf, 1.0],
        lower=lower,
        variable_names=["a", "b"],
    )


def infeasible(ray, program=None, **more):
    program = program or contradiction()
    answer = ProgramAnswer("infeasible", dual_ray=None if ray is None else np.asarray(ray, dtype=float), **more)
    certificate = certify(program, answer)
    return certificate, settle(answer, certificate)


def test_a_farkas_ray_proves_infeasibility_of_any_point_whatever():
    certificate, settled = infeasible([1.0, 1.0, -1.0])
    assert certificate.proved
    assert settled.status == "infeasible"
    assert check_named(certificate, "farkas-ray").value == pytest.approx(3.0)


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e200])
def test_the_length_of_a_ray_does_not_matter(scale):
    assert infeasible(np.array([1.0, 1.0, -1.0]) * scale)[0].proved


@pytest.mark.parametrize(
    "ray",
    [
        [1.0, 1.0, 1.0],
        [-1.0, -1.0, 1.0],
        [1.0, 0.0, -1.0],
        [1.0, 1.0, -0.99],
        [0.0, 0.0, 0.0],
        [1.0, 1.0],
        [np.nan, 1.0, -1.0],
    ],
)
def test_a_wrong_ray_fails_and_nothing_is_known(ray):
    certificate, settled = infeasible(ray)
    assert failed_names(certificate) == {"farkas-ray"}
    assert settled.status == "no-solution"
    assert settled.dual_ray is None


def test_the_bounds_of_variables_take_part_in_the_proof():
    program = Program.build(c=[0.0, 0.0], A=np.array([[1.0, 2.0]]), row_lower=[10.0], upper=[3.0, 3.0])
    assert infeasible([1.0], program)[0].proved
    roomy = replace(program, upper=np.array([3.0, 3.6]))
    assert not infeasible([1.0], roomy)[0].verified


def test_a_wrong_ray_of_an_infeasible_program_fails_but_the_claim_stands_if_propagation_proves_it():
    program = Program.build(c=[0.0, 0.0], A=np.array([[1.0, 2.0], [1.0, 0.0]]), row_lower=[10.0, 1.0], upper=[3.0, 3.0])
    certificate, settled = infeasible([0.0, 1.0], program)
    assert check_named(certificate, "farkas-ray").outcome == "failed"
    assert check_named(certificate, "infeasibility").outcome == "passed"
    assert (settled.status, settled.dual_ray) == ("infeasible", None)


def test_leftovers_of_rounding_on_free_variables_limit_the_proof_to_points_of_a_stated_size():
    program = Program.build(
        c=[0.0], A=np.array([[0.1], [0.3]]), row_lower=[1.0, -np.inf], row_upper=[np.inf, 2.0], lower=-np.inf
    )
    certificate, _ = infeasible([3.0, -1.0], program)
    assert check_named(certificate, "farkas-ray").outcome == "passed"
    assert "in size" in check_named(certificate, "farkas-ray").text


def test_without_a_ray_infeasibility_is_trusted_and_said_to_be():
    certificate, settled = infeasible(None)
    assert certificate.rests_on_engine == ("infeasibility",)
    assert settled.status == "infeasible"


def test_a_feasible_point_refutes_the_claim_that_there_is_none():
    program = contradiction()
    relaxed = replace(program, row_upper=np.array([np.inf, np.inf, 6.0]))
    certificate, settled = infeasible([1.0, 1.0, -1.0], relaxed, x=np.array([3.0, 1.0]))
    assert failed_names(certificate) == {"infeasibility"}
    assert settled.status == "feasible"


def test_cones_take_part_in_a_proof_of_infeasibility():
    """|x| <= 1 and x >= 2."""
    cone = SecondOrderCone(sp.csr_array(np.array([[0.0], [1.0]])), np.array([1.0, 0.0]))
    program = Program.build(c=[0.0], A=np.array([[1.0]]), row_lower=[2.0], lower=-np.inf, cones=[cone])
    assert infeasible([1.0], program, cone_duals=(np.array([1.0, -1.0]),))[0].proved
    assert infeasible([1.0], program, cone_duals=(np.array([1.0, 1.0]),))[0].failures
    assert infeasible([1.0], program, cone_duals=(np.array([0.5, -1.0]),))[0].failures


def endless():
    """max a + b, a - b <= 2, a >= 1."""
    return Program.build(
        c=[1.0, 1.0],
        A=np.array([[1.0, -1.0]]),
        row_upper=[2.0],
        lower=[1.0, 0.0],
        sense="max",
        variable_names=["a", "b"],
    )


def unbounded(ray, x=(1.0, 0.0), program=None, **more):
    program = program or endless()
    answer = ProgramAnswer(
        "unbounded",
        primal_ray=None if ray is None else np.asarray(ray, dtype=float),
        x=None if x is None else np.asarray(x, dtype=float),
        **more,
    )
    certificate = certify(program, answer)
    return certificate, settle(answer, certificate)


@pytest.mark.parametrize("ray", [[1.0, 1.0], [0.0, 1.0], [1e-8, 1e-8], [2e9, 3e9]])
def test_a_direction_without_end_and_a_point_prove_unboundedness(ray):
    certificate, settled = unbounded(ray)
    assert certificate.proved
    assert settled.status == "unbounded"


@pytest.mark.parametrize(
    ("ray", "words"),
    [
        ([1.0, 0.0], "row 'c0'"),
        ([-1.0, 3.0], "bound of 'a'"),
        ([1.0, -1.0], "does not improve"),
        ([0.0, -1.0], "does not improve"),
        ([0.0, 0.0], "zero"),
        ([1.0], "shape"),
        ([np.inf, 1.0], "inf"),
    ],
)
def test_a_wrong_direction_fails_and_leaves_what_the_point_is_worth(ray, words):
    certificate, settled = unbounded(ray)
    check = check_named(certificate, "unbounded-ray")
    assert check.outcome == "failed"
    assert words in check.text
    assert (settled.status, settled.primal_ray) == ("feasible", None)
    assert unbounded(ray, x=None)[1].status == "no-solution"


def test_a_ray_without_a_feasible_point_shows_only_that_there_is_no_bounded_optimum():
    certificate, settled = unbounded([1.0, 1.0], x=(0.0, 0.0))
    assert failed_names(certificate) == {"primal-feasibility"}
    assert settled.status == "infeasible-or-unbounded"
    certificate, settled = unbounded([1.0, 1.0], x=None)
    assert certificate.rests_on_engine == ("primal-feasibility",)
    assert settled.status == "unbounded"


def test_an_equation_may_not_be_left_even_slowly():
    program = Program.build(c=[-1.0, 0.0], A=np.array([[1.0, -1.0]]), row_lower=[0.0], row_upper=[0.0])
    assert unbounded([1.0, 1.0], program=program, x=(0.0, 0.0))[0].proved
    assert unbounded([1.0, 1.0 - 1e-7], program=program, x=(0.0, 0.0))[0].failures


def test_curvature_along_the_ray_ends_the_improvement():
    program = Program.build(c=[-1.0, -1.0], Q=np.diag([1.0, 0.0]))
    assert unbounded([0.0, 1.0], program=program, x=(0.0, 0.0))[0].proved
    assert "bends" in check_named(unbounded([1.0, 1.0], program=program, x=(0.0, 0.0))[0], "unbounded-ray").text


def test_a_ray_must_stay_in_the_cones():
    cone = SecondOrderCone(sp.csr_array(np.eye(2)), np.zeros(2))
    program = Program.build(c=[-1.0, 0.0], lower=-np.inf, cones=[cone])
    assert unbounded([1.0, 1.0], program=program, x=(0.0, 0.0))[0].proved
    assert unbounded([1.0, 1.1], program=program, x=(0.0, 0.0))[0].failures


def test_infeasible_or_unbounded_is_shown_by_either_ray():
    program = contradiction()
    both = ProgramAnswer("infeasible-or-unbounded", dual_ray=np.array([1.0, 1.0, -1.0]))
    assert certify(program, both).proved
    wrong = replace(both, dual_ray=np.array([1.0, 1.0, 1.0]))
    assert settle(wrong, certify(program, wrong)).status == "no-solution"
    neither = ProgramAnswer("infeasible-or-unbounded")
    assert certify(program, neither).rests_on_engine == ("infeasible-or-unbounded",)
    direction = ProgramAnswer("infeasible-or-unbounded", primal_ray=np.array([1.0, 1.0]))
    assert certify(endless(), direction).proved


@pytest.mark.parametrize("coefficient", [9e-4, 1e-9, 1e-30])
def test_a_variable_that_can_make_up_for_what_the_rows_demand_refutes_a_ray_however_far_it_has_to_go(coefficient):
    reachable = Program.build(c=[1.0], A=[[coefficient]], row_lower=[1.0])
    certificate, settled = infeasible([1.0], reachable)
    assert failed_names(certificate) == {"farkas-ray"}
    assert settled.status == "no-solution"


def test_what_an_engine_of_limited_precision_leaves_rests_on_its_word():
    program = Program.build(c=[0.0], A=[[1.0], [-(1.0 + 1e-7)]], row_lower=[1.0, 0.0], lower=-np.inf)
    certificate, settled = infeasible([1.0, 1.0], program)
    assert check_named(certificate, "farkas-ray").outcome == "trusted"
    assert not certificate.proved
    assert settled.status == "infeasible"


@pytest.mark.parametrize("coefficient", [1e-6, 1e-10, 1e-30])
def test_a_ray_that_crosses_a_row_slowly_crosses_it(coefficient):
    program = Program.build(c=[-1.0, 0.0], A=[[coefficient, 1.0]], row_upper=[1.0])
    certificate, settled = unbounded([1.0, 0.0], program=program, x=(0.0, 0.0))
    assert failed_names(certificate) == {"unbounded-ray"}
    assert settled.status == "feasible"


def test_slight_curvature_and_flat_cones_end_a_ray():
    valley = Program.build(c=[-1.0, 0.0], Q=np.diag([1e-12, 1.0]))
    assert failed_names(unbounded([1.0, 0.0], program=valley, x=(0.0, 0.0))[0]) == {"unbounded-ray"}
    flat = SecondOrderCone(sp.csr_array(np.array([[0.0, 1e-9], [1e-9, 0.0]])), np.zeros(2))
    narrow = Program.build(c=[-1.0, 0.0], A=[[0.0, 1.0]], row_upper=[1.0], lower=-np.inf, cones=[flat])
    assert failed_names(unbounded([1.0, 0.0], program=narrow, x=(0.0, 0.0))[0]) == {"unbounded-ray"}


@pytest.mark.parametrize("dust", [1e-13, 1e-8])
def test_dust_on_a_ray_does_not_spoil_it(dust):
    program = Program.build(c=[-1.0, 0.0], A=[[0.0, 1.0]], row_upper=[1.0])
    assert unbounded([1.0, dust], program=program, x=(0.0, 0.0))[0].proved
