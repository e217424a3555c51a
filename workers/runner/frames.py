"""The wire between a worker and its runners: JSON headers and raw bytes over a Unix stream socket; never a pickle."""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
from typing import Any, NamedTuple

import orjson

#: Lengths of header and body before every frame.
_PREFIX = struct.Struct("<IQ")

#: A runner that announces more than this is broken: its memory would become ours.
MAX_HEADER = 16 << 20
MAX_BODY = 1 << 30

_CHUNK = 1 << 18


class ProtocolError(Exception):
    """The other side sent what is no frame, or more than is allowed."""


class Frame(NamedTuple):
    """One message.

    Attributes:
        type: what it says.
        fields: the rest of the JSON header.
        body: raw bytes, for example a document.
    """

    type: str
    fields: dict[str, Any]
    body: bytes


def pack(type_: str, fields: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of a frame without its body. Numbers that are not finite become null.

    Raises:
        ProtocolError: header or body is over its limit.
    """
    header = orjson.dumps({"type": type_, **fields}, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    if len(header) > MAX_HEADER or len(body) > MAX_BODY:
        raise ProtocolError(f"a {type_} frame of {len(header)} + {len(body)} bytes is too large")
    return _PREFIX.pack(len(header), len(body)) + header


class Channel:
    """Frames over a connected stream socket. Sending is safe from any thread, receiving from one at a time."""

    def __init__(self, sock: socket.socket, *, patience: float | None = None) -> None:
        """With ``patience``, for the side that polls: seconds that the other side may take nothing of what is sent."""
        self._socket = sock
        self._patience = patience
        sock.setblocking(patience is None)
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self.closed = False
        """True once the other side has gone."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, type_: str, body: bytes = b"", **fields: Any) -> None:
        """Send one frame, waiting for room.

        Raises:
            OSError: the other side has gone, or takes nothing.
            ProtocolError: too large.
        """
        head = pack(type_, fields, body)
        with self._lock:
            if len(body) < _CHUNK:
                self._send_all(head + body)
            else:
                self._send_all(head)
                self._send_all(body)

    def receive(self) -> Frame | None:
        """The next frame, waiting for it; None when the other side has gone.

        Raises:
            ProtocolError: not a frame.
        """
        while (frame := self._next()) is None:
            if not self._fill():
                return None
        return frame

    def poll(self) -> list[Frame]:
        """The frames that have arrived, without waiting. Sets ``closed`` at the end of the stream.

        Raises:
            ProtocolError: not a frame.
        """
        frames = []
        while self._fill():
            while (frame := self._next()) is not None:
                frames.append(frame)
        return frames

    def close(self) -> None:
        self._socket.close()

    def _send_all(self, data: bytes) -> None:
        if self._patience is None:
            self._socket.sendall(data)
            return
        room = select.poll()
        room.register(self._socket, select.POLLOUT)
        left = memoryview(data)
        while left:
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                if not room.poll(self._patience * 1000):
                    raise TimeoutError(f"nothing was taken for {self._patience:g} seconds") from None

    def _fill(self) -> bool:
        """Read once; False if there is nothing (yet, or any more)."""
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.EBADF):
                raise
            data = b""
        if not data:
            self.closed = True
            return False
        self._buffer += data
        return True

    def _next(self) -> Frame | None:
        """Take one whole frame off the buffer."""
        if len(self._buffer) < _PREFIX.size:
            return None
        header_size, body_size = _PREFIX.unpack_from(self._buffer)
        if header_size > MAX_HEADER or body_size > MAX_BODY:
            raise ProtocolError(f"a frame of {header_size} + {body_size} bytes was announced")
        start, end = _PREFIX.size + header_size, _PREFIX.size + header_size + body_size
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            header = bytes(view[_PREFIX.size : start])
            body = bytes(view[start:end])
        del self._buffer[:end]
        try:
            fields = orjson.loads(header)
            return Frame(fields.pop("type"), fields, body)
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError) as error:
            raise ProtocolError(f"not a frame: {error}") from None
