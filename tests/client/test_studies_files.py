"""Trials to files and back, by the client and the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import kantor
import pytest
from kantor.studies_files import read

from tests.client.conftest import Command

SPACE = {
    "x": kantor.Float(0, 1),
    "layers": kantor.Int(1, 8),
    "kind": kantor.Categorical(["a", True, 3]),
    "beta": kantor.Float(0, 1, when={"kind": "a"}),
}
DESCRIPTION = """
name: from yaml
space:
  x: {type: float, low: 0, high: 1}
  kind: {type: categorical, choices: [tree, net]}
  depth: {type: int, low: 1, high: 9, when: {kind: tree}}
objectives: {loss: min, speed: max}
"""


@pytest.fixture
def study(client: kantor.Client, request: pytest.FixtureRequest) -> kantor.Study:
    made = client.studies.create(request.node.name, SPACE, {"f": "min"}, constraints={"c": "<= 1"})
    made.add({"x": 0.25, "layers": 2, "kind": "a", "beta": 0.5}, {"f": 1.5, "c": 0.5})
    made.add({"x": 0.5, "layers": 3, "kind": True}, {"f": 2.5, "c": 3})
    made.tell(made.add({"x": 0.75, "layers": 4, "kind": 3}), state="failed", reason="no memory")
    made.add({"x": 0.9, "layers": 4, "kind": 3})
    return made


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_what_is_exported_comes_in_again_once(
    client: kantor.Client, study: kantor.Study, tmp_path: Path, ending: str
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = study.export(tmp_path / f"trials.{ending}")
    other = client.studies.create(f"again {ending}", SPACE, {"f": "min"}, constraints={"c": "<= 1"})

    assert other.add_trials(read(other, path)) == 3
    assert other.add_trials(read(other, path)) == 0
    for trial, original in zip(other.trials(), study.trials(), strict=False):
        assert trial.params == original.params
        assert (trial.state, trial.values_told, trial.feasible) == (
            original.state,
            original.values_told,
            original.feasible,
        )
    assert other.best().params == study.best().params == other.best_params


def test_tables_of_ones_own_and_of_optuna_are_understood(study: kantor.Study, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text("x,layers,kind,beta,f,c\n0.1,5,a,0.2,7,0\n0.2,6,True,,8,0\n")
    assert study.add_trials(read(study, own)) == 2
    theirs = tmp_path / "optuna.csv"
    theirs.write_text(
        "number,value,datetime_start,params_x,params_layers,params_kind,values_c,state\n"
        "0,3.5,2026-01-01,0.3,5,3,0,COMPLETE\n1,,2026-01-01,0.4,5,3,0,FAIL\n2,,2026-01-01,0.6,5,3,0,RUNNING\n"
    )
    assert study.add_trials(read(study, theirs)) == 2
    counts = study.refresh().info.trials
    assert (counts.completed, counts.failed) == (5, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,layers,kind,f,c\nabc,1,3,1,1\n", "row 1: 'abc' is no value of 'x'"),
        ("x,layers,kind,f,c\n0.1,1,pie,1,1\n", "row 1: 'pie' is no value of 'kind'"),
        ("x,layers,kind,f,c\n0.1,1.5,3,1,1\n", "row 1: '1.5' is no value of 'layers'"),
        ("x,layers,kind,f\n0.1,1,3,1\n", "row 1 has no value of 'c'"),
        ("u,v\n1,2\n", "none of the columns x, layers, kind, beta"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(study: kantor.Study, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(kantor.KantorError, match=words):
        read(study, file)
    with pytest.raises(kantor.KantorError, match=r"\.csv, \.json, \.parquet"):
        study.export(tmp_path / "trials.xls")


def test_the_command_creates_from_yaml_exports_and_imports(command: Command, tmp_path: Path) -> None:
    file, table = tmp_path / "study.yaml", tmp_path / "trials.csv"
    file.write_text(DESCRIPTION)
    made = json.loads(command("studies", "create", file, "--json").stdout)
    assert made["objectives"] == {"loss": "min", "speed": "max"}
    table.write_text("x,kind,depth,loss,speed\n0.1,net,,3,1\n0.2,tree,4,2,0.5\n0.3,net,,4,0.2\n")

    assert json.loads(command("studies", "import", "from yaml", table, "--json").stdout)["imported"] == 3
    assert [trial["number"] for trial in json.loads(command("studies", "pareto", "from yaml", "--json").stdout)] == [
        1,
        2,
    ]
    out = tmp_path / "out.csv"
    assert command("studies", "export", "from yaml", out).returncode == 0
    assert [row["values_loss"] for row in csv.DictReader(out.open())] == ["3.0", "2.0", "4.0"]
    file.write_text("name: [unclosed")
    assert "neither JSON nor YAML" in command("studies", "create", file).stderr
    assert "say where from" in command("studies", "import", "from yaml").stderr


def test_a_study_of_optuna_comes_in_with_its_space(client: kantor.Client, command: Command, tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = f"sqlite:///{tmp_path}/trials.db"

    def objective(trial: object) -> float:
        kind = trial.suggest_categorical("kind", ["tree", "net"])  # type: ignore[attr-defined]
        extra = trial.suggest_int("depth", 1, 9) if kind == "tree" else 0  # type: ignore[attr-defined]
        return float(trial.suggest_float("x", 1e-3, 1, log=True) + extra)  # type: ignore[attr-defined]

    old = optuna.create_study(storage=storage, study_name="old", direction="maximize")
    old.optimize(objective, 12)
    made = json.loads(command("studies", "import", "taken over", "--optuna", storage, "--json").stdout)
    again = json.loads(command("studies", "import", "taken over", "--optuna", storage, "--json").stdout)

    study = client.studies.get("taken over")
    assert (made["imported"], again["imported"]) == (12, 0)
    assert study.best().values_told == {"value": old.best_value}
    assert study.objectives == {"value": "max"}
    assert study.info.space["depth"].when == {"kind": ["tree"]}  # type: ignore[union-attr]
    bad = command("studies", "import", "x", "--optuna", storage, "--optuna-study", "none")
    assert "the storage has: old" in bad.stderr
