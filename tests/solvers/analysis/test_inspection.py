"""Sizes, structure, numerics and what bounds alone show."""

from __future__ import annotations

import itertools
import json
import math
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.analysis import inspect
from solvers.programs.analysis.activity import activity_of
from solvers.programs.analysis.numerics import numerics_of
from solvers.programs.analysis.structure import structure_of
from solvers.programs.expressions import variable
from solvers.programs.formats import read
from solvers.programs.problem import (
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)
from tests.solvers.formats.instances import Instance, model_files

INF = math.inf


def mixed() -> Program:
    """Something of everything."""
    return Program.build(
        c=[2.0, 4.0, 0.0, 0.0, 0.0, 0.0],
        A=[[1.0, 1.0, 0, 0, 0, 0], [0, 0, 1.0, 2.0, 0, 0], [0, 0, 2.0, 4.0, 0, 0], [0, 0, 0, 0, 0, 0]],
        row_lower=[1.0, -INF, -INF, 0.0],
        row_upper=[3.0, 5.0, 9.0, 0.0],
        lower=[0, 0, 0, -INF, 0, 7],
        upper=[1, 9, INF, INF, 4, 7],
        integrality=[1, 1, 0, 0, 2, 0],
        cones=[SecondOrderCone(sp.csr_array(np.eye(3, 6, 2)), np.zeros(3))],
        sos=[SpecialOrderedSet(1, np.array([0, 4]), np.array([1.0, 2.0]))],
        indicators=[Indicator(0, 1, np.array([1]), np.array([1.0]), -INF, 2.0)],
        nonlinear=Nonlinear(rows={1: variable(2)}),
        name="mixed",
    )


def test_everything_is_counted() -> None:
    sizes = inspect(mixed()).sizes
    assert (sizes.variables, sizes.rows, sizes.nonzeros) == (6, 4, 6)
    assert sizes.density == pytest.approx(6 / 24)
    assert (sizes.binary, sizes.integer, sizes.continuous, sizes.semi_continuous) == (1, 1, 3, 1)
    assert (sizes.free, sizes.boxed, sizes.fixed) == (1, 4, 1)
    assert (sizes.equations, sizes.inequalities, sizes.ranges) == (1, 2, 1)
    assert (sizes.cones, sizes.special_ordered_sets, sizes.indicators) == (1, 1, 1)
    assert (sizes.nonlinear_rows, sizes.nonlinear_nodes) == (1, 1)


def test_an_inspection_is_plain_json_and_has_a_summary() -> None:
    found = inspect(mixed())
    document = json.loads(json.dumps(found.to_dict(rows=True), allow_nan=False))
    assert document["row_kinds"] == ["variable-bound", "nonlinear", "continuous", "empty"]
    assert "row_kinds" not in found.to_dict()
    assert "mixed-integer nonlinear program (minimize) with 6 variables, 4 rows" in found.summary
    assert document["structure"]["objective_step"] == 2.0


@pytest.mark.parametrize("instance", model_files(".mps", ".qps", ".lp")[::4], ids=lambda instance: instance.name)
def test_real_programs_are_inspected_and_only_infeasible_ones_called_so(instance: Instance) -> None:
    program = read(instance.path.read_bytes(), filename=instance.path.name)
    found = inspect(program)
    json.dumps(found.to_dict(rows=True), allow_nan=False)
    sizes = found.sizes
    assert sizes.binary + sizes.integer + sizes.continuous + sizes.semi_continuous + sizes.semi_integer == program.n
    assert sum(kind.count for kind in found.kinds) >= program.m - sizes.nonlinear_rows
    if found.infeasible_rows.count or found.infeasible_variables.count:
        assert instance.facts.get("expected_status", "infeasible") == "infeasible"
        assert any("infeasible" in warning for warning in found.warnings)


@st.composite
def small(draw: st.DrawFn) -> Program:
    n, m = draw(st.integers(1, 4)), draw(st.integers(0, 4))
    values = st.sampled_from([0.0, 0.0, 1.0, -1.0, 2.0, -3.0, 0.5])
    bounds = st.sampled_from([(0.0, 0.0), (0.0, 1.0), (-1.0, 1.5), (1.0, INF), (-INF, 1.0), (-INF, INF)])
    sides = st.sampled_from([(-INF, INF), (-INF, 3.0), (-4.0, INF), (-4.0, -1.0), (0.0, 0.0), (2.0, 5.0)])
    box = draw(st.lists(bounds, min_size=n, max_size=n))
    rows = draw(st.lists(sides, min_size=m, max_size=m))
    return Program.build(
        c=np.zeros(n),
        A=np.array(draw(st.lists(st.lists(values, min_size=n, max_size=n), min_size=m, max_size=m))).reshape(m, n),
        row_lower=[low for low, _ in rows],
        row_upper=[high for _, high in rows],
        lower=[low for low, _ in box],
        upper=[high for _, high in box],
    )


@settings(max_examples=150, deadline=None)
@given(small())
def test_rows_are_infeasible_or_redundant_exactly_if_the_corners_say_so(program: Program) -> None:
    found = activity_of(program)
    far = 1e6
    corners = [sorted({max(low, -far), min(high, far)}) for low, high in zip(program.lower, program.upper, strict=True)]
    values = np.array([program.A @ np.array(corner) for corner in itertools.product(*corners)])
    for i in range(program.m):
        low, high = values[:, i].min(), values[:, i].max()
        assert (i in found.infeasible_rows) == (low > program.row_upper[i] or high < program.row_lower[i])
        unlimited = np.isinf(program.row_lower[i]) and np.isinf(program.row_upper[i])
        inside = low >= program.row_lower[i] and high <= program.row_upper[i] and not unlimited
        assert (i in found.redundant_rows) == inside


def test_integer_variables_without_an_integer_are_found() -> None:
    program = Program.build(c=[0.0, 0.0], lower=[0.2, 0.0], upper=[0.8, 1.0], integrality=1, variable_names=["a", "b"])
    found = inspect(program)
    assert found.infeasible_variables.names == ("a",)
    assert "no integer between its bounds 0.2 and 0.8" in found.warnings[0]


def test_zero_counts_as_a_value_of_semi_continuous_variables() -> None:
    program = Program.build(c=[0.0], A=[[1.0]], row_upper=[1.0], lower=2.0, upper=5.0, integrality=2)
    assert activity_of(program).infeasible_rows.size == 0


@settings(max_examples=150, deadline=None)
@given(small())
def test_repeated_rows_and_blocks_are_those_of_a_slow_search(program: Program) -> None:
    found = structure_of(program)
    dense = program.A.toarray()
    repeated = 0
    for i in range(program.m):
        for k in range(i):
            if dense[k].any() and np.linalg.matrix_rank(dense[[k, i]]) == 1 and dense[i].any():
                repeated += 1
                break
    assert found.repeated_rows == repeated
    parts = [{j} for j in range(program.n)]
    for row in dense:
        touched = [part for part in parts if any(row[j] for j in part)]
        rest = [part for part in parts if not any(row[j] for j in part)]
        parts = rest + ([set().union(*touched)] if touched else [])
    bound = [part for part in parts if any(dense[:, j].any() for j in part)]
    assert found.blocks == len(bound)
    assert [block.variables for block in found.largest_blocks] == sorted(map(len, bound), reverse=True)


def test_sets_cones_indicators_and_q_tie_blocks_together() -> None:
    separate = Program.build(c=np.zeros(4), A=np.eye(4), row_upper=np.ones(4), upper=1.0, integrality=[1, 0, 0, 0])
    assert structure_of(separate).blocks == 4
    pair = np.array([0, 1])
    for part in (
        {"sos": [SpecialOrderedSet(1, pair, np.array([1.0, 2.0]))]},
        {"indicators": [Indicator(0, 1, np.array([1]), np.ones(1), 0.0, 1.0)]},
        {"cones": [SecondOrderCone(sp.csr_array(np.eye(2, 4)), np.zeros(2))]},
        {"Q": np.eye(4) + np.eye(4, k=1) * np.array([1, 0, 0, 0])[:, None]},
    ):
        tied = Program.build(
            c=np.zeros(4), A=np.eye(4), row_upper=np.ones(4), upper=1.0, integrality=[1, 0, 0, 0], **part
        )
        assert structure_of(tied).blocks == 3


@pytest.mark.parametrize(
    ("costs", "kinds", "step"),
    [
        ([6.0, 9.0, 0.0], [1, 1, 0], 3.0),
        ([0.25, 0.75, 0.0], [1, 1, 0], 0.25),
        ([6.0, 9.0, 1.0], [1, 1, 0], None),
        ([math.pi, 1.0, 0.0], [1, 1, 0], None),
        ([0.0, 0.0, 0.0], [1, 1, 0], None),
    ],
)
def test_the_step_of_the_objective(costs: list[float], kinds: list[int], step: float | None) -> None:
    assert structure_of(Program.build(c=costs, integrality=kinds)).objective_step == step


def test_ranges_ignore_zeros_and_infinities() -> None:
    found = numerics_of(
        Program.build(c=[0.0, -4.0], A=[[1e-3, 0.0], [0.0, 50.0]], row_upper=[INF, 8.0], upper=[INF, 2])
    )
    assert (found.matrix.smallest, found.matrix.largest) == (1e-3, 50)
    assert (found.objective.smallest, found.objective.largest) == (4, 4)
    assert (found.sides.smallest, found.bounds.largest, found.quadratic.smallest) == (8, 2, None)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"A": [[1e-5, 1e6]]}, "more than nine orders of magnitude"),
        ({"A": [[1e-12, 1.0]]}, "solvers drop"),
        ({"A": [[1e16, 1e12]]}, "solvers refuse"),
        ({"A": [[1.0, -1e6]], "integrality": [0, 1], "upper": [INF, 1]}, "big-M"),
        ({"c": [1e-6, 1e6]}, "objective reach"),
        ({"A": [[1.0, 1.0], [1.0, 2.0]], "row_upper": [1e-6, 1e6]}, "right-hand sides reach"),
        ({"upper": [1e12, 1.0]}, "a finite bound of 1e+09"),
        ({"upper": [1e12, 1.0], "integrality": 1}, "integer variable has a bound"),
        ({"Q": [[1e-7, 0.0], [0.0, 1e7]]}, "quadratic objective reach"),
    ],
)
def test_trouble_is_said_in_words(parts: dict[str, object], words: str) -> None:
    base: dict[str, object] = {"c": [1.0, 1.0], "A": [[1.0, 1.0]], "row_upper": 1.0}
    found = inspect(Program.build(**{**base, **parts}))  # type: ignore[arg-type]
    assert [warning for warning in found.warnings if words in warning]


def test_a_harmless_program_has_no_warnings() -> None:
    assert inspect(Program.build(c=[1.0, 2.0], A=[[1.0, 3.0]], row_lower=[1.0])).warnings == ()


@pytest.mark.slow
def test_a_million_nonzeros_are_inspected_within_seconds() -> None:
    generator = np.random.default_rng(2)
    A = sp.random_array((50_000, 100_000), density=2e-4, rng=generator, format="csr")
    program = Program.build(c=np.ones(100_000), A=A, row_upper=np.ones(50_000), upper=1.0, integrality=1)
    begin = time.perf_counter()
    inspect(program)
    assert time.perf_counter() - begin < 5
