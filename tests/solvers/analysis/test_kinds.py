"""The kinds of constraints: against MIPLIB's own program, against the definitions read literally, and by example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.programs.analysis.kinds import KINDS, NONE, classify
from solvers.programs.expressions import variable
from solvers.programs.formats import read
from solvers.programs.problem import Nonlinear, Program
from tests.solvers.formats.instances import OWN, model_files

INF = math.inf
IDS = [kind.id for kind in KINDS]

#: What MIPLIB's program counts (SCIPclassifyConstraintTypesLinear of SCIP 10.0), in the order of KINDS, trailing zeros
#: left out.
OWN_COUNTS = {
    "25fv47": [1, 0, 40, 55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 725],
    "afiro": [0, 0, 2, 2, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15],
    "bell5": [0, 0, 2, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 42],
    "box1": [0, 0, 0, 195, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 36],
    "dcmulti": [0, 0, 18, 0, 17, 90, 0, 5, 0, 3, 10, 0, 0, 0, 0, 147],
    "egout": [0, 0, 0, 10, 0, 55, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33],
    "flugpl": [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 16],
    "gesa2": [0, 0, 0, 0, 0, 480, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 720],
    "gt2": [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 15, 0, 12],
    "lseu": [0, 0, 0, 0, 0, 2, 0, 15, 0, 0, 0, 0, 0, 11],
    "p0548": [0, 0, 2, 0, 12, 28, 0, 22, 0, 0, 0, 0, 5, 107],
    "rgn": [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 20],
    "sp150x300d": [0, 0, 0, 84, 0, 300, 0, 0, 0, 0, 0, 0, 0, 0, 0, 66],
}
SHARED_COUNTS = {
    "air05": [0, 0, 0, 0, 0, 0, 426],
    "cost266-UUE": [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1437],
    "fixnet6": [0, 0, 0, 1, 0, 378, 0, 0, 0, 0, 0, 0, 0, 0, 0, 99],
    "harp2": [0, 0, 0, 0, 0, 0, 73, 0, 0, 0, 0, 0, 0, 1, 0, 38],
    "mkc": [0, 0, 132, 0, 2922, 55, 0, 252, 0, 0, 24, 0, 0, 0, 0, 26],
    "neos-911970": [0, 0, 0, 0, 0, 0, 35, 0, 24, 0, 0, 0, 0, 0, 0, 48],
    "p0201": [0, 0, 0, 0, 0, 0, 0, 26, 0, 0, 74, 0, 0, 33],
    "piperout-27": [0, 0, 0, 45, 6044, 8154, 46, 19, 0, 12, 3961, 2, 0, 0, 3, 18, 138],
}


def padded(counts: list[int]) -> list[int]:
    return counts + [0] * (len(KINDS) - len(counts))


@pytest.mark.parametrize("name", OWN_COUNTS)
def test_counts_are_those_of_miplib(name: str) -> None:
    program = read((OWN / f"{name}.mps.gz").read_bytes())
    assert classify(program, literal=True).counts().tolist() == padded(OWN_COUNTS[name])


@pytest.mark.parametrize("name", SHARED_COUNTS)
def test_counts_of_shared_instances_are_those_of_miplib(name: str) -> None:
    found = [instance for instance in model_files(".mps") if instance.name == name]
    if not found:
        pytest.skip("needs the shared collection")
    program = read(found[0].path.read_bytes())
    literal, ours = classify(program, literal=True).counts(), classify(program).counts()
    assert literal.tolist() == padded(SHARED_COUNTS[name])
    # ours only moves rows out of the last two kinds
    assert (ours[:15] >= literal[:15]).all()
    assert (ours[15:17] <= literal[15:17]).all()
    assert ours.sum() == literal.sum()


# x, y, z, w binary; i, j integer; s, t continuous
BOUNDS = {
    "x": (0, 1),
    "y": (0, 1),
    "z": (0, 1),
    "w": (0, 1),
    "i": (0, 9),
    "j": (0, INF),
    "s": (0, INF),
    "t": (-INF, INF),
}
INTEGER = "xyzwij"

EXAMPLES = [
    ({}, -1, 1, "empty"),
    ({"x": 1, "y": 2, "z": 3}, -INF, INF, "free"),
    ({"s": 2}, -INF, 4, "singleton"),
    ({"s": 2, "t": 3}, 4, 4, "aggregation"),
    ({"x": 3, "y": -3}, -INF, 0, "precedence"),
    ({"s": 3, "t": -3}, 1, INF, "precedence"),
    ({"s": 1, "x": -100}, -INF, 0, "variable-bound"),
    ({"x": 1, "y": 1}, -INF, 1, "variable-bound"),
    ({"x": 1, "y": 1, "z": 1}, 1, 1, "set-partitioning"),
    ({"x": 1, "y": 1, "z": -1}, 0, 0, "set-partitioning"),
    ({"x": 2, "y": 2, "z": 2}, -INF, 2, "set-packing"),
    ({"x": 1, "y": 1, "z": 1}, 1, INF, "set-covering"),
    ({"x": -1, "y": -1, "z": -1}, -INF, -1, "invariant-knapsack"),
    ({"x": 1, "y": 1, "z": 1}, 2, 2, "cardinality"),
    ({"x": 1, "y": 1, "z": -1, "w": -1}, 0, 0, "cardinality"),
    ({"x": 1, "y": 1, "z": 1}, -INF, 2, "invariant-knapsack"),
    ({"x": 3, "y": 2, "z": 1}, 4, 4, "equation-knapsack"),
    ({"x": 3, "y": 2, "z": -9}, -INF, 0, "bin-packing"),
    ({"x": 3, "y": 2, "z": 1}, -INF, 4, "knapsack"),
    ({"x": 3, "i": 2, "j": 1}, -INF, 14, "integer-knapsack"),
    ({"x": 3, "s": 2, "t": 1}, -INF, 14, "mixed-binary"),
    ({"x": 0.5, "y": 0.25, "z": 0.1}, -INF, 0.7, "mixed-binary"),
    ({"i": 3, "s": 2, "t": 1}, -INF, 14, "general-linear"),
    ({"i": 3, "j": -2, "x": 1}, -INF, 14, "general-linear"),
]


def made(entries: dict[str, float], low: float, high: float) -> Program:
    names = list(BOUNDS)
    return Program.build(
        c=np.zeros(len(names)),
        A=[[entries.get(name, 0.0) for name in names]],
        row_lower=[low],
        row_upper=[high],
        lower=[BOUNDS[name][0] for name in names],
        upper=[BOUNDS[name][1] for name in names],
        integrality=[int(name in INTEGER) for name in names],
        variable_names=names,
    )


@pytest.mark.parametrize(("entries", "low", "high", "kind"), EXAMPLES)
def test_an_example_of_every_kind_is_recognised(entries: dict[str, float], low: float, high: float, kind: str) -> None:
    found = classify(made(entries, low, high), literal=True)
    assert IDS[found.first[0]] == kind


@pytest.mark.parametrize(
    ("entries", "low", "kind"),
    [
        ({"x": -1, "y": -1, "z": -1}, -1, "set-packing"),
        ({"x": -1, "y": -1, "z": -1, "w": -1}, -2, "invariant-knapsack"),
        ({"x": -3, "y": -2, "z": -1}, -4, "knapsack"),
        ({"x": -3, "y": -2, "z": 9}, 0, "bin-packing"),
        ({"x": -3, "i": -2, "j": -1}, -14, "integer-knapsack"),
    ],
)
def test_a_row_is_also_recognised_when_written_as_at_least(entries: dict[str, float], low: float, kind: str) -> None:
    program = made(entries, low, INF)
    assert IDS[classify(program).first[0]] == kind
    assert IDS[classify(program, literal=True).first[0]] in ("mixed-binary", "general-linear")


def test_two_sides_may_be_of_two_kinds() -> None:
    found = classify(made({"x": 1, "y": 1, "z": 1, "w": 1}, 1, 3))
    assert [IDS[code] for code in (found.first[0], found.second[0])] == ["invariant-knapsack", "set-covering"]
    ranged = classify(made({"s": 2.0}, 1, 3))
    assert ranged.counts()[IDS.index("singleton")] == 2


def test_rows_of_continuous_variables_and_flow_balances_have_kinds_of_their_own() -> None:
    A = np.array([[1, 1, 0, 0], [-1, 0, 1, 0], [0, -1, -1, 1], [1, 2, 3, 0]], dtype=float)
    program = Program.build(c=np.zeros(4), A=A, row_lower=[5, 0, 0, -INF], row_upper=[5, 0, 0, 9])
    kinds = [IDS[code] for code in classify(program).first]
    assert kinds == ["aggregation", "aggregation", "flow-balance", "continuous"]
    assert [IDS[code] for code in classify(program, literal=True).first][2:] == ["mixed-binary", "mixed-binary"]


def test_nonlinear_rows_have_no_kind() -> None:
    program = Program.build(c=[0.0], A=[[1.0], [1.0]], row_upper=[1.0, 2.0], nonlinear=Nonlinear(rows={1: variable(0)}))
    found = classify(program)
    assert (found.first[1], found.counts().sum()) == (NONE, 1)


def literally(program: Program, i: int) -> list[str]:
    """MIPLIB's kinds of one row by its program's rules, step by step, in exact small numbers."""
    span = slice(program.A.indptr[i], program.A.indptr[i + 1])
    columns, a = program.A.indices[span], program.A.data[span]
    low, high = float(program.row_lower[i]), float(program.row_upper[i])
    size, equal, ranged = len(a), low == high, math.isfinite(low) and math.isfinite(high) and low != high
    integer = [program.integrality[j] == 1 for j in columns]
    binary = [
        whole and program.lower[j] > -1 and program.upper[j] < 2 for whole, j in zip(integer, columns, strict=True)
    ]
    times = 2 if ranged else 1
    if size == 0:
        return ["empty"]
    if math.isinf(low) and math.isinf(high):
        return ["free"]
    if size == 1:
        return ["singleton"] * times
    if size == 2 and equal:
        return ["aggregation"]
    if size == 2:
        if (binary[0], integer[0]) == (binary[1], integer[1]) and a[0] == -a[1]:
            return ["precedence"] * times
        if any(binary):
            return ["variable-bound"] * times
    found = []
    if all(binary) and len({abs(value) for value in a}) == 1:
        scale, negative = abs(a[0]), sum(value < 0 for value in a)
        b = high / scale + negative
        if equal and b == 1:
            return ["set-partitioning"]
        if equal and b >= 0 and b == int(b):
            return ["cardinality"]
        if b == 1:
            found.append("set-packing")
            high = INF
        elif math.isfinite(b) and b >= 0 and b == int(b):
            found.append("invariant-knapsack")
            high = INF
        if math.isfinite(low) and low / scale + negative == 1:
            found.append("set-covering")
            low = -INF
        if math.isinf(low) and math.isinf(high):
            return found
    whole = all(value == int(value) for value in a)
    b = high - sum(value for value in a if value < 0)
    if all(binary) and whole and math.isfinite(b) and b >= 0 and b == int(b):
        if equal:
            return [*found, "equation-knapsack"]
        found.append("bin-packing" if b in [abs(value) for value in a] else "knapsack")
        high = INF
        if math.isinf(low):
            return found
    nonnegative = all(program.lower[j] >= 0 for j in columns)
    if (
        all(integer)
        and nonnegative
        and whole
        and (a >= 0).all()
        and math.isfinite(high)
        and high >= 0
        and high == int(high)
    ):
        found.append("integer-knapsack")
        high = INF
        if math.isinf(low):
            return found
    ranged = math.isfinite(low) and math.isfinite(high) and low != high
    last = "mixed-binary" if all(b or not w for b, w in zip(binary, integer, strict=True)) else "general-linear"
    return found + [last] * (2 if ranged else 1)


SIDES = st.sampled_from([-INF, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, INF])


@st.composite
def rows(draw: st.DrawFn) -> Program:
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    uniform = draw(st.booleans())
    values = (
        st.sampled_from([-1.0, 0.0, 1.0]) if uniform else st.sampled_from([-3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
    )
    mostly = st.sampled_from([(1, 0.0, 1.0)] * 6 + [(1, 0.0, 5.0), (1, -2.0, INF), (0, 0.0, INF), (0, 0.0, 1.0)])
    columns = draw(st.lists(mostly, min_size=n, max_size=n))
    low = [min(draw(SIDES), 3.0) for _ in range(m)]
    high = [draw(st.one_of(st.just(side), SIDES.map(lambda s, side=side: max(s, side)))) for side in low]
    high = [INF if side == -INF else side for side in high]
    return Program.build(
        c=np.zeros(n),
        A=np.array(draw(st.lists(st.lists(values, min_size=n, max_size=n), min_size=m, max_size=m))),
        row_lower=low,
        row_upper=high,
        lower=[low for _, low, _ in columns],
        upper=[high for _, _, high in columns],
        integrality=[kind for kind, _, _ in columns],
    )


@settings(max_examples=250, deadline=None)
@given(rows())
def test_the_arrays_say_what_the_definitions_say(program: Program) -> None:
    found = classify(program, literal=True)
    for i in range(program.m):
        codes = [found.first[i]] + ([found.second[i]] if found.second[i] != NONE else [])
        assert sorted(IDS[code] for code in codes) == sorted(literally(program, i))
