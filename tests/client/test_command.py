"""The command, run as its user runs it, by what it prints."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import kantor
import pytest

from tests.client.conftest import INSTANCES, Command

AFIRO = INSTANCES / "afiro.mps.gz"
OPTIMUM = -464.7531428571


def test_solve_prints_progress_on_stderr_and_the_answer_with_its_certificate_on_stdout(command: Command) -> None:
    run = command("solve", AFIRO)
    assert run.returncode == 0
    assert re.search(r"^status +optimal", run.stdout, re.MULTILINE)
    assert re.search(r"^objective +-464\.7531429", run.stdout, re.MULTILINE)
    assert re.search(r"^certificate +proved: Kantor checked every claim itself", run.stdout, re.MULTILINE)
    assert "✓ primal-feasibility" in run.stdout
    assert re.search(r"^X01 +80", run.stdout, re.MULTILINE)
    assert "13 of 32 variables are not zero; the first 10:" in run.stdout
    assert "waits for a worker" in run.stderr
    assert "objective -464.7531429" in run.stderr
    assert "\x1b" not in run.stdout + run.stderr


def test_solve_says_which_limit_no_worker_grants(command: Command) -> None:
    run = command("solve", AFIRO, "--option", "memory_limit=1000000000")
    assert run.returncode == 0
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("Warning: ")]
    assert line.startswith(
        "Warning: /options/memory_limit: no worker of the pool 'cpu' gives a job 1000000000 MB; it gets"
    )


def test_solve_with_json_prints_one_document_and_nothing_else(command: Command) -> None:
    run = command("solve", AFIRO, "--json", "--label", "team=a", "--name", "mine", "--priority", "3")
    document = json.loads(run.stdout)
    assert run.stderr == ""
    assert (document["state"], document["name"], document["labels"]) == ("succeeded", "mine", {"team": "a"})
    assert document["answer"]["objective"] == pytest.approx(OPTIMUM)
    assert len(document["answer"]["primal"]) == 32
    assert document["answer"]["certificate"]["proved"] is True


def test_a_model_may_be_piped_in(command: Command) -> None:
    run = command("solve", "-", "-q", "--format", "lp", stdin=b"max\n obj: 3 x + 2 y\nst\n c: x + y <= 4\nend\n")
    assert run.returncode == 0, run.stderr
    assert re.search(r"^objective +12", run.stdout, re.MULTILINE)


def test_options_reach_the_engine(command: Command, client: kantor.Client, tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text('{"seed": 5, "presolve": false}')
    run = command(
        *("solve", AFIRO, "--json", "-e", "highs", "--time-limit", "30", "--gap", "0.01", "--threads", "1"),
        *("-o", "crossover=false", "-o", "primal-tolerance=1e-8", "--options", tmp_path / "options.json"),
    )
    job = json.loads(run.stdout)
    assert job["engine"] == "highs"
    assert client.job(job["id"]).problem()["options"] == {
        "seed": 5,
        "presolve": False,
        "time_limit": 30.0,
        "relative_gap": 0.01,
        "threads": 1,
        "primal_tolerance": 1e-8,
        "engine_options": {"crossover": False},
    }


@pytest.mark.parametrize("ending", ["json", "csv", "sol"])
def test_the_answer_goes_into_a_file(command: Command, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"answer.{ending}"
    run = command("solve", AFIRO, "-q", "--output", path)
    assert run.returncode == 0
    assert run.stderr == f"Written to {path}.\n"
    text = path.read_text()
    if ending == "json":
        assert json.loads(text)["status"] == "optimal"
    elif ending == "csv":
        rows = {row["name"]: row for row in csv.DictReader(text.splitlines())}
        assert float(rows["X01"]["value"]) == pytest.approx(80.0)
    else:
        values = dict(line.split() for line in text.splitlines())
        assert float(values["=obj="]) == pytest.approx(OPTIMUM)
        assert float(values["X01"]) == pytest.approx(80.0)


def test_an_infeasible_model_is_an_answer_and_names_the_conflict(command: Command) -> None:
    run = command("solve", INSTANCES / "box1.mps.gz", "-o", "iis=true")
    assert run.returncode == 0
    assert "infeasible: no point satisfies all constraints" in run.stdout
    assert re.search(r"conflict +\d+ rows and \d+ bounds \(irreducible\)", run.stdout)


def test_no_wait_prints_the_id_and_the_job_can_be_followed_later(command: Command) -> None:
    submitted = command("solve", AFIRO, "--no-wait")
    job_id = submitted.stdout.strip()
    assert re.fullmatch(r"job_[0-9a-z]{26}", job_id)
    watched = command("jobs", "watch", job_id)
    assert watched.returncode == 0
    assert "optimal" in watched.stdout
    assert "HiGHS" in command("jobs", "log", job_id).stdout
    shown = json.loads(command("jobs", "show", job_id, "--json").stdout)
    assert shown["answer"]["objective"] == pytest.approx(OPTIMUM)
    events = [json.loads(line) for line in command("jobs", "events", job_id).stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert command("jobs", "cancel", job_id).stdout.strip() == f"{job_id} succeeded"
    assert "1 deleted." in command("jobs", "delete", job_id).stderr
    gone = command("jobs", "show", job_id)
    assert gone.returncode == 2
    assert "not-found" in gone.stderr


def test_jobs_are_listed_by_filter(command: Command, client: kantor.Client) -> None:
    for _ in range(2):
        client.solve(AFIRO, labels={"run": "list"}, name="listed")
    run = command("jobs", "list", "--label", "run=list", "--since", "1h")
    lines = run.stdout.splitlines()
    assert lines[0].split() == [
        *("id", "name", "kind", "state", "engine", "status", "objective", "gap"),
        *("certificate", "seconds", "created"),
    ]
    assert len(lines) == 3
    assert all("listed" in line and "optimal" in line and "proved" in line for line in lines[1:])
    found = json.loads(command("jobs", "list", "--label", "run=list", "-n", "1", "--json").stdout)
    assert len(found) == 1
    assert "listed" in command("jobs", "list", "--name-begins", "list", "--kind", "program").stdout
    assert "No such jobs" in command("jobs", "list", "--name-begins", "list", "--kind", "transport").stderr


def test_running_and_waiting_jobs_say_how_they_stand(command: Command, client: kantor.Client, hard_file: Path) -> None:
    running = client.submit(hard_file, engine="highs", time_limit=120)
    try:
        for event in running.events():
            if event.type == "progress" and event.data.get("objective") is not None:
                break
        shown = command("jobs", "show", running.id).stdout
        assert re.search(r"progress +[\d.]+ s .*highs +objective \d.* bound .* gap", shown)
        assert re.search(r"runs for +\d+\.\d s", shown)
        line = next(line for line in command("jobs", "list").stdout.splitlines() if running.id in line)
        assert re.search(r"program +running +highs +- +[\d.]+ ", line)
    finally:
        running.cancel().wait(60)


def test_inspect_reports_sizes_numerics_and_kinds(command: Command) -> None:
    run = command("inspect", INSTANCES / "p0548.mps.gz")
    assert run.returncode == 0
    assert "548 variables" in run.stdout.splitlines()[0]
    assert re.search(r"^ +knapsack +\d+ ", run.stdout, re.MULTILINE)
    assert re.search(r"^ +matrix +1 +9,999", run.stdout, re.MULTILINE)
    assert (
        json.loads(command("inspect", INSTANCES / "p0548.mps.gz", "--json").stdout)["details"]["sizes"]["rows"] == 176
    )


def test_engines_are_listed_and_shown_with_options_and_defaults(command: Command) -> None:
    run = command("engines")
    assert re.search(r"^highs +program", run.stdout, re.MULTILINE)
    assert re.search(r"relative_gap +float +0\.0001", run.stdout)
    one = command("engines", "highs")
    assert re.search(r"crossover +boolean +true", one.stdout)
    assert {engine["id"] for engine in json.loads(command("engines", "--json").stdout)} >= {"highs", "scip"}
    unknown = command("engines", "hihgs")
    assert unknown.returncode == 2
    assert "did you mean 'highs'?" in unknown.stderr


def test_status_and_version_speak_of_the_server(command: Command) -> None:
    run = command("status")
    assert "project local" in run.stdout
    assert re.search(r"wrk_\w{26} .* of \d+ .*program \d+, .*transport \d+", run.stdout)
    assert json.loads(command("status", "--json").stdout)["workers"][0]["id"].startswith("wrk_")
    assert json.loads(command("version", "--json").stdout) == {"kantor": "0.1.0", "server": "0.1.0"}
    assert command("--version").stdout == "kantor 0.1.0\n"


def test_keys_are_made_listed_and_revoked(command: Command) -> None:
    made = json.loads(command("keys", "create", "ci", "--scope", "read", "--expires-in", "1h", "--json").stdout)
    assert "ci" in command("keys", "list").stdout
    reader = {"KANTOR_API_KEY": made["secret"]}
    refused = command("solve", AFIRO, **reader)
    assert refused.returncode == 5
    assert "forbidden" in refused.stderr
    assert command("keys", "revoke", made["id"]).returncode == 0
    assert command("jobs", "list", **reader).returncode == 5


def test_doctor_examines_client_and_server(command: Command) -> None:
    run = command("doctor")
    assert run.returncode == 0, run.stdout
    assert re.search(r"ok +server: http://127\.0\.0\.1:\d+ \(from KANTOR_URL\), version 0\.1\.0", run.stdout)
    assert re.search(r"ok +workers: 1, with engines: .*program \d", run.stdout)
    assert "PostgreSQL" in run.stdout
    report = json.loads(command("doctor", "--json").stdout)
    assert report["ok"] is True


def test_completion_scripts_are_printed_and_work(command: Command) -> None:
    assert "_KANTOR_COMPLETE" in command("completion", "bash").stdout
    run = command(_KANTOR_COMPLETE="complete_bash", COMP_WORDS="kantor so", COMP_CWORD="1")
    assert run.stdout.split() == ["solve"]


def test_help_lists_the_commands_and_exit_codes(command: Command) -> None:
    text = command("--help").stdout
    for name in ("solve", "inspect", "jobs", "engines", "up", "doctor", "keys", "status", "completion"):
        assert re.search(rf"\b{name}\b", text)
    assert "Exit codes" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["solve", "no-such.mps"], 2, "there is no file no-such.mps"),
        (["solve", str(AFIRO.with_suffix(""))], 2, "afiro.mps.gz"),
        (["solve", str(AFIRO), "-o", "timelimit=3"], 2, "did you mean 'time_limit'?"),
        (["solve", str(AFIRO), "-e", "highs", "-o", "crosover=true"], 2, "did you mean 'crossover'?"),
        (["solve", str(AFIRO), "-o", "threads"], 2, "does not have the form NAME=VALUE"),
        (["solve", str(AFIRO), "--gap", "-1"], 2, "relative_gap: should be greater than or equal to 0"),
        (["solve", str(AFIRO), "-e", "cplex"], 2, "cplex"),
        (["solve", str(AFIRO), "--output", "answer.xls"], 2, ".json, .csv, .sol"),
        (["solve", str(AFIRO), "--label", "x"], 2, "KEY=VALUE"),
        (["solve", "-"], 2, "empty"),
        (["jobs", "show", "42"], 2, "an id is job_ and 26 letters"),
        (["jobs", "show", "job_01m80y659ee2xr8vd2bd25jvha"], 2, "not-found"),
        (["jobs", "list", "--since", "yesterday"], 2, "write 90s, 15min, 2h or 7d"),
        (["jobs", "list", "--state", "done"], 2, "state"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_bad_input_is_told_in_a_line_and_ends_with_2(
    command: Command, arguments: list[str], code: int, words: str
) -> None:
    run = command(*arguments)
    assert run.returncode == code, run.stderr
    assert words in " ".join(run.stderr.replace("│", " ").split())
    assert run.stdout == ""


def test_errors_are_json_too_where_json_is_asked_for(command: Command) -> None:
    run = command("solve", AFIRO, "-e", "cplex", "--json")
    assert json.loads(run.stdout)["error"]["code"] == "unknown-engine"
    missing = command("solve", "no-such.mps", "--json")
    assert json.loads(missing.stdout)["error"]["code"] == "no-such-file"


def test_a_malformed_file_names_the_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.mps").write_text(
        "NAME bad\nROWS\n N cost\n L cap\nCOLUMNS\n    x  cost  1.0  cup  2.0\nRHS\nENDATA\n"
    )
    run = command("solve", tmp_path / "bad.mps", "-q")
    assert run.returncode == 2
    assert "line 6" in run.stderr
    assert "malformed-file" in run.stderr


def test_without_a_server_the_code_is_4_and_the_words_help(command: Command) -> None:
    run = command("solve", AFIRO, KANTOR_URL="http://127.0.0.1:1")
    assert run.returncode == 4
    assert "start one with `kantor up`" in run.stderr


def test_no_answer_in_time_is_3(command: Command, hard_file: Path) -> None:
    waited = command("solve", hard_file, "-q", "--wait", "0.3", "--gap", "0", "--time-limit", "60")
    assert waited.returncode == 3
    assert "it goes on" in waited.stderr
    job_id = re.search(r"job_\w{26}", waited.stderr)
    assert job_id
    command("jobs", "cancel", job_id[0])


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    import subprocess
    import sys

    run = subprocess.run(
        f"{sys.executable} -m kantor engines | head -1",
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    assert run.stdout.startswith("engine")
