"""Artifacts in S3, against a real server that speaks its protocol (moto's, as a process of its own).

Needs the extra ``deploy`` (``make chart``).
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.request import urlopen
from uuid import UUID

import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, decode, new_uuid
from service.artifacts import ArtifactStore
from service.dispatch import retention
from service.settings import Settings
from service.storage import StorageError
from service.store.connect import Database
from tests.servers import Servers

pytest.importorskip("s3fs", reason="needs the extra deploy")
pytest.importorskip("moto", reason="needs the extra deploy")

PART = 8 << 20
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """URL of the server, with a bucket "kantor"; the environment says where it is."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    patch = pytest.MonkeyPatch()
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": url}.items():
        patch.setenv(name, value)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urlopen(f"{url}/moto-api/", timeout=2):
                    break
            except OSError:
                assert time.monotonic() < end, "moto does not start"
                time.sleep(0.1)
        import boto3

        boto3.client("s3").create_bucket(Bucket="kantor")
        yield url
    finally:
        patch.undo()
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def settings(servers: Servers, s3: str) -> Settings:
    return servers.settings(servers.fresh_database(), artifacts_url="s3://kantor/some/prefix")


@pytest.fixture
def store(settings: Settings) -> ArtifactStore:
    return ArtifactStore(settings)


def _keys() -> set[str]:
    import boto3

    found = boto3.client("s3").list_objects_v2(Bucket="kantor")
    return {item["Key"] for item in found.get("Contents", [])}


def _parts_left() -> int:
    import boto3

    return len(boto3.client("s3").list_multipart_uploads(Bucket="kantor").get("Uploads", []))


@pytest.mark.parametrize("size", [0, 1000, PART, 2 * PART + 12345])
def test_what_goes_in_comes_out_whole_or_in_parts(
    store: ArtifactStore, conn: Database, project: UUID, size: int
) -> None:
    content = os.urandom(size)
    artifact = store.put(conn, project, io.BytesIO(content), filename="a.bin")
    row = store.get(conn, project, decode(ARTIFACT, artifact.id))

    assert f"some/prefix/{project.hex}/{row.id.hex}" in _keys()
    assert b"".join(store.read(row, 0, size)) == content
    middle = size // 2
    assert b"".join(store.read(row, middle, size)) == content[middle:]
    with store.open(conn, project, row.id) as file:
        file.seek(max(0, size - 10))
        assert file.read() == content[-10:]
    assert _parts_left() == 0

    store.delete(conn, project, row.id)
    assert f"some/prefix/{project.hex}/{row.id.hex}" not in _keys()


def test_an_upload_that_is_abandoned_leaves_neither_object_nor_parts(store: ArtifactStore, project: UUID) -> None:
    before = _keys()
    with store.upload(project) as upload:
        for _ in range(3):
            upload.write(os.urandom(PART))
        assert _parts_left() == 1
    assert _keys() == before
    assert _parts_left() == 0


def test_bytes_without_a_row_are_swept_when_they_are_old(store: ArtifactStore, conn: Database, project: UUID) -> None:
    kept = store.put(conn, project, io.BytesIO(b"kept"))
    with store.upload(project) as upload:
        upload.write(b"lost: the process died between the bytes and the row")
        upload.close()
        lost, upload._recorded = upload._id, True
    foreign = new_uuid()
    with store.upload(foreign) as upload:
        upload.write(b"of another database in the same bucket")
        upload.close()
        upload._recorded = True

    assert retention.sweep_bytes(conn, store, timedelta(hours=1)) == 0
    assert retention.sweep_bytes(conn, store, timedelta(0)) == 1
    assert f"some/prefix/{project.hex}/{lost.hex}" not in _keys()
    assert any(foreign.hex in key for key in _keys())
    with store.open(conn, project, decode(ARTIFACT, kept.id)) as file:
        assert file.read() == b"kept"


def test_bytes_that_are_gone_are_missing_but_a_bucket_that_is_gone_is_trouble(
    settings: Settings, store: ArtifactStore, conn: Database, project: UUID
) -> None:
    artifact = store.put(conn, project, io.BytesIO(b"x"))
    artifact_id = decode(ARTIFACT, artifact.id)
    elsewhere = ArtifactStore(settings.model_copy(update={"artifacts_url": "s3://no-such-bucket/p"}))
    for call in (
        lambda: elsewhere.open(conn, project, artifact_id),
        lambda: elsewhere.put(conn, project, io.BytesIO(b"x")),
        lambda: elsewhere.put(conn, project, io.BytesIO(bytes(2 * PART + 1))),
    ):
        with pytest.raises(StorageError, match="try again") as caught:
            call()
        assert caught.value.code == "unavailable"

    store._storage.remove(project, artifact_id)
    with pytest.raises(KantorError) as missing:
        store.open(conn, project, artifact_id)
    assert missing.value.code == "artifact-missing"


def test_a_storage_that_does_not_answer_is_trouble_too(
    settings: Settings,
    conn: Database,
    project: UUID,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        store = ArtifactStore(settings)
        with pytest.raises(StorageError):
            store.put(conn, project, io.BytesIO(b"x"))
        assert "cannot be reached" in capsys.readouterr().out
    finally:
        s3fs.S3FileSystem.clear_instance_cache()


def test_wrong_credentials_are_named_in_the_log_and_not_to_users(
    settings: Settings,
    conn: Database,
    project: UUID,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(StorageError) as caught:
            ArtifactStore(settings).put(conn, project, io.BytesIO(b"x"))
        assert "AWS" not in caught.value.detail
        assert "AWS_ACCESS_KEY_ID" in capsys.readouterr().out
    finally:
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_bucket_is_listed_in_pages(store: ArtifactStore, project: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sorted(new_uuid() for _ in range(5))
    for artifact_id in ids:
        file = store._storage.create(project, artifact_id)
        file.write(b"x")
        file.close()
    monkeypatch.setattr("service.storage._PAGE", 2)

    assert [found for found in store._storage.artifacts(project) if found in ids] == ids
    assert project in set(store._storage.projects())
