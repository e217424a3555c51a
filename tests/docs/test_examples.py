"""Every example of the documentation is run as it stands, against a running Kantor."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(page.read_text()) if kind == language]


def identity(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def environment(live_kantor: dict[str, str]) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KANTOR_URL": live_kantor["url"], "KANTOR_API_KEY": live_kantor["api_key"]}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=identity)
def test_python_examples_of_the_page_run(page: Path, environment: dict[str, str]) -> None:
    program = "\n".join(blocks(page, "python"))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=identity)
def test_commands_of_the_page_run(page: Path, environment: dict[str, str]) -> None:
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                run = subprocess.run(
                    shlex.split(line[2:]), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100
                )
                assert run.returncode == 0, f"{line}\n{run.stdout[-1000:]}{run.stderr[-2000:]}"
