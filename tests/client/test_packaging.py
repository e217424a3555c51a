"""The light distribution: what is in it, and what is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build(folder: Path, target: str, out: Path) -> Path:
    """By the build backend itself, with what is installed already."""
    program = f"from hatchling.build import build_{target} as b; print(b({str(out)!r}))"
    run = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    return out / run.stdout.splitlines()[-1]


def packages(wheel: Path) -> set[str]:
    return {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT / "client", "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_client_and_the_contract_only(wheel: Path) -> None:
    assert packages(wheel) == {"kantor", "api_schemas", "kantor-0.1.0.dist-info"}
    names = zipfile.ZipFile(wheel).namelist()
    contract = {f"api_schemas/{path.name}" for path in (ROOT / "api_schemas").glob("*.py")}
    assert contract <= set(names)
    assert "kantor/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or "test" in name]


def test_a_wheel_made_from_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT / "client", "sdist", tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    folder = next((tmp_path / "unpacked").iterdir())
    again = build(folder, "wheel", tmp_path)
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_an_editable_install_reads_the_contract_where_it_lies(tmp_path: Path) -> None:
    editable = build(ROOT / "client", "editable", tmp_path)
    archive = zipfile.ZipFile(editable)
    assert "api_schemas" not in packages(editable)
    (path_file,) = [name for name in archive.namelist() if name.endswith(".pth")]
    folders = {Path(line).resolve() for line in archive.read(path_file).decode().splitlines()}
    assert folders == {ROOT, ROOT / "client"}


def test_the_installed_client_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=100)
    assert {path.name for path in target.iterdir()} - {"bin"} == packages(wheel)
    # an interpreter that knows the dependencies, but neither the repository nor its editable installs
    dependencies = Path(sys.modules["pydantic"].__file__ or "").parents[1]
    isolated = tmp_path / "dependencies"
    isolated.mkdir()
    for path in dependencies.iterdir():
        if path.suffix != ".pth" and not path.name.startswith(("kantor", "_kantor", "__editable__")):
            (isolated / path.name).symlink_to(path)
    program = (
        f"import sys; sys.path[:0] = [{str(target)!r}, {str(isolated)!r}];"
        "import importlib.util, kantor, api_schemas; from kantor.cli import main;"
        "assert not any(importlib.util.find_spec(name) for name in ('service', 'solvers', 'workers'));"
        "print(kantor.__file__, api_schemas.__file__); kantor.Client(); sys.argv = ['kantor', 'up']; main()"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert run.stdout.split() == [str(target / "kantor/__init__.py"), str(target / "api_schemas/__init__.py")]
    assert "Traceback" not in run.stderr
    assert "pip install 'kantor-server[local]'" in run.stderr
    assert run.returncode == 1
    assert shutil.which("kantor", path=str(target / "bin"))
