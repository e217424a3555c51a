"""Problems by arrays, in whatever form a user has them."""

from __future__ import annotations

import base64
import math
from typing import Any

import kantor
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kantor.arrays import Numbers
from scipy.optimize import Bounds, LinearConstraint

from api_schemas.programs import Program as Contract

INF = math.inf
finite = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)


def document(program: kantor.Program) -> dict[str, Any]:
    return program.document(lambda _, numbers: numbers.tolist())


def dense(matrix: dict[str, Any]) -> np.ndarray:
    return sp.csr_array((matrix["data"], matrix["indices"], matrix["indptr"]), shape=matrix["shape"]).toarray()


@given(
    hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.one_of(st.just(0.0), finite))
)
@settings(max_examples=60, deadline=None)
def test_every_form_of_a_matrix_is_the_same_program(A: np.ndarray) -> None:
    c = np.arange(A.shape[1], dtype=float)
    forms = [A, A.tolist(), sp.csr_array(A), sp.csc_matrix(A), sp.coo_array(A), pd.DataFrame(A), tuple(map(tuple, A))]
    documents = [document(kantor.Program(objective=c, A=form)) for form in forms]
    for made in documents:
        assert made == documents[0]
    assert (dense(documents[0]["A"]) == A).all()


@given(st.lists(finite, min_size=1, max_size=300))
@settings(max_examples=40, deadline=None)
def test_every_form_of_a_vector_is_the_same_program(values: list[float]) -> None:
    array = np.array(values)
    forms = [values, tuple(values), array, pd.Series(values), array.reshape(-1, 1), iter(values)]
    documents = [document(kantor.Program(objective=form)) for form in forms]
    assert all(made == documents[0] for made in documents)
    sent = kantor.Program(objective=values).document(lambda _, numbers: numbers.inline())["objective"]
    if isinstance(sent, dict):
        assert np.frombuffer(base64.b64decode(sent["base64"]), "<f8").tolist() == values
    else:
        assert sent == values


def test_entries_given_twice_in_a_sparse_matrix_are_added_and_the_users_matrix_is_left_alone() -> None:
    A = sp.csr_array((np.array([1.0, 2.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    made = document(kantor.Program(objective=[1, 1], A=A))["A"]
    assert (made["data"], made["indices"]) == ([3.0], [0])
    assert A.nnz == 2


def test_later_changes_of_the_users_arrays_do_not_reach_the_program() -> None:
    c = np.array([1.0, 2.0])
    program = kantor.Program(objective=c)
    c[0] = 99.0
    assert document(program)["objective"] == [1.0, 2.0]


def test_one_number_stands_for_all_and_none_for_no_bound() -> None:
    made = document(
        kantor.Program(objective=[1, 1], A=[[1, 1]], row_upper=4, lower=[None, -1], upper=[3, None], integrality=1)
    )
    assert made["row_upper"] == [4.0]
    assert made["lower"] == [-INF, -1.0]
    assert made["upper"] == [3.0, INF]
    assert made["integrality"] == [1, 1]


def test_pandas_labels_become_names() -> None:
    A = pd.DataFrame([[1.0, 2.0]], index=["plant"], columns=["doors", "windows"])
    program = kantor.Program(objective=pd.Series([3.0, 5.0], index=["doors", "windows"]), A=A)
    assert program.variable_names == ["doors", "windows"]
    assert program.constraint_names == ["plant"]


def test_cones_sets_and_indicators_name_variables_by_name_or_index() -> None:
    program = kantor.Program(
        objective=[1, 1, 1],
        integrality=[1, 0, 0],
        upper=[1, 9, 9],
        variable_names=["open", "x", "y"],
        cones=[kantor.Cone(np.eye(3), [0, 0, 0]), (sp.eye_array(3), np.zeros(3))],
        sos=[kantor.SOS(2, ["x", 2]), {"type": 1, "indices": [0, 1], "weights": [5, 3]}],
        indicators=[kantor.Indicator("open", {"x": 1, 2: -1}, upper=0, name="if open")],
    )
    made = document(program)
    assert made["sos"][0] == {"type": 2, "indices": [1, 2], "weights": [1, 2]}
    assert made["sos"][1]["weights"] == [5.0, 3.0]
    assert made["indicators"][0]["indices"] == [1, 2]
    assert (made["indicators"][0]["lower"], made["indicators"][0]["upper"]) == (-INF, 0.0)
    assert made["cones"][0] == made["cones"][1]
    Contract.model_validate(made)


def test_scipys_arguments_mean_what_they_mean_there() -> None:
    bounds, one, two = Bounds(0, [4, np.inf]), LinearConstraint([[1, 1]], ub=3), ([[1, -1], [2, 0]], [-1, 0], 5)
    made = document(kantor.Program.from_milp([1, 2], integrality=1, bounds=bounds, constraints=[one, two]))
    assert dense(made["A"]).tolist() == [[1, 1], [1, -1], [2, 0]]
    assert made["row_lower"] == [-INF, -1, 0]
    assert made["row_upper"] == [3, 5, 5]
    assert made["lower"] == [0, 0]
    assert made["upper"] == [4, INF]
    assert made["integrality"] == [1, 1]
    only = document(kantor.Program.from_milp([1, 2], constraints=(np.array([[1, 1]]), 0, np.inf), sense="max"))
    assert (only["row_lower"], only["row_upper"], only["sense"]) == ([0], [INF], "max")
    assert "lower" not in only


@pytest.mark.parametrize(
    ("arguments", "pointer", "words"),
    [
        ({"objective": [1, math.nan]}, "/objective/1", "objective has nan at position 1"),
        ({"objective": np.full(1000, np.inf)}, "/objective/0", "objective has inf"),
        ({"objective": "12"}, "/objective", "numbers are wanted here"),
        ({"objective": [[1, 2], [3, 4]]}, "/objective/0", "a number is wanted here"),
        ({"objective": np.ones((2, 2))}, "/objective", "one dimension is wanted"),
        ({"objective": [1, 1], "A": [[1, 2, 3]]}, "/A/shape", "3 columns, but there are 2 variables"),
        ({"objective": [1, 1], "A": [[1, 2], [3]]}, "/A/1", "row 1 has 1 entries, but row 0 has 2"),
        ({"objective": [1], "A": [[np.nan]]}, "/A/data/0", "A.data has nan"),
        ({"objective": [1], "A": sp.coo_array([1.0])}, "/A", "two dimensions are wanted here"),
        ({"objective": [1], "A": "A"}, "/A", "a matrix is wanted here"),
        ({"objective": [1, 1], "row_upper": [1]}, "/row_upper", "row_upper has 1 entries, but there are 0 rows"),
        ({"objective": [1, 1], "upper": [1]}, "/upper", "upper has 1 entries, but there are 2 variables"),
        ({"objective": [1, 1], "lower": [0, 3], "upper": [1, 2]}, "/upper/1", "lower 3 is above upper 2"),
        ({"objective": np.ones(900), "upper": -np.ones(900)}, "/upper/0", "lower 0 is above upper -1"),
        ({"objective": [1], "lower": [math.nan]}, "/lower/0", "lower has nan"),
        ({"objective": [1], "integrality": [0.5]}, "/integrality/0", "a whole number is wanted here"),
        ({"objective": [1], "integrality": [7]}, "/integrality/0", "7 is not 0"),
        ({"objective": [1, 1], "variable_names": ["a", "a"]}, "/variable_names/1", "the name 'a' is used twice"),
        ({"objective": [1], "sense": "best"}, "/sense", "should be 'min' or 'max'"),
        ({"objective": [1], "Q": np.eye(2)}, "/Q/shape", "2 columns, but there are 1 variables"),
        ({"objective": [1], "sos": [kantor.SOS(1, [-1])]}, "/sos/0/indices/0", "variable index -1 is outside 0..0"),
        ({"objective": [1], "sos": [kantor.SOS(1, [3])]}, "/sos/0/indices/0", "variable index 3 is outside 0..0"),
        (
            {"objective": [1], "variable_names": ["doors"], "sos": [kantor.SOS(1, ["door"])]},
            "/sos/0/indices/0",
            "there is no variable 'door'; did you mean 'doors'?",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_a_pointer(arguments: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(kantor.InvalidProblem) as caught:
        kantor.Program(**arguments)
    assert caught.value.errors[0].pointer == f"/problem{pointer}"
    assert words in str(caught.value)


def test_tables_of_scenarios_have_three_forms() -> None:
    program = kantor.Program(objective=[1, 1], A=[[1, 1], [1, 0]], row_upper=[4, 4], constraint_names=["cap", "one"])
    contract = kantor.Scenarios(row_upper={"indices": [0], "values": [[1], [2]]})
    by_name = kantor.Scenarios(row_upper={"cap": [1, 2]})
    whole = kantor.Scenarios(row_upper=np.array([[1, 4], [2, 4]]), names=["low", "high"])
    assert document(program.with_scenarios(contract)) == document(program.with_scenarios(by_name))
    made = document(program.with_scenarios(whole))["scenarios"]
    assert made == {"count": 2, "row_upper": {"indices": [0, 1], "values": [[1, 4], [2, 4]]}, "names": ["low", "high"]}
    assert "scenarios" not in document(program)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, "no change is given"),
        ({"upper": {0: [1, 2]}, "lower": {0: [1]}}, "upper has 2 scenarios, but lower has 1"),
        ({"upper": {0: [1, 2], 1: [3]}}, "the columns have different lengths"),
        ({"upper": {"indices": [0, 1], "values": [[1]]}}, "1 values for 2 places"),
        ({"upper": {0: [1, 2]}, "names": ["a"]}, "1 names for 2 scenarios"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tables: dict[str, Any], words: str) -> None:
    with pytest.raises(kantor.InvalidProblem, match=words):
        kantor.Scenarios(**tables)


def test_scenarios_of_unknown_rows_are_refused_where_they_meet_the_program() -> None:
    program = kantor.Program(objective=[1], A=[[1]], constraint_names=["cap"])
    with pytest.raises(kantor.InvalidProblem, match="there is no constraint 'cup'; did you mean 'cap'"):
        program.with_scenarios(kantor.Scenarios(row_upper={"cup": [1]}))


def test_only_programs_that_are_large_as_a_whole_are_uploaded_and_then_only_their_large_arrays() -> None:
    small = kantor.Program(objective=np.ones(1000), A=sp.random_array((500, 1000), density=0.1, rng=0))
    assert small.large_arrays() == {}
    large = kantor.Program(objective=np.ones(1000), A=sp.random_array((5000, 1000), density=0.1, rng=0))
    assert set(large.large_arrays()) == {"A.data", "A.indices", "A.indptr"}


def test_short_arrays_travel_as_lists_and_long_ones_as_bytes() -> None:
    assert isinstance(Numbers("float64", np.ones(256)).inline(), list)
    sent = Numbers("int8", np.ones(257, dtype=np.int8)).inline()
    assert isinstance(sent, dict)
    assert (sent["dtype"], sent["shape"], len(base64.b64decode(sent["base64"]))) == ("int8", [257], 257)


def test_programs_say_what_they_are() -> None:
    program = kantor.Program(objective=[1, 1, 0], A=[[1, 2, 0]], row_upper=3, integrality=[1, 0, 1], sense="maximize")
    assert repr(program) == "Program(max, 1 rows, 3 variables, 2 integer, 2 nonzeros)"
    batch = program.with_scenarios(kantor.Scenarios(upper={0: [1, 2]}))
    assert repr(batch).endswith("2 nonzeros, 2 scenarios)")
