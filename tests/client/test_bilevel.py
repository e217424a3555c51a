"""Bilevel problems in the client: what is built, what is refused, and the whole way through a server."""

from __future__ import annotations

import json

import kantor
import numpy as np
import pytest
from kantor import expressions as kt


def toll() -> kantor.Bilevel:
    network = kantor.templates.RoadNetwork.build([(0, 1, 2.0), (1, 3, 1.0), (0, 2, 3.0), (2, 3, 4.0)])
    return kantor.templates.toll_pricing(network, {(0, 3): 10.0}, tolled=[0], largest=20.0)


def test_expressions_may_be_made_with_operators() -> None:
    x, y = kt.names("x y")
    made = kantor.Bilevel(
        upper={"variables": {"x": []}, "minimize": (y - 1) ** 2 + x**2, "constraints": [x + y <= 3]},
        lower={"variables": {"y": {}}, "minimize": (y - x) ** 2},
    )
    written = made.document(lambda name, numbers: None)
    assert written["upper"]["minimize"] == "(y - 1)**2 + x**2"
    assert written["upper"]["constraints"] == ["x + y <= 3"]
    assert repr(made) == "Bilevel(1 upper variable, 1 lower variable)"


def test_the_plain_problem_is_shown_and_can_be_kept_in_a_file() -> None:
    problem = toll()
    text = problem.explain()
    assert "maximize sum(flow @ (place @ toll))" in text
    assert "such that flow @ incidence.T == balance" in text
    again = kantor.Bilevel(**{key: value for key, value in json.loads(problem.to_json()).items() if key != "kind"})
    assert again.document(lambda name, numbers: None) == problem.document(lambda name, numbers: None)


def test_infinite_bounds_come_back_from_a_file() -> None:
    problem = kantor.Bilevel(
        upper={"variables": {"x": {"shape": [2], "lower": [0.0, -np.inf]}}, "minimize": "sum(x**2) + y"},
        lower={"variables": {"y": {"upper": "Infinity"}}, "minimize": "(y - x[0])**2"},
    )
    spec = problem.spec()
    assert spec["upper"]["variables"]["x"]["lower"] == [0.0, "-Infinity"]
    again = kantor.Bilevel(**{key: value for key, value in spec.items() if key != "kind"})
    assert again.spec() == spec


def test_large_data_are_uploaded_and_small_ones_are_not() -> None:
    X = np.ones((2000, 100))
    problem = kantor.templates.ridge(X, np.ones(2000), X[:5], np.ones(5))
    assert set(problem.large_arrays()) == {"data/X"}
    written = problem.document(lambda name, numbers: {"artifact": "art_" + "0" * 26, "member": name})
    assert written["data"]["X"]["shape"] == [2000, 100]
    assert isinstance(written["data"]["yv"], list)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"upper": {"variables": {"x": {}}, "minimise": "x"}}, "did you mean 'minimize'"),
        ({"upper": {"variables": {"x": {"low": 0}}, "minimize": "x + y"}}, "there is no field 'low'"),
        ({"upper": {"variables": {"x": {}}, "minimize": "x + z"}}, "unknown name 'z', at character 5"),
        ({"data": {"a": [1.0, float("nan")]}}, "a finite number"),
        ({"data": {"a": [[1.0], [1.0, 2.0]]}}, "array of numbers"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(changes: dict[str, object], words: str) -> None:
    right = {
        "upper": {"variables": {"x": {}}, "minimize": "x + y"},
        "lower": {"variables": {"y": {}}, "minimize": "(y - x)**2"},
    }
    with pytest.raises(kantor.InvalidProblem, match=words.replace("(", r"\(")):
        kantor.Bilevel(**{**right, **changes})  # type: ignore[arg-type]


def test_templates_refuse_data_that_do_not_fit() -> None:
    X, y = np.ones((4, 2)), np.zeros(4)
    with pytest.raises(kantor.InvalidProblem, match="4 examples, but 3 answers"):
        kantor.templates.ridge(X, y[:3], X, y)
    with pytest.raises(kantor.InvalidProblem, match="3 features, but 2"):
        kantor.templates.data_cleaning(X, y, np.ones((4, 3)), y)
    with pytest.raises(kantor.InvalidProblem, match="labels are 0 and 1"):
        kantor.templates.logistic(X, y + 2, X, y)
    network = kantor.templates.RoadNetwork.build([(0, 1, 1.0)])
    with pytest.raises(kantor.InvalidProblem, match="no journey from 0 to 9"):
        kantor.templates.toll_pricing(network, {(0, 9): 1.0}, [0], largest=1.0)


def test_tolls_are_proved_best_through_the_whole_of_kantor(client: kantor.Client) -> None:
    answer = client.solve(toll(), wait=100)
    assert answer.status == "globally-optimal"
    assert answer.certificate.proved
    assert answer.engine == "exact"
    assert answer.upper["toll"] == pytest.approx([4.0])
    assert answer.objective == pytest.approx(40.0)
    assert "globally optimal" in str(answer)
    again = client.solve(toll(), "exact", start=answer, wait=100)
    assert again.objective == pytest.approx(40.0)


def test_a_gradient_engine_reports_both_levels_and_its_answer_is_checked(client: kantor.Client) -> None:
    random = np.random.default_rng(0)
    X, Xv = random.normal(size=(30, 5)), random.normal(size=(30, 5))
    problem = kantor.templates.ridge(X, X[:, 0], Xv, Xv[:, 0] + 0.5 * random.normal(size=30))
    seen: list[kantor.Progress] = []
    answer = client.solve(problem, "penalty", wait=200, progress=seen.append, engine_options={"descent_steps": 100})
    assert answer.status == "locally-stationary"
    assert not answer.certificate.failed
    assert answer.upper["lam"].shape == (5,)
    assert answer.to_dict()["lower"]["w"] == answer.lower["w"].tolist()
    with pytest.raises(KeyError, match="there are lam"):
        answer.upper["mu"]
