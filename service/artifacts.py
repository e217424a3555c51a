"""Artifacts: bytes in a folder or in S3 (``service.storage``), and a row for each in the database.

The row is written last and deleted first: bytes without a row are invisible (``sweep`` deletes those that a crash has
left), a row without bytes does not happen. Where the storage does not work, functions raise
``service.storage.StorageError``.
Nothing is ever held in memory as a whole. All functions are synchronous; API and workers share them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Literal
from uuid import UUID

import psycopg

from api_schemas.artifacts import Artifact
from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import ARTIFACT, JOB, decode, encode, new_uuid
from service.settings import Settings
from service.storage import Storage, StorageError
from service.store.connect import Database
from service.tenants import quotas

CHUNK = 1 << 20
"""Bytes that are read and written at a time."""
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """An artifact as it stands in the table."""

    id: UUID
    project_id: UUID
    filename: str
    media_type: str
    size: int
    sha256: bytes
    origin: Literal["upload", "answer"]
    job_id: UUID | None
    created_at: datetime
    expires_at: datetime | None

    def public(self) -> Artifact:
        """As users see it."""
        return Artifact(
            id=encode(ARTIFACT, self.id),
            filename=self.filename,
            media_type=self.media_type,
            size=self.size,
            sha256=self.sha256.hex(),
            origin=self.origin,
            created_at=self.created_at,
            expires_at=self.expires_at,
        )


_COLUMNS = ", ".join(ArtifactRow.__slots__)
_INSERT = f"""
INSERT INTO artifact (id, project_id, filename, media_type, size, sha256, origin, job_id, expires_at)
SELECT %(id)s, %(project)s, %(filename)s, %(media_type)s, %(size)s, %(sha256)s, %(origin)s, %(job)s,
    now() + %(lifetime)s
WHERE %(attempt)s::integer IS NULL OR EXISTS (
    SELECT FROM job WHERE id = %(job)s AND attempt = %(attempt)s AND state = 'running' FOR KEY SHARE)
RETURNING {_COLUMNS}"""  # noqa: S608
_NEEDED = """
SELECT job_id FROM artifact_use JOIN job ON job.id = job_id
WHERE artifact_id = %s AND job.state IN ('queued', 'running') LIMIT 1"""
_EXPIRED = f"""
SELECT {_COLUMNS} FROM artifact WHERE expires_at <= now() AND NOT EXISTS (
    SELECT FROM artifact_use JOIN job ON job.id = artifact_use.job_id
    WHERE artifact_id = artifact.id AND job.state IN ('queued', 'running'))
ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED"""  # noqa: S608

_NAMELESS = "SELECT id FROM unnest(%s::uuid[]) AS id WHERE NOT EXISTS (SELECT FROM artifact WHERE artifact.id = id.id)"


class ArtifactStore:
    """Where artifacts lie: ``settings.artifacts_location``."""

    def __init__(self, settings: Settings) -> None:
        self._limit = settings.artifact_limit_bytes
        self._upload_days = settings.artifact_days
        self._storage = Storage(settings)

    def put(
        self,
        conn: Database,
        project_id: UUID,
        stream: IO[bytes],
        *,
        filename: str = "",
        media_type: str = "application/octet-stream",
        origin: Literal["upload", "answer"] = "upload",
        job_id: UUID | None = None,
        attempt: int | None = None,
    ) -> Artifact:
        """Store what a stream gives. Uploads expire; an answer's artifact goes with its job.

        Args:
            attempt: of the job; who does not hold it any more stores nothing.

        Raises:
            KantorError: ``too-large``, ``quota-exceeded``; ``conflict``: the job is another's.
        """
        with self.upload(project_id) as upload:
            while chunk := stream.read(CHUNK):
                upload.write(chunk)
            upload.close()
            return upload.record(
                conn, filename=filename, media_type=media_type, origin=origin, job_id=job_id, attempt=attempt
            )

    def upload(self, project_id: UUID) -> Upload:
        """A place to write a new artifact to, piece by piece; a context that keeps it only if recorded."""
        return Upload(self, project_id)

    def get(self, conn: Database, project_id: UUID, artifact_id: UUID) -> ArtifactRow:
        """The row.

        Raises:
            KantorError: ``not-found``.
        """
        row = conn.execute(
            f"SELECT {_COLUMNS} FROM artifact WHERE project_id = %s AND id = %s",  # noqa: S608
            (project_id, artifact_id),
        ).fetchone()
        if row is None:
            raise KantorError("not-found", f"There is no artifact {encode(ARTIFACT, artifact_id)} in this project.")
        return ArtifactRow(*row)

    def open(self, conn: Database, project_id: UUID, artifact_id: UUID) -> IO[bytes]:
        """The bytes, seekable.

        Raises:
            KantorError: ``artifact-missing``.
        """
        try:
            return self._open(self.get(conn, project_id, artifact_id))
        except StorageError:
            raise
        except (KantorError, FileNotFoundError):
            name = encode(ARTIFACT, artifact_id)
            raise KantorError("artifact-missing", f"There is no artifact {name} in this project.") from None

    def fetch(self, conn: Database, project_id: UUID, artifact_id: UUID, target: Path) -> Path:
        """A local copy at ``target``, only to be read: where artifacts lie in a folder it may be a hard link.

        Raises:
            KantorError: ``artifact-missing``.
        """
        with self.open(conn, project_id, artifact_id) as source:
            if self._storage.local:
                with suppress(OSError):
                    target.hardlink_to(self._storage.path(project_id, artifact_id))
                    return target
            with target.open("wb") as copy:
                while chunk := self._storage.read(source, CHUNK):
                    copy.write(chunk)
        return target

    def read(self, row: ArtifactRow, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to, not including, ``end``.

        Raises:
            KantorError: ``not-found``, at the first piece: the bytes are lost.
        """
        try:
            file = self._open(row)
        except FileNotFoundError:
            raise KantorError("not-found", f"The content of {encode(ARTIFACT, row.id)} is lost.") from None
        with file:
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := self._storage.read(file, min(CHUNK, left))):
                left -= len(chunk)
                yield chunk

    def delete(self, conn: Database, project_id: UUID, artifact_id: UUID) -> None:
        """Delete an artifact.

        Raises:
            KantorError: ``not-found``; ``conflict`` while a job that is not finished refers to it.
        """
        with conn.transaction():
            # Locked first, so that the next statement sees every job that was submitted with it.
            found = conn.execute(
                "SELECT FROM artifact WHERE project_id = %s AND id = %s FOR UPDATE", (project_id, artifact_id)
            ).fetchone()
            if found is None:
                raise KantorError("not-found", f"There is no artifact {encode(ARTIFACT, artifact_id)} in this project.")
            needed = conn.execute(_NEEDED, (artifact_id,)).fetchone()
            if needed is not None:
                raise KantorError("conflict", f"Job {encode(JOB, needed[0])} still needs this artifact.")
            conn.execute("DELETE FROM artifact WHERE id = %s", (artifact_id,))
        self._forget(project_id, artifact_id)

    def purge(self, conn: Database, limit: int = 100) -> int:
        """Delete at most ``limit`` artifacts past their time; how many. Several processes may do it at once."""
        with conn.transaction():
            rows = [ArtifactRow(*row) for row in conn.execute(_EXPIRED, (limit,)).fetchall()]
            conn.execute("DELETE FROM artifact WHERE id = ANY(%s)", ([row.id for row in rows],))
        for row in rows:
            self._forget(row.project_id, row.id)
        return len(rows)

    def sweep(self, conn: Database, older_than: timedelta, beat: Callable[[], None] = lambda: None) -> int:
        """Delete bytes that no row names, of uploads that broke off so long ago; how many. Ids tell their age.

        Folders of projects that this database does not know are left alone: they may be another's.

        Args:
            beat: called as it goes, every thousand artifacts: in a large storage it takes hours.
        """
        before = UUID(int=max(0, round((time.time() - older_than.total_seconds()) * 1000)) << 80)
        swept = 0
        for project_id in self._storage.projects():
            beat()
            if conn.execute("SELECT FROM project WHERE id = %s", (project_id,)).fetchone() is None:
                continue
            stored = self._storage.artifacts(project_id)
            while some := list(islice(stored, _BATCH)):
                beat()
                old = [artifact_id for artifact_id in some if artifact_id < before]
                rows = conn.execute(_NAMELESS, (old,)).fetchall()
                for (artifact_id,) in rows:
                    self._storage.remove(project_id, artifact_id)
                swept += len(rows)
        return swept

    def _forget(self, project_id: UUID, artifact_id: UUID) -> None:
        """Without its row it is gone; bytes that cannot be deleted now are swept later."""
        with suppress(StorageError):
            self._storage.remove(project_id, artifact_id)

    def _open(self, row: ArtifactRow) -> IO[bytes]:
        return self._storage.open(row.project_id, row.id)


class Upload:
    """An artifact that is being written. In order: ``write`` as often as needed, ``close``, ``record``."""

    def __init__(self, store: ArtifactStore, project_id: UUID) -> None:
        self._store = store
        self._project_id = project_id
        self._id = new_uuid()
        self._hash = hashlib.sha256()
        self._size = 0
        self._recorded = False
        self._file = store._storage.create(project_id, self._id)

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._recorded:
            self.abandon()

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            KantorError: ``too-large``.
        """
        self._size += len(data)
        if self._size > self._store._limit:
            raise KantorError("too-large", f"An artifact has at most {self._store._limit} bytes.")
        self._hash.update(data)
        self._file.write(data)

    def close(self) -> None:
        """Make the bytes durable."""
        self._file.close()

    def abandon(self) -> None:
        """Forget what was written, instead of ``record``."""
        self._file.abandon()

    def record(
        self,
        conn: Database,
        *,
        filename: str,
        media_type: str,
        origin: Literal["upload", "answer"],
        job_id: UUID | None = None,
        attempt: int | None = None,
    ) -> Artifact:
        """Write the row: from now on the artifact exists. Arguments as of ``ArtifactStore.put``.

        Raises:
            KantorError: ``conflict``: this attempt does not hold the job; ``quota-exceeded``: the project has no room.
        """
        lifetime = timedelta(days=self._store._upload_days) if origin == "upload" else None
        values = {
            "id": self._id,
            "project": self._project_id,
            "filename": filename,
            "media_type": media_type,
            "size": self._size,
            "sha256": self._hash.digest(),
            "origin": origin,
            "job": job_id,
            "attempt": attempt,
            "lifetime": lifetime,
        }
        self._recorded = True
        try:
            with conn.transaction():
                quotas.reserve_room(conn, self._project_id, self._size)
                row = conn.execute(_INSERT, values).fetchone()
        except psycopg.OperationalError:
            # It may be committed, and only the reply was lost: the bytes stay. Without a row, the sweep finds them.
            raise
        except BaseException:
            self._recorded = False
            raise
        if row is None:
            self._recorded = False
            raise KantorError("conflict", "Another worker has this job.")
        return ArtifactRow(*row).public()


def keep_only(conn: Database, job_id: UUID, artifact_ids: Sequence[UUID]) -> None:
    """Of the artifacts that attempts at a job have made for its answer, let go all but these."""
    conn.execute(
        "UPDATE artifact SET expires_at = now() WHERE origin = 'answer' AND job_id = %s AND id <> ALL(%s)",
        (job_id, list(artifact_ids)),
    )


def use(conn: Database, project_id: UUID, job_id: UUID, references: Sequence[tuple[str, str]]) -> None:
    """Note that a job refers to artifacts, within the transaction that stores the job: until it is finished they stay.

    Args:
        references: (JSON pointer, artifact id).

    Raises:
        KantorError: ``artifact-missing``, with every pointer whose artifact the project does not have.
    """
    ids = {name: decode(ARTIFACT, name) for _, name in references}
    rows = conn.execute(
        "INSERT INTO artifact_use (job_id, artifact_id)"
        " SELECT %s, id FROM artifact WHERE project_id = %s AND id = ANY(%s) RETURNING artifact_id",
        (job_id, project_id, list(set(ids.values()))),
    ).fetchall()
    require(references, {encode(ARTIFACT, row[0]) for row in rows})


def digests(conn: Database, project_id: UUID, artifact_ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """SHA-256 of the content of each artifact that there is."""
    query = "SELECT id, sha256 FROM artifact WHERE project_id = %s AND id = ANY(%s)"
    return {row[0]: bytes(row[1]) for row in conn.execute(query, (project_id, list(artifact_ids))).fetchall()}


def require(references: Sequence[tuple[str, str]], existing: set[str]) -> None:
    """Raises ``KantorError`` "artifact-missing" with the pointers of those that don't exist."""
    errors = [
        FieldError(
            pointer=pointer, detail=f"there is no artifact {name} in this project", hint="POST /v1/artifacts first"
        )
        for pointer, name in references
        if name not in existing
    ]
    if errors:
        raise KantorError("artifact-missing", f"{errors[0].pointer}: {errors[0].detail}", errors=errors)
