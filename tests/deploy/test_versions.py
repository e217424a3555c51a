"""Old beside new: a worker, then an API, of the time before the newest migration, with tables and roles of today."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import kantor
import pytest

from api_schemas.ids import WORKER, decode
from service.store import migrate
from service.store.connect import connect
from tests.chaos.cluster import ROOT, Cluster
from tests.chaos.load import OPTIMUM, instance

pytestmark = pytest.mark.slow
ENGINES = {"KANTOR_WORKER_ENGINES": "program:highs,study:auto,study:tpe"}


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("needs the repository's history")
    return done.stdout


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the time when the newest migration but one came."""
    older = sorted((ROOT / "migrations" / "versions").glob("*.py"))[-2]
    added = _git("log", "--diff-filter=A", "--format=%H", "--", str(older.relative_to(ROOT))).decode().split()
    if not added:
        pytest.skip("needs the repository's history")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", added[-1]))) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(params=["worker-1", "api-1"])
def mixed(request: pytest.FixtureRequest, before: Path, tmp_path: Path) -> Iterator[Cluster]:
    """Today's service with one role from before."""
    roles: dict[str, list[str]] = {"api-1": [], "dispatcher-1": [], "worker-1": ["--concurrency", "1"]}
    with Cluster(tmp_path, roles, settings=ENGINES, roots={request.param: before}) as cluster:
        yield cluster


def test_jobs_and_studies_go_through_old_and_new(mixed: Cluster) -> None:
    with connect(mixed.settings) as conn:
        revision = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revision == (migrate.head(),)
    with kantor.Client(mixed.urls["api-1"], mixed.key) as client:
        job = client.submit(instance("afiro"))
        answer = job.result(60)
        assert answer.objective == pytest.approx(OPTIMUM["afiro"])
        assert answer.certificate.verified
        assert [event.seq for event in job.events()] == list(range(1, job.refresh().info.last_seq + 1))
        artifact = client.artifacts.upload(b"bytes")
        assert client.artifacts.read(artifact.id) == b"bytes"
        study = client.studies.create("s", space={"x": kantor.Float(0, 1)}, objectives={"y": "min"})
        best = study.optimize(lambda trial: (trial["x"] - 0.3) ** 2, trials=4)
        assert best.values_told["y"] < 0.5
        (worker,) = client.workers()
        assert decode(WORKER, worker.id)
