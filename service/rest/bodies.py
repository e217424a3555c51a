"""Reading request bodies: bounded in size however they are sent, and decompressed within the same bound."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from typing import Any

import zstandard
from starlette.requests import Request

from api_schemas.errors import FieldError, KantorError

_ENCODINGS = "gzip, zstd"
_INLINE = 1 << 16


async def read_json(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body, decompressed.

    Args:
        limit: most bytes, before and after decompression.

    Raises:
        KantorError: ``unsupported-media-type``, ``too-large``, or ``malformed-json`` if it cannot be decompressed.
    """
    _require_json(request.headers.get("content-type"))
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", "zstd"}:
        raise KantorError(
            "unsupported-media-type",
            f"Bodies may be compressed with {_ENCODINGS.replace(', ', ' or ')}, not with {encoding[:40]!r}.",
            headers={"Accept-Encoding": _ENCODINGS},
        )
    body = await _read(request, limit)
    if encoding == "identity":
        return body
    if len(body) < _INLINE:
        return _decompress(body, encoding, limit)
    return await asyncio.to_thread(_decompress, body, encoding, limit)


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
    async for chunk in request.stream():
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
