"""The benchmarks still run: the tiniest of each, on a whole Kantor."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.report import WIDTH, Report, Table
from benchmarks.harness.statistics import paired_ratio, shifted_geometric_mean

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What `python -m benchmarks --tiny` printed and wrote, on the repository's own instances."""
    folder = tmp_path_factory.mktemp("results")
    environment = {**os.environ, "KANTOR_TEST_DATA": str(folder / "nothing")}
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--output", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    (file,) = folder.glob("*.json")
    return done.stdout, json.loads(file.read_text())


def test_every_benchmark_runs_and_leaves_a_table_and_data(run: tuple[str, dict[str, Any]]) -> None:
    printed, document = run
    parts = (
        "overhead_latency",
        "overhead_load",
        "floor",
        "throughput",
        "engines",
        "tables_by_size",
        "parsers",
        "certificates",
    )
    for part in parts:
        assert document[part], part
    for table in document["tables"]:
        assert table["rows"], table["title"]
        assert table["title"] in printed
    assert document["machine"]["cores"] >= 1
    assert document["machine"]["versions"]["highspy"]


def test_no_line_is_wider_than_a_terminal(run: tuple[str, dict[str, Any]]) -> None:
    wide = [line for line in run[0].splitlines() if line.startswith("|") and len(line) > WIDTH]
    assert not wide


def test_both_sides_of_each_comparison_come_from_the_same_run_and_agree(run: tuple[str, dict[str, Any]]) -> None:
    rows = run[1]["engines"]
    assert {row["engine"] for row in rows} >= {"highs", "scip", "pdlp", "clarabel"}
    for row in rows:
        assert not row["error"], row
        assert len(row["direct"]) == len(row["ours"]) >= 1
        assert row["agrees"], row
        assert row["verified"], row


def test_cpu_of_each_process_group_is_told_apart(run: tuple[str, dict[str, Any]]) -> None:
    (solve,) = [row for row in run[1]["overhead_load"] if row["side"] == "Kantor, Python client"]
    for role in ("api", "worker", "runner", "postgres"):
        assert solve["cpu_ms"][role] >= 0, role
    assert sum(solve["cpu_ms"].values()) > 0  # a tiny run may be too short for the clock's tick in a single role


def test_the_shifted_geometric_mean_is_the_one_of_the_solver_benchmarks() -> None:
    assert math.isclose(shifted_geometric_mean([1.0, 7.0], 1.0), 3.0)
    ratio = paired_ratio([2.0, 2.0], [1.0, 1.0], 0.0)
    assert [ratio.value, ratio.low, ratio.high] == pytest.approx([2.0, 2.0, 2.0])


def test_a_table_is_markdown_with_numbers_to_the_right(tmp_path: Path) -> None:
    table = Table("times", ("what", "ms"), [("a", 1.25), ("long name", 1234.5), ("none", None)])
    lines = table.text().splitlines()
    assert lines[0] == "**times**"
    assert lines[3].endswith(":|")
    assert len({len(line) for line in lines[2:]}) == 1
    report = Report("tiny", "test", [table])
    assert json.loads(report.write(tmp_path).read_text())["tables"][0]["rows"][1] == ["long name", 1234.5]
