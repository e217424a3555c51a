import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.answer import ProgramAnswer
from solvers.programs.certificates import certify
from solvers.programs.certificates.arithmetic import Entries
from solvers.programs.certificates.propagation import implied_box
from solvers.programs.problem import Program
from tests.solvers.certificates.examples import check_named


def box_of(program, **options):
    return implied_box(program, Entries(program.A), **options)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_no_feasible_point_of_a_grid_is_cut_off(seed, whole):
    rng = np.random.default_rng(seed)
    n, m = (int(k) for k in rng.integers(1, 4, 2))
    A = rng.integers(-3, 4, (m, n)).astype(float)
    sides = rng.integers(-4, 5, m).astype(float)
    bounded = rng.random(n) < 0.5
    program = Program.build(
        c=np.zeros(n),
        A=A,
        row_lower=np.where(rng.random(m) < 0.5, -np.inf, sides),
        row_upper=np.where(rng.random(m) < 0.5, np.inf, sides + rng.integers(0, 3, m)),
        lower=np.where(bounded, -2.0, -np.inf),
        upper=np.where(rng.random(n) < 0.5, 2.0, np.inf),
        integrality=int(whole),
    )
    box = box_of(program)
    step = 1.0 if whole else 0.5
    for x in itertools.product(np.arange(-4, 4.1, step), repeat=n):
        point = np.array(x)
        activity = A @ point
        inside = (program.lower <= point).all() and (point <= program.upper).all()
        if inside and (program.row_lower <= activity).all() and (activity <= program.row_upper).all():
            assert not box.empty
            assert (box.lower <= point).all()
            assert (point <= box.upper).all()


def test_bounds_follow_from_rows_through_each_other():
    A = np.array([[1.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    box = box_of(Program.build(c=np.zeros(3), A=A, row_upper=[1.0, 1.0, 1.0]))
    assert box.upper == pytest.approx([1.0, 2.0, 3.0])
    assert (box.upper >= [1.0, 2.0, 3.0]).all()


def test_integrality_sharpens_implied_bounds():
    box = box_of(Program.build(c=[0.0], A=np.array([[3.0]]), row_upper=[8.0], integrality=1))
    assert box.upper[0] == 2.0


@pytest.mark.parametrize(
    ("integrality", "place"), [(0, "row 'twice'"), (1, "row 'twice'")], ids=["continuous", "integer"]
)
def test_a_contradiction_names_where_it_shows(integrality, place):
    program = Program.build(
        c=[0.0, 0.0],
        A=np.array([[1.0, 1.0], [1.0, 1.0]]),
        row_lower=[-np.inf, 3.0],
        row_upper=[2.0, np.inf],
        integrality=integrality,
        constraint_names=["once", "twice"],
    )
    assert box_of(program).empty == place


def test_a_large_matrix_is_left_alone_beyond_the_effort_allowed():
    program = Program.build(c=[0.0], A=np.array([[1.0]]), row_upper=[1.0])
    assert box_of(program, effort=0).upper[0] == np.inf
    assert box_of(program).upper[0] == pytest.approx(1.0)


def test_an_infeasible_program_without_a_ray_may_be_refuted_by_propagation():
    program = Program.build(c=[1.0], A=np.array([[2.0]]), row_lower=[1.0], row_upper=[1.0], integrality=1)
    certificate = certify(program, ProgramAnswer("infeasible"))
    assert check_named(certificate, "infeasibility").outcome == "passed"
    assert certificate.proved
