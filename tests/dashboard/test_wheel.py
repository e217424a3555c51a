"""The server's wheel has the dashboard in it, and its sdist what the dashboard is built of."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(target: str, out: Path, **environment: str) -> Path:
    """By the build backend itself, with what is installed already."""
    program = f"from hatchling.build import build_{target} as b; print(b({str(out)!r}))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    return out / run.stdout.splitlines()[-1]


def test_the_wheel_has_the_built_pages(built: Path, tmp_path: Path) -> None:
    names = set(zipfile.ZipFile(build("wheel", tmp_path)).namelist())
    files = {f"service/_dashboard/{path.relative_to(built).as_posix()}" for path in built.rglob("*") if path.is_file()}
    assert files <= names
    assert any(name.endswith(".js") for name in files)
    assert not [name for name in names if "node_modules" in name or name.startswith("dashboard/")]


def test_the_sdist_has_the_sources_and_no_packages_of_others(built: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"hatch_build.py", "dashboard/build.py", "dashboard/package-lock.json", "dashboard/src/main.tsx"} <= names
    assert "service/_dashboard/index.html" in names
    assert not [name for name in names if "node_modules" in name]


def test_a_wheel_can_be_asked_to_go_without(tmp_path: Path) -> None:
    assert build("wheel", tmp_path, KANTOR_DASHBOARD="skip").is_file()


def test_the_lock_file_names_no_registry() -> None:
    lock = (ROOT / "dashboard" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry." not in lock
