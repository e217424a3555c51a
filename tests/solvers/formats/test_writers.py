"""What we write is read by others as what it was: by HiGHS where it can, by SCIP where it cannot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyscipopt import Model

from solvers.core.errors import UnsupportedProblem
from solvers.programs.expressions import variable
from solvers.programs.formats import read, write_lp, write_mps
from solvers.programs.problem import (
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)
from tests.solvers.formats.compare import DROPPED_BY_HIGHS, differences, highs_reads

INF = math.inf
WRITERS = {"mps": write_mps, "lp": write_lp}

NUMBERS = st.one_of(
    st.integers(-9, 9).map(float),
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-8),
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Any program that both formats can hold, but for names."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(0, 4))
    A = np.array(draw(st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=m, max_size=m))).reshape(m, n)

    def interval(lowest: float = -INF) -> tuple[float, float]:
        low = draw(st.one_of(st.just(lowest), NUMBERS if lowest < 0 else st.floats(0, 50)))
        width = draw(st.one_of(st.just(INF), st.just(0.0), st.floats(0, 100)))
        if math.isinf(low):
            return low, draw(st.one_of(st.just(INF), NUMBERS))
        return low, low + width

    kinds = draw(st.lists(st.sampled_from([0, 0, 1, 2, 3]), min_size=n, max_size=n))
    bounds = [interval(0.0) if kind >= 2 else interval() for kind in kinds]
    rows = [interval() for _ in range(m)]
    sets = []
    if n > 1 and draw(st.booleans()):
        order = draw(st.permutations(range(n)))
        sets.append(SpecialOrderedSet(draw(st.sampled_from([1, 2])), np.array(order), np.arange(1.0, n + 1)))
    indicators = []
    if draw(st.booleans()):
        kinds[0], bounds[0] = 1, (0.0, 1.0)
        low, high = draw(st.sampled_from([(-INF, 4.0), (2.5, INF), (3.0, 3.0)]))
        indicators.append(Indicator(0, draw(st.sampled_from([0, 1])), np.arange(n), np.ones(n), low, high, "when"))
    Q = None
    if draw(st.booleans()):
        half = np.array(draw(st.lists(NUMBERS, min_size=n * n, max_size=n * n))).reshape(n, n)
        Q = np.triu(half)
    return Program.build(
        c=draw(st.lists(NUMBERS, min_size=n, max_size=n)),
        A=A,
        row_lower=[low for low, _ in rows],
        row_upper=[high for _, high in rows],
        lower=[low for low, _ in bounds],
        upper=[high for _, high in bounds],
        integrality=kinds,
        sense=draw(st.sampled_from(["min", "max"])),
        offset=draw(NUMBERS),
        Q=Q,
        sos=sets,
        indicators=indicators,
        variable_names=[f"v{j}" for j in range(n)],
        constraint_names=[f"row{i}" for i in range(m)],
    )


def nearly(program: Program, other: Program, dropped: float = 0.0) -> list[str]:
    """Differences; in MPS the upper side of a range may be off by its rounding."""
    found = differences(program, other, dropped=dropped)
    for side in ("row_lower", "row_upper"):
        same = getattr(program, side).shape == getattr(other, side).shape
        if same and side in found and np.allclose(getattr(program, side), getattr(other, side), rtol=1e-14, atol=1e-14):
            found.remove(side)
    return found


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_writing_and_reading_gives_the_same_program(program: Program) -> None:
    assert nearly(program, read(write_mps(program), format="mps")) == []
    assert differences(program, read(write_lp(program), format="lp")) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(program=programs(), writer=st.sampled_from(["mps", "lp"]))
def test_highs_reads_what_we_write(program: Program, writer: str, tmp_path: Path) -> None:
    ranges = np.isfinite(program.row_lower) & np.isfinite(program.row_upper) & (program.row_lower < program.row_upper)
    if program.sos or program.indicators or (writer == "lp" and ranges.any()):
        return  # HiGHS reads no sets and indicators, and misreads ranges in LP files
    path = tmp_path / f"program.{writer}"
    path.write_bytes(WRITERS[writer](program))
    assert nearly(program, highs_reads(path), dropped=DROPPED_BY_HIGHS) == []


@pytest.mark.parametrize("writer", WRITERS)
def test_scip_reads_sets_and_indicators_that_we_write(writer: str, tmp_path: Path) -> None:
    program = Program.build(
        c=[-1.0, -2.0, -3.0, -0.5],
        A=[[1.0, 1.0, 1.0, 0.0]],
        row_upper=[10.0],
        upper=[4.0, 5.0, 6.0, 1.0],
        integrality=[0, 0, 0, 1],
        sos=[SpecialOrderedSet(1, np.array([0, 1, 2]), np.array([1.0, 2.0, 3.0]))],
        indicators=[Indicator(3, 1, np.array([2]), np.array([1.0]), -INF, 2.0, "cap")],
        variable_names=["x", "y", "z", "b"],
        constraint_names=["total"],
    )
    path = tmp_path / f"program.{writer}"
    path.write_bytes(WRITERS[writer](program))
    model = Model()
    model.hideOutput()
    model.readProblem(str(path))
    model.optimize()
    # the best is z = 6 with b = 0: y = 5 or b = 1 with z = 2 are worse
    assert model.getObjVal() == pytest.approx(-18)
    values = {v.name: model.getVal(v) for v in model.getVars()}
    assert values["z"] == pytest.approx(6)


@pytest.mark.parametrize("writer", WRITERS)
def test_names_that_the_format_cannot_hold_are_changed_and_stay_distinct(writer: str) -> None:
    program = Program.build(
        c=[1.0, 2.0, 3.0, 4.0],
        A=sp.csr_array(np.ones((2, 4))),
        row_upper=[1.0, 2.0],
        variable_names=["a b", "a_b", "3x", "free"],
        constraint_names=["row 1", "row\u00a01"],
    )
    other = read(WRITERS[writer](program), format=writer)
    assert differences(program, other, names=False) == []
    assert other.variable_names is not None
    assert other.variable_names[0] == "a_b"


@pytest.mark.parametrize("writer", WRITERS.values())
def test_what_the_format_cannot_hold_is_refused(writer: object) -> None:
    cone = Program.build(c=[1.0, 1.0], cones=[SecondOrderCone(sp.csr_array(np.eye(2)), np.zeros(2))])
    nonlinear = Program.build(c=[1.0], nonlinear=Nonlinear(objective=variable(0)))
    for program in (cone, nonlinear):
        with pytest.raises(UnsupportedProblem):
            writer(program)  # type: ignore[operator]


def test_a_program_without_names_is_written_with_the_usual_ones() -> None:
    program = Program.build(c=[1.0, 2.0], A=[[1.0, 1.0]], row_lower=[1.0])
    other = read(write_mps(program), format="mps")
    assert (other.variable_names, other.constraint_names) == (("x0", "x1"), ("c0",))


@pytest.mark.parametrize("writer", WRITERS)
def test_an_integer_variable_without_upper_bound_does_not_become_binary(writer: str) -> None:
    program = Program.build(
        c=[1.0, 1.0, 1.0],
        A=[[1.0, 1.0, 1.0]],
        row_lower=[1.0],
        lower=[0.0, 0.0, -INF],
        upper=[INF, 1.0, INF],
        integrality=1,
        variable_names=["a", "b", "c"],
        constraint_names=["r"],
    )
    assert differences(program, read(WRITERS[writer](program), format=writer)) == []
