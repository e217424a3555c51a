"""Labels of pandas put things in order; positions do not."""

from __future__ import annotations

import kantor
import numpy as np
import pytest
from kantor.errors import InvalidProblem

pandas = pytest.importorskip("pandas")
FRAME = pandas.DataFrame([[1, 0], [0, 2], [3, 2]], columns=["doors", "windows"], index=["p1", "p2", "p3"])
SIDES = pandas.Series([18, 4, 12], index=["p3", "p1", "p2"])
PRICES = pandas.Series([5, 3], index=["windows", "doors"])


def test_a_program_of_labelled_parts_is_that_of_the_labels(client: kantor.Client) -> None:
    program = kantor.Program(
        sense="max",
        objective=PRICES,
        A=FRAME,
        row_upper=SIDES,
        upper=pandas.Series([9.0, 7.0], index=["doors", "windows"]),
        Q=pandas.DataFrame(-0.01 * np.eye(2), index=FRAME.columns, columns=FRAME.columns),
    )
    assert program.variable_names == ["windows", "doors"]
    assert program.vectors["upper"].tolist() == [7.0, 9.0]
    answer = client.solve(program)
    assert answer.values() == pytest.approx({"doors": 2.0, "windows": 6.0}, abs=1e-5)


def test_given_names_set_the_order_if_they_are_the_labels_and_rename_otherwise() -> None:
    ordered = kantor.Program(objective=PRICES, A=FRAME, variable_names=["doors", "windows"])
    assert ordered.vectors["objective"].tolist() == [3.0, 5.0]
    renamed = kantor.Program(objective=PRICES, A=FRAME, variable_names=["a", "b"], row_lower=SIDES)
    assert renamed.vectors["objective"].tolist() == [5.0, 3.0]
    assert renamed.vectors["row_lower"].tolist() == [4.0, 12.0, 18.0]


def test_other_labels_are_refused_by_name() -> None:
    with pytest.raises(InvalidProblem, match="A has other labels") as refused:
        kantor.Program(objective=PRICES.rename({"doors": "dors"}), A=FRAME)
    assert "doors of its own; dors missing" in str(refused.value)
    with pytest.raises(InvalidProblem, match="row_upper has other labels: p3 missing"):
        kantor.Program(objective=PRICES, A=FRAME, row_upper=SIDES[["p1", "p2"]])
    with pytest.raises(InvalidProblem, match="come twice"):
        kantor.Program(
            objective=[1, 1],
            A=FRAME.set_axis(["p1", "p1", "p2"]),
            row_upper=pandas.Series([1, 2, 3], index=["p2", "p1", "p1"]),
        )


def test_the_numbering_of_pandas_is_no_label_beside_names_but_counts_where_it_was_sorted() -> None:
    program = kantor.Program(objective=pandas.Series([3, 5]), A=FRAME, row_upper=pandas.Series([4, 12, 18]))
    assert program.vectors["row_upper"].tolist() == [4.0, 12.0, 18.0]
    assert program.variable_names == ["doors", "windows"]
    plain = FRAME.reset_index(drop=True)
    sides = pandas.Series([4, 12, 18]).sort_values(ascending=False)
    assert kantor.Program(objective=[3, 5], A=plain, row_upper=sides).vectors["row_upper"].tolist() == [4.0, 12.0, 18.0]


def test_a_start_goes_by_its_labels() -> None:
    program = kantor.Program(objective=PRICES, A=FRAME)
    start = program.start(pandas.Series([2.0, 6.0], index=["doors", "windows"]))
    assert start.document(lambda _, numbers: numbers.tolist())["primal"] == {"doors": 2.0, "windows": 6.0}
