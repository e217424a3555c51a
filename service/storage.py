"""Where the bytes of artifacts lie: a folder, or S3 (any fsspec file system).

Only ``FileNotFoundError`` says that bytes are gone. Everything else that a file system may answer (a full disk, a
bucket or a mount that is not there, credentials that do not fit) is ``StorageError``: the same call works once an
operator has seen to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import fsspec
import structlog

from api_schemas.errors import KantorError
from service.settings import Settings

log = structlog.get_logger("kantor.artifacts")

_BLOCK = 8 << 20
"""Bytes of a part of an upload to S3, and of one read ahead: what a transfer holds in memory."""
_PAGE = 1000
"""Entries of a bucket that are listed at a time."""
_S3 = {"default_block_size": _BLOCK, "default_fill_cache": False, "use_listings_cache": False}


class StorageError(KantorError):
    """The storage of artifacts does not work now: code ``unavailable``. Users hear no more; the log has the reason."""

    def __init__(self) -> None:
        super().__init__(
            "unavailable", "Artifacts cannot be stored or read now; try again shortly.", headers={"Retry-After": "5"}
        )


class Storage:
    """Bytes by project and artifact. Safe for threads."""

    def __init__(self, settings: Settings) -> None:
        location = settings.artifacts_location
        self._place = location
        self._files, self._root = fsspec.core.url_to_fs(location, **(_S3 if location.startswith("s3:") else {}))

    @property
    def local(self) -> bool:
        """True for a folder of this machine (or a mount)."""
        return isinstance(self._files, fsspec.implementations.local.LocalFileSystem)

    def path(self, project_id: UUID, artifact_id: UUID) -> str:
        """Where an artifact lies within the file system."""
        return f"{self._root}/{project_id.hex}/{artifact_id.hex}"

    def open(self, project_id: UUID, artifact_id: UUID) -> IO[bytes]:
        """To read; seekable.

        Raises:
            FileNotFoundError: the bytes are gone.
            StorageError: the storage does not work now.
        """
        path = self.path(project_id, artifact_id)
        with self._works():
            try:
                file: IO[bytes] = self._files.open(path, "rb")
                return file
            except FileNotFoundError:
                self.require()
                raise

    def read(self, file: IO[bytes], size: int) -> bytes:
        """The next bytes of an open file.

        Raises:
            StorageError: the storage does not work now.
        """
        with self._works():
            return file.read(size)

    def create(self, project_id: UUID, artifact_id: UUID) -> File:
        """A new file, to be written.

        Raises:
            StorageError: the storage does not work now.
        """
        return File(self, project_id, artifact_id)

    def remove(self, project_id: UUID, artifact_id: UUID) -> None:
        """Delete the bytes, if there are any.

        Raises:
            StorageError: the storage does not work now.
        """
        with suppress(FileNotFoundError), self._works():
            self._files.rm_file(self.path(project_id, artifact_id))

    def projects(self) -> Iterator[UUID]:
        """Those that have bytes here."""
        yield from self._names(self._root)

    def artifacts(self, project_id: UUID) -> Iterator[UUID]:
        """Those of a project that have bytes here, complete or not."""
        yield from self._names(f"{self._root}/{project_id.hex}")

    def require(self) -> None:
        """Look whether the folder or the bucket is there at all.

        Raises:
            StorageError: it is not.
        """
        with self._works():
            if self.local:
                if not Path(self._root).is_dir():
                    raise OSError(f"there is no folder {self._root}")
            elif not self._files.exists(str(self._root).partition("/")[0]):
                raise OSError(f"there is no bucket {str(self._root).partition('/')[0]}, or it may not be read")

    def _names(self, folder: str) -> Iterator[UUID]:
        entries = self._entries(folder)
        while True:
            with self._works():
                try:
                    entry = next(entries, None)
                except FileNotFoundError:
                    return
            if entry is None:
                return
            with suppress(ValueError):
                yield UUID(hex=entry.rstrip("/").rpartition("/")[2])

    def _entries(self, folder: str) -> Iterator[str]:
        """What is in a folder, a page at a time where the file system can: there may be millions."""
        if self.local:
            with os.scandir(folder) as entries:
                yield from (entry.name for entry in entries)
        elif hasattr(self._files, "call_s3"):
            bucket, _, path = folder.partition("/")
            wanted: dict[str, Any] = {
                "Bucket": bucket,
                "Prefix": f"{path}/" if path else "",
                "Delimiter": "/",
                "MaxKeys": _PAGE,
            }
            while True:
                page = self._files.call_s3("list_objects_v2", **wanted)
                yield from (str(found["Prefix"]) for found in page.get("CommonPrefixes", ()))
                yield from (str(found["Key"]) for found in page.get("Contents", ()))
                if not page.get("IsTruncated"):
                    return
                wanted["ContinuationToken"] = page["NextContinuationToken"]
        else:
            yield from map(str, self._files.ls(folder, detail=False))

    @contextmanager
    def _works(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, KantorError):
            raise
        except Exception as error:  # S3's own errors share no root with others
            log.error(
                "storage_fails", place=self._place, error=f"{type(error).__name__}: {error}"[:500], hint=_hint(error)
            )
            raise StorageError from error


class File:
    """A file that is being written. In order: ``write`` as often as needed, ``close``; or ``abandon``.

    Raises (every method but ``abandon``):
        StorageError: the storage does not work now.
    """

    def __init__(self, storage: Storage, project_id: UUID, artifact_id: UUID) -> None:
        self._storage = storage
        self._ids = project_id, artifact_id
        path = storage.path(project_id, artifact_id)
        with storage._works():
            try:
                if storage.local:
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                self._file: Any = storage._files.open(path, "wb")
            except FileNotFoundError as error:
                raise OSError(str(error)) from error

    def write(self, data: bytes) -> None:
        """Append."""
        with self._works():
            self._file.write(data)

    def close(self) -> None:
        """Make the bytes durable."""
        with self._works():
            self._file.flush()
            if self._storage.local:
                os.fsync(self._file.fileno())
            self._file.close()

    def abandon(self) -> None:
        """Leave nothing behind, as far as that is possible now; the sweep finds the rest."""
        with suppress(Exception):
            if self._storage.local:
                self._file.close()
            else:
                self._file.discard()  # the parts that S3 has of it
                self._file.closed = True  # or the garbage collector would finish the upload
        with suppress(StorageError):
            self._storage.remove(*self._ids)

    @contextmanager
    def _works(self) -> Iterator[None]:
        with self._storage._works():
            try:
                yield
            except FileNotFoundError as error:  # a bucket that is gone is not a file that is gone
                raise OSError(str(error)) from error


def _hint(error: Exception) -> str:
    """What an operator would look at."""
    words = f"{type(error).__name__} {error}"
    if "No space" in words or "quota" in words.lower():
        return "the disk is full: make room, or lower KANTOR_RETENTION_DAYS and KANTOR_ARTIFACT_DAYS"
    if isinstance(error, PermissionError) or "redential" in words or "AccessDenied" in words or "Signature" in words:
        return "the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the pod's role) do not fit this bucket"
    if "bucket" in words:
        return "KANTOR_ARTIFACTS_URL names a bucket that does not exist: make it"
    if "onnect" in words or "imeout" in words:
        return "the storage cannot be reached: AWS_ENDPOINT_URL_S3, network, TLS"
    return ""
