"""Decompression with bounds: an archive bomb or a truncated archive is an error in words, not an exhausted machine."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Iterator

import zstandard

from solvers.core.errors import MalformedFile
from solvers.programs.formats.limits import Limits

#: Endings of file names that only say how a file is compressed.
ENDINGS = (".gz", ".bz2", ".zst")

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstandard"}
_STEP = 1024**2

#: A zstandard block of 4 bytes may stand for 128 KiB, and the library gives no bound on what one call returns.
_ZSTANDARD_STEP = 1024
_ZSTANDARD_WINDOW = 128 * 1024**2


def compression(data: bytes) -> str | None:
    """``"gzip"``, ``"bzip2"``, ``"zstandard"`` or None, by the first bytes."""
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)


def decompressed(data: bytes, limits: Limits) -> bytes:
    """The content of a gzip, bzip2 or zstandard archive, or ``data`` itself if it is none. Several members are joined.

    Raises:
        MalformedFile: truncated, corrupt, too large, or growing without measure.
    """
    name = compression(data)
    if name is None:
        _require_measure(len(data), len(data), limits)
        return data
    parts: list[bytes] = []
    size = 0
    try:
        for part in _parts(data, name):
            size += len(part)
            _require_measure(size, len(data), limits)
            parts.append(part)
    except EOFError:
        raise MalformedFile(f"the {name} archive is truncated", hint="the whole file") from None
    except (OSError, zlib.error, zstandard.ZstdError) as error:
        raise MalformedFile(f"the {name} archive is damaged: {error}", hint="an intact archive") from None
    return b"".join(parts)


def _require_measure(size: int, compressed: int, limits: Limits) -> None:
    if size > limits.decompressed_bytes:
        raise MalformedFile(f"the file has more than {limits.decompressed_bytes} bytes, which is the limit")
    if size > limits.ratio_from and size > limits.ratio * compressed:
        raise MalformedFile(
            f"the archive grows to more than {limits.ratio:g} times its size: it looks like an archive bomb",
            hint="send the file with less compression",
        )


def _parts(data: bytes, name: str) -> Iterator[bytes]:
    if name == "zstandard":
        yield from _zstandard_parts(data)
        return
    stream = io.BytesIO(data)
    archive = gzip.GzipFile(fileobj=stream) if name == "gzip" else bz2.BZ2File(stream)
    with archive:
        while part := archive.read(_STEP):
            yield part


def _zstandard_parts(data: bytes) -> Iterator[bytes]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTANDARD_WINDOW)
    frame = decompressor.decompressobj()
    position = 0
    while position < len(data):
        piece = data[position : position + _ZSTANDARD_STEP]
        yield frame.decompress(piece)
        position += len(piece)
        if frame.eof:
            position -= len(frame.unused_data)
            if position < len(data):
                frame = decompressor.decompressobj()
    if not frame.eof:
        raise EOFError
