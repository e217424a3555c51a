"""Building programs: what is checked, what is normalized, what is said of mistakes; convexity and expressions."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from solvers.core.errors import InvalidProblem
from solvers.programs.convexity import is_convex, is_positive_semidefinite
from solvers.programs.expressions import (
    OPERATORS,
    constant,
    evaluate,
    expanded_size,
    variable,
    variables_of,
)
from solvers.programs.problem import (
    Expression,
    Indicator,
    Nonlinear,
    Program,
    SecondOrderCone,
    SpecialOrderedSet,
)

INF, NAN = math.inf, math.nan


def built(**parts: Any) -> Program:
    return Program.build(**{"c": [1.0, 2.0], **parts})


def csr(data: list[float], indices: list[int], indptr: list[int], shape: tuple[int, int]) -> sp.csr_array:
    """A CSR array whose index arrays scipy has not looked at."""
    matrix = sp.csr_array(shape)
    matrix.data, matrix.indices, matrix.indptr = np.array(data), np.array(indices), np.array(indptr)
    return matrix


def test_defaults_are_those_of_the_contract() -> None:
    program = built(A=[[1, 0], [3, 4]])
    assert (program.n, program.m, program.sense, program.offset) == (2, 2, "min", 0.0)
    assert program.row_lower.tolist() == [-INF, -INF]
    assert program.row_upper.tolist() == [INF, INF]
    assert program.lower.tolist() == [0, 0]
    assert program.upper.tolist() == [INF, INF]
    assert program.integrality.tolist() == [0, 0]
    assert program.A.nnz == 3
    assert (program.variable_name(1), program.constraint_name(0)) == ("x1", "c0")
    assert program.features == {"linear"}
    assert not program.discrete


def test_scalars_are_spread_and_rows_may_have_no_entries() -> None:
    program = built(row_lower=[1.0, 2.0, 3.0], row_upper=9, lower=-1, upper=5, integrality=1, sense="maximize")
    assert (program.m, program.row_upper.tolist()) == (3, [9, 9, 9])
    assert (program.lower.tolist(), program.upper.tolist(), program.sense) == ([-1, -1], [5, 5], "max")
    assert program.features == {"linear", "integer"}


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia", "dense", "list", "matrix"])
def test_a_matrix_may_come_in_any_form(form: str) -> None:
    dense = np.array([[1.0, 0.0], [2.0, -3.0]])
    forms = {"dense": dense, "list": dense.tolist(), "matrix": sp.csr_matrix(dense)}
    matrix = forms[form] if form in forms else sp.csr_array(dense).asformat(form)
    program = built(A=matrix)
    assert isinstance(program.A, sp.csr_array)
    assert program.A.has_canonical_format
    assert program.A.dtype == np.float64
    assert program.A.toarray().tolist() == dense.tolist()


def test_a_matrix_in_the_right_form_is_not_copied_and_never_changed() -> None:
    good = sp.csr_array(np.array([[1.0, 2.0]]))
    assert built(A=good).A is good
    unsorted = csr([2.0, 1.0], [1, 0], [0, 2], (1, 2))
    assert built(A=unsorted).A.indices.tolist() == [0, 1]
    assert unsorted.indices.tolist() == [1, 0]
    zeros = csr([0.0, 1.0], [0, 1], [0, 2], (1, 2))
    assert built(A=zeros).A.nnz == 1
    assert zeros.nnz == 2


def test_coordinates_are_summed_as_scipy_does() -> None:
    matrix = sp.coo_array(([1.0, 2.0, 5.0], ([0, 0, 0], [1, 1, 0])), shape=(1, 2))
    assert built(A=matrix).A.toarray().tolist() == [[5, 3]]


def test_huge_bounds_are_infinite() -> None:
    program = built(A=[[1, 1]], row_lower=-1e30, row_upper=[1e20], lower=[-1e21, 0], upper=[1e100, 1e19])
    assert (program.row_lower[0], program.row_upper[0]) == (-INF, INF)
    assert (program.lower[0], program.upper.tolist()) == (-INF, [INF, 1e19])


@pytest.mark.parametrize("Q", [[[2, 3], [0, 5]], [[2, 0], [3, 5]], [[2, 3], [3, 5]]])
def test_one_triangle_of_q_stands_for_both(Q: list[list[float]]) -> None:
    program = built(Q=Q)
    assert program.Q is not None
    assert program.Q.toarray().tolist() == [[2, 3], [3, 5]]
    assert program.objective_at(np.array([1.0, 2.0])) == 1 + 4 + 0.5 * (2 + 12 + 20)
    assert built(Q=np.zeros((2, 2))).Q is None


BINARY = {"integrality": [1, 0], "upper": [1, INF]}
PAIR = np.array([0, 1])


MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"c": [1.0, NAN]}, "/c/1", "variable 1 (x1) is nan"),
    ({"c": [1.0, INF], "variable_names": ["a", "b"]}, "/c/1", "variable 'b' is inf"),
    ({"c": "ab"}, "/c", "list of numbers"),
    ({"c": [[1.0, 2.0]]}, "/c", "shape (1, 2)"),
    ({"A": [[1.0, NAN]]}, "/A/0/1", "nan"),
    ({"A": sp.csr_array([[1.0, INF]])}, "/A/data/1", "inf"),
    ({"A": sp.coo_array(([NAN], ([0], [1])), shape=(1, 2))}, "/A/data/0", "nan"),
    ({"A": [[1.0, 2.0, 3.0]]}, "/A", "3 columns, but there are 2"),
    ({"A": [1.0, 2.0]}, "/A", "two dimensions"),
    ({"A": [["a", "b"]]}, "/A", "matrix of numbers"),
    ({"A": csr([1.0, 2.0], [1, 1], [0, 2], (1, 2))}, "/A/indices/1", "entry (0, 1) of A is given twice"),
    ({"A": csr([1.0, 2.0], [1, 2], [0, 2], (1, 2))}, "/A/indices/1", "index 2 of entry 1"),
    ({"A": csr([1.0, 2.0], [-1, 1], [0, 2], (1, 2))}, "/A/indices/0", "index -1 of entry 0"),
    ({"A": csr([1.0, 2.0], [0, 1], [0, 3, 2], (2, 2))}, "/A/indptr/2", "decreases"),
    ({"A": csr([1.0, 2.0], [0, 1], [0, 1], (1, 2))}, "/A/indptr", "indptr must have 2 entries from 0 to 2"),
    ({"row_lower": [1.0], "row_upper": [1.0, 2.0]}, "/row_upper", "2 entries where 1 are needed"),
    ({"A": [[1, 1]], "row_lower": [NAN]}, "/row_lower/0", "NaN"),
    ({"A": [[1, 1]], "row_lower": [3], "row_upper": [2]}, "/row_lower/0", "row 0 (c0): lower bound 3 is above"),
    ({"lower": [0, 3], "upper": 2, "variable_names": ["a", "b"]}, "/lower/1", "variable 'b': lower bound 3 is above"),
    ({"lower": [INF, 0]}, "/lower/0", "no finite value"),
    ({"upper": [0, -INF]}, "/upper/1", "no finite value"),
    ({"lower": [1, 2, 3]}, "/lower", "3 entries where 2 are needed"),
    ({"integrality": [0, 4]}, "/integrality/1", "integrality[1] is 4"),
    ({"integrality": [0.5, 0]}, "/integrality/0", "0.5"),
    ({"integrality": [0]}, "/integrality", "2 of the numbers"),
    ({"sense": "up"}, "/sense", "unknown sense 'up'"),
    ({"offset": NAN}, "/offset", "finite"),
    ({"offset": "a"}, "/offset", "must be a number"),
    ({"name": 3}, "/name", "must be a string"),
    ({"Q": [[1, 2], [3, 4]]}, "/Q", "entry (0, 1) is 2, entry (1, 0) is 3"),
    ({"Q": [[1]]}, "/Q", "1 by 1"),
    ({"variable_names": ["a", "a"]}, "/variable_names/1", "'a' is used for 0 and 1"),
    ({"variable_names": ["a"]}, "/variable_names", "1 entries for 2 variables"),
    ({"variable_names": ["a", ""]}, "/variable_names/1", "empty"),
    ({"variable_names": ["a", 3]}, "/variable_names/1", "not a string"),
    ({"variable_names": ["a", "b\x00"]}, "/variable_names/1", "control character"),
    ({"variable_names": "ab"}, "/variable_names", "list of names"),
    ({"A": [[1, 1]], "constraint_names": ["a", "b"]}, "/constraint_names", "2 entries for 1 rows"),
    ({"cones": [SecondOrderCone(sp.csr_array(np.eye(1, 2)), np.zeros(1))]}, "/cones/0/F", "1 by 2"),
    ({"cones": [SecondOrderCone(sp.csr_array(np.eye(2)), np.zeros(3))]}, "/cones/0/g", "3 entries where 2"),
    ({"cones": [SecondOrderCone(sp.csr_array(np.eye(2)), np.array([0, NAN]))]}, "/cones/0/g/1", "nan"),
    ({"sos": [SpecialOrderedSet(3, PAIR, PAIR)]}, "/sos/0/type", "type 3"),  # type: ignore[arg-type]
    ({"sos": [SpecialOrderedSet(1, np.array([0, 2]), PAIR)]}, "/sos/0/indices/1", "no variable 2"),
    ({"sos": [SpecialOrderedSet(1, np.array([1, 1]), PAIR)]}, "/sos/0/indices", "variable 1 is listed twice"),
    ({"sos": [SpecialOrderedSet(1, PAIR, np.ones(2))]}, "/sos/0/weights", "must differ"),
    ({"sos": [SpecialOrderedSet(1, PAIR[:0], PAIR[:0])]}, "/sos/0/indices", "without variables"),
    ({"indicators": [Indicator(0, 1, PAIR, PAIR, 0, 1)]}, "/indicators/0/binary", "not binary"),
    ({**BINARY, "indicators": [Indicator(0, 2, PAIR, PAIR, 0, 1)]}, "/indicators/0/active", "active is 2"),  # type: ignore[arg-type]
    ({**BINARY, "indicators": [Indicator(0, 1, PAIR, PAIR, 2, 1)]}, "/indicators/0/lower", "above upper bound"),
    ({**BINARY, "indicators": [Indicator(5, 1, PAIR, PAIR, 0, 1)]}, "/indicators/0/binary/0", "no variable 5"),
    ({"nonlinear": Nonlinear(objective=variable(2))}, "/nonlinear/objective", "no variable 2"),
    ({"nonlinear": Nonlinear(rows={0: variable(0)})}, "/nonlinear/rows/0", "no row 0"),
    ({"nonlinear": Nonlinear(objective=Expression("erf", (variable(0),)))}, "/nonlinear/objective", "'erf'"),
    ({"nonlinear": Nonlinear(objective=Expression("sin", ()))}, "/nonlinear/objective", "0 operands"),
    ({"nonlinear": Nonlinear(objective=constant(NAN))}, "/nonlinear/objective", "finite"),
]


@pytest.mark.parametrize(("parts", "pointer", "words"), MISTAKES)
def test_a_mistake_is_refused_with_its_place(parts: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(InvalidProblem) as caught:
        built(**parts)
    assert words in str(caught.value)
    assert caught.value.pointer == pointer


def test_features_name_what_an_engine_needs() -> None:
    pair = np.array([0, 1])
    program = built(
        integrality=[1, 2],
        upper=[1, 5],
        Q=[[1, 0], [0, -1]],
        cones=[SecondOrderCone(sp.csr_array(np.eye(2)), np.zeros(2))],
        sos=[SpecialOrderedSet(1, pair, np.array([1.0, 2.0]))],
        indicators=[Indicator(0, 1, pair, np.ones(2), 0.0, 1.0)],
        nonlinear=Nonlinear(objective=Expression("exp", (variable(0),))),
    )
    assert program.features == {
        *("linear", "integer", "semi-continuous", "quadratic-objective", "nonconvex-quadratic", "second-order-cone"),
        *("sos", "indicator", "nonlinear"),
    }
    assert program.discrete


@pytest.mark.parametrize(
    ("Q", "convex"),
    [
        (np.eye(3), True),
        (-np.eye(3), False),
        (np.diag([1.0, 0.0, 2.0]), True),
        ([[0.0, 1.0], [1.0, 5.0]], False),
        ([[1.0, 2.0], [2.0, 1.0]], False),
        ([[1.0, 1.0], [1.0, 1.0]], True),
        (np.ones((3, 3)), True),
        (np.ones((3, 3)) - 1e-5 * np.eye(3), False),
        (np.full((3, 3), -0.6) + 1.6 * np.eye(3), False),
    ],
)
def test_convexity_is_that_of_the_sense(Q: Any, convex: bool) -> None:
    n = len(Q)
    assert is_convex(Program.build(c=np.zeros(n), Q=Q)) == convex
    assert is_convex(Program.build(c=np.zeros(n), Q=-np.asarray(Q), sense="max")) == convex


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_convexity_does_not_depend_on_units(scale: float) -> None:
    units = np.array([1.0, scale, 1e3])
    convex = np.ones((3, 3)) * units * units[:, None]
    assert is_positive_semidefinite(sp.csr_array(convex))
    assert not is_positive_semidefinite(sp.csr_array(convex - np.diag(1e-4 * units**2)))


@pytest.mark.parametrize("n", [40, 1500])
def test_large_sparse_matrices_are_decided_by_a_factorization(n: int) -> None:
    generator = np.random.default_rng(n)
    F = sp.random_array((n // 2, n), density=3 / n, rng=generator, format="csr")
    Q = sp.csr_array(F.T @ F)
    assert is_positive_semidefinite(Q)
    j = int(np.argmax(np.diff(Q.indptr)))
    dent = sp.coo_array(([-1e-3 * Q[j, j]], ([j], [j])), shape=Q.shape)
    lowest = np.linalg.eigvalsh((Q + dent).toarray())[0] if n < 100 else -1.0
    assert is_positive_semidefinite(sp.csr_array(Q + dent)) == (lowest > -1e-9)


@given(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=3, max_size=3))
def test_convexity_agrees_with_eigenvalues(rows: list[list[int]]) -> None:
    Q = np.array(rows, dtype=float)
    Q = Q + Q.T
    lowest = float(np.linalg.eigvalsh(Q)[0])
    assert is_positive_semidefinite(sp.csr_array(Q)) == (lowest > -1e-6)


VALUES = {
    "+": 5.0, "-": -1.0, "*": 6.0, "/": 2 / 3, "rem": 2.0, "pow": 8.0, "less": 0.0, "atan2": math.atan2(2, 3),
    "intdiv": 0.0, "<": 1.0, "<=": 1.0, "==": 0.0, ">=": 0.0, ">": 0.0, "!=": 1.0, "and": 1.0, "or": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_has_its_value(operator: str) -> None:
    two, three, half = constant(2.0), constant(3.0), variable(0)
    x = np.array([0.5])
    least, most, _ = OPERATORS[operator]
    if operator in VALUES:
        assert evaluate(Expression(operator, (two, three)), x) == VALUES[operator]
    elif operator == "if":
        assert evaluate(Expression("if", (constant(0.0), two, three)), x) == 3
        assert evaluate(Expression("if", (half, two, three)), x) == 2
    elif most is None:
        assert evaluate(Expression(operator, (two, three, half)), x) == {"sum": 5.5, "min": 0.5, "max": 3.0}[operator]
    else:
        assert (least, most) == (1, 1)
        exact = {"neg": -0.5, "abs": 0.5, "floor": 0.0, "ceil": 1.0, "not": 0.0}
        if operator == "acosh":
            assert evaluate(Expression(operator, (two,)), x) == math.acosh(2)
        else:
            value = exact[operator] if operator in exact else getattr(math, operator)(0.5)
            assert evaluate(Expression(operator, (half,)), x) == value


def test_outside_its_domain_an_expression_is_nan_and_beyond_doubles_infinite() -> None:
    x = np.array([-1.0])
    for operator in ("log", "sqrt", "acos", "atanh"):
        assert operator == "acos" or math.isnan(evaluate(Expression(operator, (variable(0),)), x))
    assert math.isnan(evaluate(Expression("/", (constant(0.0), constant(0.0))), x))
    assert evaluate(Expression("/", (constant(-1.0), constant(0.0))), x) == -INF
    assert evaluate(Expression("exp", (constant(1e4),)), x) == INF
    assert math.isnan(evaluate(Expression("pow", (variable(0), constant(0.5))), x))


def test_deep_and_shared_expressions_cost_no_more_than_their_nodes() -> None:
    deep: Expression = variable(0)
    for _ in range(50_000):
        deep = Expression("neg", (deep,))
    shared: Expression = variable(1)
    for _ in range(60):
        shared = Expression("+", (shared, shared))
    begin = time.perf_counter()
    assert evaluate(deep, np.array([3.0, 1.0])) == 3
    assert evaluate(shared, np.array([3.0, 1.0])) == 2.0**60
    assert variables_of(shared) == {1}
    assert expanded_size(shared) == 2**61 - 1
    assert time.perf_counter() - begin < 5
    with pytest.raises(InvalidProblem, match="too large"):
        built(nonlinear=Nonlinear(objective=shared))


def test_checking_a_small_program_takes_microseconds() -> None:
    A = sp.csr_array(np.random.default_rng(0).random((20, 20)))
    c, low, high = np.ones(20), np.zeros(20), np.ones(20)
    best = INF
    for _ in range(20):
        begin = time.perf_counter()
        for _ in range(50):
            Program.build(c=c, A=A, row_lower=low, row_upper=high, lower=low, upper=high)
        best = min(best, (time.perf_counter() - begin) / 50)
    assert best < 300e-6  # 50 to 100 on an idle machine
