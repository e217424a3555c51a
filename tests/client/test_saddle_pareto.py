"""Saddle and Pareto problems: made, refused, read from files, solved by a whole Kantor, shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import kantor
import numpy as np
import pytest
from kantor.problem_file import load

SIMPLEX = {"shape": [3], "lower": 0, "start": 1 / 3}
CONVEX = {"near": "norm2sq(x)", "far": {"maximize": "-norm2sq(x - a)"}}


def game(payoff: np.ndarray) -> kantor.Saddle:
    return kantor.Saddle(
        "p @ A @ q",
        data={"A": payoff},
        minimize_over={"p": SIMPLEX},
        maximize_over={"q": SIMPLEX},
        constraints=["sum(p) == 1", "sum(q) == 1"],
        name="game",
    )


def front() -> kantor.Pareto:
    return kantor.Pareto(CONVEX, variables={"x": [2]}, data={"a": [3.0, 4.0]}, name="front")


def test_what_is_wrong_is_said_before_anything_is_sent() -> None:
    players = {"minimize_over": {"x": [2]}, "maximize_over": {"y": [2]}}
    with pytest.raises(kantor.InvalidProblem, match=r"/objective: unknown name 'z'"):
        kantor.Saddle("x @ z", **players)
    with pytest.raises(kantor.InvalidProblem, match="uses none of the variables of maximize_over"):
        kantor.Saddle("x @ x", **players)
    with pytest.raises(kantor.InvalidProblem, match=r"/constraints/0: this constraint uses variables of both players"):
        kantor.Saddle("x @ y", **players, constraints=["x[0] <= y[0]"])
    with pytest.raises(kantor.InvalidProblem, match=r"/maximize_over/y/integer"):
        kantor.Saddle("x*y", minimize_over={"x": []}, maximize_over={"y": {"integer": True}})
    with pytest.raises(kantor.InvalidProblem, match="did you mean 'lower'"):
        kantor.Saddle("x*y", minimize_over={"x": {"lowr": 1}}, maximize_over={"y": []})
    with pytest.raises(kantor.InvalidProblem, match="objectives"):
        kantor.Pareto({"one": "x"}, variables={"x": []})
    with pytest.raises(kantor.InvalidProblem, match=r"/objectives/two/minimize: this objective uses no variable"):
        kantor.Pareto({"one": "x", "two": "3"}, variables={"x": []})
    with pytest.raises(kantor.InvalidProblem, match="did you mean 'maximize'"):
        kantor.Pareto({"one": "x", "two": {"maximise": "x"}}, variables={"x": []})


@pytest.mark.parametrize("problem", [game(np.eye(3)), front()], ids=["saddle", "pareto"])
def test_a_problem_goes_through_a_file_and_back(problem: kantor.Saddle | kantor.Pareto, tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    path.write_text(problem.to_json())
    assert load(path).spec() == problem.spec()
    assert repr(load(path)) == repr(problem)


def test_a_game_is_solved_through_the_whole_of_kantor_and_by_the_command(
    live_kantor: dict[str, str], tmp_path: Path
) -> None:
    client = kantor.Client(live_kantor["url"], api_key=live_kantor["api_key"])
    problem = game(np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]))
    answer = client.solve(problem, time_limit=30)
    assert answer.status == "globally-optimal"
    assert answer.lower <= 0.0 <= answer.upper
    assert answer.gap < 1e-6
    assert answer["p"] == pytest.approx(np.full(3, 1 / 3))
    assert answer["q"] == pytest.approx(np.full(3, 1 / 3))
    assert answer.certificate.proved
    assert "duality gap proves it" in str(answer)
    assert "<table>" in answer._repr_html_()
    assert json.loads(answer.to_json())["minimizer"]["p"] == answer["p"].tolist()
    report = client.inspect(problem)
    assert report.kind == "saddle"
    assert "bilinear" in report.summary
    path = tmp_path / "game.json"
    path.write_text(problem.to_json())
    command = [sys.executable, "-m", "kantor", "solve", str(path)]
    environment = {"KANTOR_URL": live_kantor["url"], "KANTOR_API_KEY": live_kantor["api_key"], "PATH": ""}
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert run.returncode == 0, run.stderr
    assert "saddle point" in run.stdout


def test_a_front_is_solved_through_the_whole_of_kantor_and_drawn(live_kantor: dict[str, str], tmp_path: Path) -> None:
    client = kantor.Client(live_kantor["url"], api_key=live_kantor["api_key"])
    answer = client.solve(front(), points=9, reference={"near": 30.0, "far": -30.0}, time_limit=60)
    assert answer.status == "globally-optimal"
    assert answer.senses == ["min", "max"]
    assert answer.values.shape == (9, 2)
    # on the line from the origin to a: near = 25 s^2, far = -25 (1 - s)^2
    share = np.sqrt(answer.values[:, 0] / 25)
    assert answer.values[:, 1] == pytest.approx(-25 * (1 - share) ** 2, abs=1e-4)
    assert answer["x"] == pytest.approx(share[:, None] * [3.0, 4.0], abs=1e-4)
    assert answer.reference == {"near": 30.0, "far": -30.0}
    assert answer.hypervolume <= answer.hypervolume_bound <= 1.1 * answer.hypervolume
    table = answer.front
    assert len(table) == 9
    assert table[0]["near"] == pytest.approx(answer.values[0, 0])
    assert "near" in str(table)
    assert answer.plot().save(tmp_path / "front.svg").read_text().startswith("<svg")
    with pytest.raises(kantor.KantorError, match="no objective 'cost'"):
        answer.plot("cost")
    assert "Pareto-optimal" in str(answer)
    assert np.array(answer.to_dict()["values"]).shape == (9, 2)
    leaning = client.solve(front(), preferences=[{"near": 1, "far": 1}, {"near": 4, "far": 1}], time_limit=60)
    assert leaning["x"] == pytest.approx(np.array([[1.5, 2.0], [0.6, 0.8]]), abs=1e-4)
    with pytest.raises(kantor.KantorError, match="no objective 'wide'"):
        client.solve(front(), reference={"near": 1.0, "wide": 2.0})
