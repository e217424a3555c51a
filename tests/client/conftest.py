"""A client and the command, against a whole Kantor."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import kantor
import pytest

from service import keys, projects
from service.store.connect import connect
from tests.client.problems import hard_mps
from tests.service.grpc.living import LiveGrpc, beside

ROOT = Path(__file__).resolve().parents[2]
INSTANCES = ROOT / "examples/instances"

Command = Callable[..., subprocess.CompletedProcess[str]]


BOTH_FACES = ("test_studies", "test_schedules", "test_comparisons")
"""Modules whose tests run by REST and by gRPC: the answers must be the same."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in BOTH_FACES:
        metafunc.parametrize("client", ["http", "grpc"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def client(live_kantor: dict[str, str], request: pytest.FixtureRequest) -> Iterator[kantor.Client]:
    if getattr(request, "param", "http") == "http":
        with kantor.Client(live_kantor["url"], live_kantor["api_key"]) as client:
            yield client
        return
    settings = beside(Path(live_kantor["home"]))
    with connect(settings) as conn:  # names of studies are taken once in a project
        key = keys.create(conn, projects.ensure(conn, "by gRPC"), name="tests", settings=settings)
    with LiveGrpc(settings) as live, pytest.MonkeyPatch.context() as environment:
        environment.setenv("KANTOR_GRPC_TARGET", live.target)
        with kantor.Client(live_kantor["url"], key.secret, transport="grpc") as client:
            yield client


@pytest.fixture(scope="session")
def hard_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that keeps any engine busy for minutes, with points from the first second on."""
    path = tmp_path_factory.mktemp("hard") / "hard.mps"
    path.write_text(hard_mps())
    return path


@pytest.fixture(scope="session")
def environment(live_kantor: dict[str, str]) -> dict[str, str]:
    """Of a user of the live server who has set the two variables."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KANTOR_") and name != "COLUMNS"}
    return {
        **plain,
        "KANTOR_URL": live_kantor["url"],
        "KANTOR_API_KEY": live_kantor["api_key"],
        "KANTOR_HOME": "/nowhere",
    }


@pytest.fixture(scope="session")
def command(environment: dict[str, str]) -> Command:
    """Runs ``kantor`` as a user would, in a pipe."""

    def run(*arguments: str | Path, stdin: bytes | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "kantor", *map(str, arguments)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            cwd=ROOT,
            env={**environment, **variables},
            timeout=90,
        )
        result = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.stderr
        return result

    return run
