"""A model file on its way to the server."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from kantor.arrays import wrong

FileFormat = Literal["auto", "mps", "qps", "lp", "mof", "nl", "opb"]

INLINE_FILE = 1 << 20
"""Files up to this many bytes travel inside the request; larger ones are uploaded as an artifact."""


@dataclass(frozen=True)
class Source:
    """Exactly one of ``path``, ``content`` and ``artifact`` is set."""

    filename: str = ""
    format: FileFormat = "auto"
    path: Path | None = None
    content: bytes | None = None
    artifact: str | None = None

    @classmethod
    def of(cls, file: str | os.PathLike[str] | bytes | IO[bytes], format: FileFormat, filename: str) -> Source:
        """Raises:
        FileNotFoundError: there is no such file; the words name one with a compressed ending beside it.
        InvalidProblem: it is empty.
        """
        if isinstance(file, (str, os.PathLike)):
            path = Path(file).expanduser()
            if not path.exists():
                beside = [
                    ending
                    for ending in (".gz", ".zst", ".bz2", ".mps", ".mps.gz", ".lp")
                    if Path(f"{path}{ending}").exists()
                ]
                hint = f"; there is {path}{beside[0]}" if beside else ""
                raise FileNotFoundError(f"there is no file {path}{hint}")
            if path.is_dir():
                raise IsADirectoryError(f"{path} is a folder, not a model file")
            source = cls(filename=filename or path.name, format=format, path=path)
        else:
            content = file if isinstance(file, bytes) else file.read()
            if isinstance(content, str):
                content = content.encode()
            source = cls(filename=filename or Path(str(getattr(file, "name", ""))).name, format=format, content=content)
        if source.size == 0:
            raise wrong("/file", f"{source.filename or 'the file'} is empty")
        return source

    @property
    def size(self) -> int | None:
        """Bytes; None if it lies on the server."""
        if self.path is not None:
            return self.path.stat().st_size
        return None if self.content is None else len(self.content)

    @property
    def body(self) -> bytes | Path | None:
        """What to upload, or None if it is small enough for the request or on the server already."""
        if self.artifact is not None or (self.size or 0) <= INLINE_FILE:
            return None
        return self.path if self.path is not None else self.content

    def document(self, artifact: str | None = None) -> dict[str, Any]:
        """The contract's form; with the artifact, if it was uploaded."""
        document: dict[str, Any] = {"format": self.format, "filename": self.filename}
        if self.artifact or artifact:
            return {**document, "artifact": self.artifact or artifact}
        content = self.content if self.path is None else self.path.read_bytes()
        assert content is not None
        try:
            return {**document, "content": content.decode("utf-8")}
        except UnicodeDecodeError:
            return {**document, "base64": base64.b64encode(content).decode()}

    def describe(self) -> str:
        size = "" if self.size is None else f", {self.size / 1024:.0f} kB"
        return f"{self.filename or self.artifact or 'bytes'}{size}"
