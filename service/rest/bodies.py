"""Reading request bodies: bounded in size however they are sent, and decompressed within the same bound."""

from __future__ import annotations

import asyncio
import gzip
import io
import tempfile
import zlib
from collections.abc import AsyncIterator
from typing import IO, Any, TypeVar

import structlog
import zstandard
from starlette.requests import Request

from api_schemas.errors import FieldError, KantorError
from service.rest import state as states

_ENCODINGS = "gzip, zstd"
_INLINE = 1 << 16
SMALL = 1 << 18
"""What is held in memory and parsed at once; of larger bodies one at a time, as parsing takes up to 20 times their size
in memory."""

T = TypeVar("T")
log = structlog.get_logger("kantor.api")


async def timely(parts: AsyncIterator[T], seconds: float, idle_seconds: float) -> AsyncIterator[T]:
    """What comes, while it comes in time: so that no sender holds a place for ever.

    Args:
        seconds: for all of it.
        idle_seconds: from one part to the next.

    Raises:
        KantorError: ``request-timeout``.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        next_by = loop.time() + idle_seconds
        try:
            async with asyncio.timeout_at(min(end, next_by)):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise late(seconds if end <= next_by else idle_seconds, whole=end <= next_by) from None
        yield part


def late(seconds: float, *, whole: bool = True) -> KantorError:
    """The error for a body that was not there within so many seconds, or of which no more came for so many."""
    words = f"did not come within {seconds:g} s" if whole else f"stopped coming for {seconds:g} s"
    # What is still under way would be taken for the next request of this connection.
    return KantorError("request-timeout", f"The body {words}.", headers={"Connection": "close"})


def stream(request: Request) -> AsyncIterator[bytes]:
    """The body of a request as it comes.

    Raises:
        KantorError: ``request-timeout``.
    """
    settings = states.of(request).settings
    return timely(request.stream(), settings.body_seconds, settings.body_idle_seconds)


async def read_json(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body, decompressed.

    Args:
        limit: most bytes, before and after decompression.

    Raises:
        KantorError: ``unsupported-media-type``, ``too-large``, ``request-timeout``, or ``malformed-json`` if it cannot
            be decompressed.
    """
    encoding = _encoding(request)
    body = await _read(request, limit)
    if encoding == "identity":
        return body
    if len(body) < _INLINE:
        return _decompress(body, encoding, limit)
    return await asyncio.to_thread(_decompress, body, encoding, limit)


class Body:
    """A body as it came, in memory while it is small, else in a temporary file: however many wait for their turn and
    however slowly they come, they take no memory. ``close`` it; it is its own context manager.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._size = 0
        self._chunks = bytearray()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    async def receive(self, request: Request) -> None:
        """Take in all of it.

        Raises:
            KantorError: ``too-large``, ``request-timeout``; ``unavailable``: there is no room for it now.
        """
        declared_size(request, self._limit)
        async for chunk in stream(request):
            self._size += len(chunk)
            if self._size > self._limit:
                raise too_large(self._limit)
            self._chunks += chunk
            if len(self._chunks) > SMALL:
                await asyncio.to_thread(self._put_down)

    def small(self) -> bytes | None:
        """The text, decompressed; None: it has more than ``SMALL`` bytes.

        Raises:
            KantorError: ``malformed-json`` if it cannot be decompressed.
        """
        if self._file is not None:
            return None
        if self._encoding == "identity":
            return bytes(self._chunks)
        try:
            return _decompress(bytes(self._chunks), self._encoding, min(SMALL, self._limit))
        except KantorError as error:
            if error.code != "too-large" or self._limit <= SMALL:
                raise
            return None

    def text(self) -> bytes:
        """The text, decompressed. Call it in a thread.

        Raises:
            KantorError: ``too-large``, or ``malformed-json`` if it cannot be decompressed.
        """
        body = bytes(self._chunks)
        if self._file is not None:
            self._file.seek(0)
            body = self._file.read() + body
        return body if self._encoding == "identity" else _decompress(body, self._encoding, self._limit)

    def _put_down(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.write(self._chunks)
        except OSError as error:
            log.error("body_not_kept", error=str(error), hint="large bodies wait in the folder for temporary files")
            raise KantorError("unavailable", "The server has no room for a request of this size now.") from error
        self._chunks = bytearray()


async def receive(request: Request, limit: int) -> Body:
    """A JSON body, not decompressed yet. It must be closed.

    Args:
        limit: most bytes, before and after decompression.

    Raises:
        KantorError: ``unsupported-media-type``, ``too-large``, ``request-timeout``, ``unavailable``.
    """
    body = Body(_encoding(request), limit)
    try:
        await body.receive(request)
    except BaseException:
        body.__exit__()
        raise
    return body


def _encoding(request: Request) -> str:
    """How a JSON body is compressed.

    Raises:
        KantorError: ``unsupported-media-type``.
    """
    _require_json(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", "zstd"}:
        raise KantorError(
            "unsupported-media-type",
            f"Bodies may be compressed with {_ENCODINGS.replace(', ', ' or ')}, not with {encoding[:40]!r}.",
            headers={"Accept-Encoding": _ENCODINGS},
        )
    return encoding


def declared_size(request: Request, limit: int) -> int | None:
    """The body's announced length, if it is announced.

    Raises:
        KantorError: ``too-large``, before a byte is read.
    """
    text = request.headers.get("content-length", "")
    if not text.isdigit():
        return None
    size = int(text[:20])
    if size > limit:
        raise too_large(limit)
    return size


def too_large(limit: int) -> KantorError:
    """The error for more than ``limit`` bytes."""
    size = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit} bytes"
    return KantorError(
        "too-large", f"At most {size} can be sent here; put large inputs into artifacts (POST /v1/artifacts)."
    )


async def _read(request: Request, limit: int) -> bytes:
    declared_size(request, limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in stream(request):
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _decompress(body: bytes, encoding: str, limit: int) -> bytes:
    stream: Any
    if encoding == "zstd":
        stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body, read_across_frames=True)
    else:
        stream = gzip.GzipFile(fileobj=io.BytesIO(body))
    try:
        text: bytes = stream.read(limit + 1)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError):
        raise KantorError(
            "malformed-json", f"The body is not whole {encoding} data, as Content-Encoding says."
        ) from None
    if len(text) > limit:
        raise too_large(limit)
    return text


def _require_json(header: str | None) -> None:
    """A missing header is taken as JSON."""
    if header is None:
        return
    kind, _, parameters = header.lower().partition(";")
    kind = kind.strip()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise KantorError(
            "unsupported-media-type",
            f"The body must be JSON, but Content-Type says {kind[:80]!r}.",
            errors=[FieldError(pointer="Content-Type", detail="must be application/json", hint="application/json")],
            headers={"Accept": "application/json"},
        )
    _, _, charset = parameters.partition("charset=")
    if charset.strip(' "') not in {"", "utf-8", "utf8", "us-ascii"}:
        raise KantorError("unsupported-media-type", f"JSON is UTF-8, but Content-Type says {charset.strip()[:40]!r}.")
