"""The lines of docs/operate/backup.md, as they stand there, on a database with jobs in every state."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from api_schemas.ids import ARTIFACT, decode
from service import jobs, keys, projects
from service.artifacts import ArtifactStore
from service.dispatch import reaper
from service.embedded import binaries
from service.settings import Settings
from service.store.connect import connect
from tests.servers import Servers
from tests.service.work import Desk

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operate" / "backup.md").read_text()


def _block(title: str) -> str:
    found = re.search(rf'^```bash title="{title}"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _run(title: str, settings: Settings, folder: Path, artifacts: Path) -> None:
    tools = binaries.postgres("pg_dump").parent
    environment = {
        "PATH": f"{tools}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "BACKUP": str(folder),
        "ARTIFACTS": str(artifacts),
        "KANTOR_DATABASE_URL": settings.database_url,
        "HOME": str(folder),
    }
    done = subprocess.run(
        ["bash", "-eu", "-c", _block(title)], env=environment, cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_a_restored_service_knows_every_job_key_and_byte(servers: Servers, tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("the page's lines are bash's")
    artifacts, backup = tmp_path / "artifacts", tmp_path / "backup"
    backup.mkdir()
    settings = servers.settings(servers.fresh_database(), artifacts_url=artifacts.as_uri())
    with connect(settings) as conn:
        project = projects.ensure(conn, "kept")
        secret = keys.create(conn, project, name="k", scopes=["read"], settings=settings).secret
        desk = Desk(conn, project, settings)
        finished = desk.running()
        desk.finish(finished)
        running, queued = desk.running(lease=0.2), desk.submit()
        store = ArtifactStore(settings)
        artifact = store.put(conn, project, io.BytesIO(b"bytes" * 1000), filename="a.bin")
        before = _rows(conn, project)
    _run("backup", settings, backup, artifacts)

    shutil.rmtree(artifacts)
    name = f"restored_{time.monotonic_ns()}"
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    restored = servers.settings(servers.postgres.url(name), artifacts_url=artifacts.as_uri())
    _run("restore", restored, backup, artifacts)

    with connect(restored) as conn:
        assert keys.authenticate(conn, secret, restored).project_id == project
        assert _rows(conn, project) == before
        assert jobs.answer(conn, project, finished.job_id) is not None
        with ArtifactStore(restored).open(conn, project, decode(ARTIFACT, artifact.id)) as file:
            assert file.read() == b"bytes" * 1000
        time.sleep(0.3)
        assert [job.job_id for job in reaper.reap(conn) or []] == [running.job_id]
        desk = Desk(conn, project, restored)
        assert desk.finish(running) is None, "who held it before the restore is refused"
        claimed = {
            claim.job_id: claim.attempt for claim in iter(lambda: desk.claim(pools=[running.pool]), None) if claim
        }
        assert claimed == {running.job_id: 2, queued.job_id: 1}


def _rows(conn: psycopg.Connection[tuple[object, ...]], project: UUID) -> list[tuple[object, ...]]:
    return conn.execute(
        "SELECT id, state, attempt, last_seq, (SELECT count(*) FROM job_event WHERE job_id = id) FROM job"
        " WHERE project_id = %s ORDER BY id",
        (project,),
    ).fetchall()
