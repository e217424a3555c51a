"""Problems of one level: made, refused, read from files, solved by a whole Kantor."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import kantor
import numpy as np
import pytest
from kantor import expressions as kt
from kantor.problem_file import is_problem_file, load

from tests.client.conftest import ROOT

ROSENBROCK = "(1 - x[0])**2 + 100*(x[1] - x[0]**2)**2"


def test_a_problem_is_checked_before_it_is_sent() -> None:
    X = np.ones((4, 3))
    with pytest.raises(kantor.InvalidProblem, match=r"/minimize: unknown name 'ww', at character 11") as caught:
        kantor.Minimize("mean((X @ ww)**2)", variables={"w": [3]}, data={"X": X})
    assert caught.value.errors[0].hint == "did you mean 'w'?"
    with pytest.raises(kantor.InvalidProblem, match="the data 'X' is never used"):
        kantor.Minimize("norm2sq(w)", variables={"w": [3]}, data={"X": X})
    with pytest.raises(kantor.InvalidProblem, match=r"/constraints/0: constraints are not strict"):
        kantor.Minimize("norm2sq(w)", variables={"w": [3]}, constraints=["w < 1"])
    with pytest.raises(kantor.InvalidProblem, match="exactly one objective"):
        kantor.Minimize(variables={"w": [3]})
    with pytest.raises(kantor.InvalidProblem, match="did you mean 'lower'"):
        kantor.Minimize("w", variables={"w": {"lowr": 3}})


def test_a_problem_goes_through_a_file_and_back(tmp_path: Path) -> None:
    x = kt.name("x")
    problem = kantor.Minimize(
        (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
        variables={"x": {"shape": [2], "start": [-1.2, 1], "upper": float("inf")}},
        constraints=[x[0] <= 5],
        name="Rosenbrock",
    )
    path = tmp_path / "problem.json"
    path.write_text(problem.to_json())
    assert is_problem_file(path)
    assert load(path).spec() == problem.spec()
    assert problem.spec()["constraints"] == ["x[0] <= 5"]


def test_a_file_finds_arrays_beside_it_and_says_what_is_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.eye(3))
    np.savez(tmp_path / "more.npz", a=np.ones(3), b=np.zeros(3))
    path = tmp_path / "problem.yaml"
    head = "kind: minimize\nvariables: {w: [3]}\nminimize: norm2sq(X @ w - y)\n"
    path.write_text(head + "data: {X: X.npy, y: {file: more.npz, member: a}}\n")
    assert load(path).spec()["data"] == {"X": np.eye(3).tolist(), "y": [1.0, 1.0, 1.0]}
    path.write_text(head + "data: {X: Y.npy, y: {file: more.npz, member: a}}\n")
    with pytest.raises(kantor.InvalidProblem, match=r"no file 'Y.npy' beside"):
        load(path)
    path.write_text(head + "data: {X: X.npy, y: more.npz}\n")
    with pytest.raises(kantor.InvalidProblem, match="has the members a, b"):
        load(path)
    path.write_text("kind: nothing\n")
    with pytest.raises(kantor.InvalidProblem, match="no kind of minimize or bilevel"):
        load(path)


def test_a_mathoptformat_file_is_no_problem_file(tmp_path: Path) -> None:
    path = tmp_path / "model.mof.json"
    path.write_text(json.dumps({"version": {"major": 1}, "variables": []}))
    assert not is_problem_file(path)


def test_a_lasso_is_solved_and_proved(client: kantor.Client) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 12))
    y = X[:, 0] - X[:, 1] + 0.01 * random.normal(size=100)
    answer = client.solve(
        kantor.Minimize("mean((X @ w - y)**2) + 0.1*norm1(w)", variables={"w": [12]}, data={"X": X, "y": y})
    )
    assert answer.status == "globally-optimal"
    assert answer.engine == "proximal"
    assert answer.certificate.proved
    assert answer["w"][2:] == pytest.approx(np.zeros(10), abs=1e-3)
    assert answer.job.state == "succeeded"
    assert "globally optimal" in str(answer)


def test_large_data_travel_as_an_artifact(client: kantor.Client) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 50))
    labels = (X @ np.ones(50) > 0).astype(int)
    problem = kantor.Minimize(
        "mean(cross_entropy(X @ W, k)) + 0.01*norm2sq(W)", variables={"W": [50, 2]}, data={"X": X, "k": labels}
    )
    assert set(problem.large_arrays()) == {"data/X", "data/k"}
    answer = client.solve(problem)
    assert answer.status == "globally-optimal"
    assert answer["W"].shape == (50, 2)


def test_an_index_out_of_range_is_found_by_the_worker(client: kantor.Client) -> None:
    problem = kantor.Minimize("norm2sq(take(x, i) - 1)", variables={"x": [3]}, data={"i": np.array([0, 3])})
    with pytest.raises(kantor.KantorError, match=r"index 3 of 'i' is outside 0..2"):
        client.solve(problem)


def test_the_api_points_at_the_character_that_is_wrong(live_kantor: dict[str, str]) -> None:
    body = {"problem": {"kind": "minimize", "variables": {"x": {"shape": [2]}}, "minimize": "sum(x**2) + yy"}}
    headers = {"Authorization": f"Bearer {live_kantor['api_key']}"}
    reply = httpx.post(f"{live_kantor['url']}/v1/jobs", json=body, headers=headers, timeout=30)
    assert reply.status_code == 422
    (error,) = reply.json()["errors"]
    assert error["pointer"] == "/problem/minimize"
    assert "unknown name 'yy', at character 13" in error["detail"]


def test_inspection_says_what_was_inferred(client: kantor.Client) -> None:
    found = client.inspect(kantor.Minimize(ROSENBROCK, variables={"x": [2]}))
    assert found.summary == "polynomial of degree 4, 2 variables"
    assert found.details["sum_of_squares"] is True


def test_a_curve_is_fitted_from_a_file() -> None:
    assert repr(load(ROOT / "examples" / "fit" / "decay.yaml")) == "Minimize('sum((model - y)**2)', 3 variables)"


def test_variables_without_shapes_are_refused_with_what_would_be_right() -> None:
    with pytest.raises(kantor.InvalidProblem, match="given by name with their shape"):
        kantor.Minimize("x**2 + y", variables=["x", "y"])  # type: ignore[arg-type]
