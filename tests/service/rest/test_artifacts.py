"""Artifacts over HTTP and by the store itself, on a folder and on another file system."""

from __future__ import annotations

import hashlib
import io
import os
import resource
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.artifacts import Artifact
from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, JOB, decode
from service.artifacts import ArtifactStore
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM

BYTES = os.urandom(3_000_000)


@pytest.fixture
def uploaded(client: httpx.Client) -> Artifact:
    reply = client.post("/v1/artifacts", params={"filename": "model.mps.gz"}, content=BYTES)
    assert reply.status_code == 201, reply.text
    artifact = Artifact.model_validate_json(reply.content)
    assert reply.headers["Location"] == f"/v1/artifacts/{artifact.id}"
    return artifact


def test_what_is_uploaded_comes_back(client: httpx.Client, uploaded: Artifact) -> None:
    assert (uploaded.size, uploaded.sha256) == (len(BYTES), hashlib.sha256(BYTES).hexdigest())
    assert (uploaded.filename, uploaded.origin) == ("model.mps.gz", "upload")
    assert uploaded.expires_at is not None
    assert Artifact.model_validate_json(client.get(f"/v1/artifacts/{uploaded.id}").content) == uploaded
    reply = client.get(f"/v1/artifacts/{uploaded.id}/content")
    assert reply.content == BYTES
    assert reply.headers["ETag"] == f'"{uploaded.sha256}"'
    assert reply.headers["Content-Length"] == str(len(BYTES))


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=1048570-2097160", slice(1048570, 2097161)),
        ("bytes=5-99999999999", slice(5, None)),
    ],
)
def test_a_range_is_206_with_exactly_those_bytes(
    client: httpx.Client, uploaded: Artifact, header: str, part: slice
) -> None:
    reply = client.get(f"/v1/artifacts/{uploaded.id}/content", headers={"Range": header})
    assert reply.status_code == 206
    assert reply.content == BYTES[part]
    start, end, _ = part.indices(len(BYTES))
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(BYTES)}"


@pytest.mark.parametrize("header", ["bytes=3000000-", "bytes=99999999-100000000", "bytes=-0"])
def test_a_range_outside_is_416(client: httpx.Client, uploaded: Artifact, header: str) -> None:
    reply = client.get(f"/v1/artifacts/{uploaded.id}/content", headers={"Range": header})
    assert (reply.status_code, reply.json()["code"]) == (416, "range-not-satisfiable")
    assert reply.headers["Content-Range"] == "bytes */3000000"


@pytest.mark.parametrize("header", ["bytes=9-3", "lines=0-3", "bytes=0-1,5-6", "bytes=-", "x"])
def test_a_range_that_makes_no_sense_is_ignored(client: httpx.Client, uploaded: Artifact, header: str) -> None:
    assert client.get(f"/v1/artifacts/{uploaded.id}/content", headers={"Range": header}).status_code == 200


def test_conditional_downloads(client: httpx.Client, uploaded: Artifact) -> None:
    url, etag = f"/v1/artifacts/{uploaded.id}/content", f'"{uploaded.sha256}"'
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"older"'}).status_code == 200
    head = client.head(url)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(BYTES)))


def test_an_empty_artifact_is_one_too(client: httpx.Client) -> None:
    artifact = client.post("/v1/artifacts", content=b"").json()
    assert artifact["size"] == 0
    assert client.get(f"/v1/artifacts/{artifact['id']}/content").content == b""


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("../../etc/passwd", "attachment; filename=\"passwd\"; filename*=UTF-8''passwd"),
        ('a"b;c.lp', "attachment; filename=\"a_b_c.lp\"; filename*=UTF-8''a%22b%3Bc.lp"),
        ("größe.mps", "attachment; filename=\"gr__e.mps\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.mps"),
        ("", "attachment; filename=\"artifact\"; filename*=UTF-8''artifact"),
    ],
)
def test_downloads_are_harmless_to_browsers(client: httpx.Client, filename: str, disposition: str) -> None:
    made = client.post(
        "/v1/artifacts", params={"filename": filename}, content=b"<script>", headers={"Content-Type": "text/html"}
    ).json()
    reply = client.get(f"/v1/artifacts/{made['id']}/content")
    assert reply.headers["Content-Disposition"] == disposition
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in reply.headers["Content-Security-Policy"]


def test_control_characters_in_a_name_and_encodings_are_refused(client: httpx.Client) -> None:
    assert client.post("/v1/artifacts", params={"filename": "a\nb"}, content=b"x").status_code == 422
    assert client.post("/v1/artifacts", content=b"x", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_an_artifact_that_a_waiting_job_needs_stays(client: httpx.Client, uploaded: Artifact) -> None:
    request = {"problem": {"objective": {"artifact": uploaded.id, "member": "c"}}}
    job = client.post("/v1/jobs", json=request).json()
    url = f"/v1/artifacts/{uploaded.id}"
    refused = client.delete(url)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert job["id"] in refused.json()["detail"]
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert client.delete(url).status_code == 204
    assert client.get(f"{url}/content").status_code == 404
    assert client.delete(url).status_code == 404


def test_a_job_with_a_missing_artifact_is_refused_and_not_stored(client: httpx.Client, uploaded: Artifact) -> None:
    none = "art_00000000000000000000000000"
    problem = {"file": {"artifact": none, "filename": "a.mps"}}
    options = {"start": {"primal": {"artifact": uploaded.id}, "row_duals": {"artifact": none}}}
    for query in ("", "?validate_only=true"):
        reply = client.post(f"/v1/jobs{query}", json={"problem": problem, "options": options})
        assert (reply.status_code, reply.json()["code"]) == (422, "artifact-missing")
        pointers = [error["pointer"] for error in reply.json()["errors"]]
        assert pointers == ["/problem/file/artifact", "/options/start/row_duals/artifact"]
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_a_strangers_artifact_does_not_exist(client: httpx.Client, stranger: httpx.Client, uploaded: Artifact) -> None:
    for reply in (
        stranger.get(f"/v1/artifacts/{uploaded.id}"),
        stranger.get(f"/v1/artifacts/{uploaded.id}/content"),
        stranger.delete(f"/v1/artifacts/{uploaded.id}"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    reply = stranger.post("/v1/jobs", json={"problem": {"objective": {"artifact": uploaded.id}}})
    assert reply.json()["code"] == "artifact-missing"


def test_content_that_was_lost_is_an_error_and_no_short_reply(
    client: httpx.Client, uploaded: Artifact, settings: Settings
) -> None:
    for path in (settings.home / "artifacts").rglob(decode(ARTIFACT, uploaded.id).hex):
        path.unlink()
    assert client.get(f"/v1/artifacts/{uploaded.id}/content").status_code == 404


def test_a_large_upload_is_never_held_in_memory(client: httpx.Client) -> None:
    size, piece = 256 << 20, os.urandom(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = client.post("/v1/artifacts", content=(piece for _ in range(256))).json()
    assert made["size"] == size
    received = 0
    with client.stream("GET", f"/v1/artifacts/{made['id']}/content") as reply:
        for chunk in reply.iter_bytes():
            received += len(chunk)
    assert received == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    assert client.delete(f"/v1/artifacts/{made['id']}").status_code == 204


@pytest.fixture(params=["folder", "other file system"])
def store(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> ArtifactStore:
    url = tmp_path.as_uri() if request.param == "folder" else "memory://kantor/tests"
    return ArtifactStore(settings.model_copy(update={"artifacts_url": url}))


def test_the_store_puts_opens_fetches_and_deletes(
    store: ArtifactStore, conn: Database, project: UUID, tmp_path: Path
) -> None:
    made = store.put(conn, project, io.BytesIO(BYTES), filename="x.npz", origin="answer")
    assert made.expires_at is None
    identifier = decode(ARTIFACT, made.id)
    with store.open(conn, project, identifier) as file:
        file.seek(10)
        assert file.read(5) == BYTES[10:15]
    assert store.fetch(conn, project, identifier, tmp_path / "copy").read_bytes() == BYTES
    store.delete(conn, project, identifier)
    with pytest.raises(KantorError) as caught:
        store.open(conn, project, identifier)
    assert caught.value.code == "artifact-missing"


def test_an_upload_that_breaks_off_leaves_nothing(store: ArtifactStore, conn: Database, project: UUID) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise ConnectionError("gone")
            return super().read(10)

    with pytest.raises(ConnectionError):
        store.put(conn, project, Broken(b"x" * 20))
    assert conn.execute("SELECT count(*) FROM artifact WHERE project_id = %s", (project,)).fetchone() == (0,)
    assert list(store._storage.artifacts(project)) == []


def test_expired_artifacts_are_purged_unless_a_waiting_job_needs_them(
    store: ArtifactStore, conn: Database, project: UUID, client: httpx.Client
) -> None:
    old, needed, fresh = (store.put(conn, project, io.BytesIO(b"x")) for _ in range(3))
    job: dict[str, Any] = client.post("/v1/jobs", json={"problem": PROGRAM}).json()
    conn.execute(
        "INSERT INTO artifact_use (job_id, artifact_id) VALUES (%s, %s)",
        (decode(JOB, job["id"]), decode(ARTIFACT, needed.id)),
    )
    conn.execute(
        "UPDATE artifact SET expires_at = now() WHERE id = ANY(%s)", ([decode(ARTIFACT, a.id) for a in (old, needed)],)
    )
    assert store.purge(conn) == 1
    assert store.purge(conn) == 0
    with pytest.raises(KantorError):
        store.open(conn, project, decode(ARTIFACT, old.id))
    for kept in (needed, fresh):
        store.open(conn, project, decode(ARTIFACT, kept.id)).close()
    client.post(f"/v1/jobs/{job['id']}/cancel")
    assert store.purge(conn) == 1
