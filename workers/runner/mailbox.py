"""Feasible points in shared memory: what was put here survives the death of the process that put it.

A mailbox is a memory file that two processes hold, one writer and one reader. It keeps the newest point only. A point
is written into the slot that the header does not name, then the header is written: so a reader, or a kill at any
moment, finds the newest point that was whole. The first byte says whether the reader of the mailbox should stop.
"""

from __future__ import annotations

import mmap
import os
import struct

import numpy as np

from solvers.core.engine import StopReason

#: sequence, slot offset, number of values, objective, sequence again.
_HEADER = struct.Struct("<QQQdQ")
_HEADER_AT = 64
_DATA_AT = 4096
_PAGE = 4096

_STOP_BYTES: dict[int, StopReason] = {1: "time", 2: "cancelled", 3: "memory", 4: "beaten"}
_STOP_CODES = {reason: code for code, reason in _STOP_BYTES.items()}


class Mailbox:
    """One direction between a worker and a runner; see the module. Offsets and sizes are bytes, values doubles."""

    def __init__(self, fd: int) -> None:
        """On a file descriptor made by ``create`` in this or the other process; it is owned from here on."""
        self.fd = fd
        self._page = mmap.mmap(fd, _PAGE)
        self._seen = 0
        self._written = 0

    @classmethod
    def create(cls, name: str) -> Mailbox:
        fd = os.memfd_create(name, os.MFD_CLOEXEC)
        os.ftruncate(fd, _PAGE)
        return cls(fd)

    def clear(self) -> None:
        """Forget everything, before a new job. Only while the other side does not work."""
        os.ftruncate(self.fd, _PAGE)
        self._page[:] = bytes(_PAGE)
        self._seen = self._written = 0

    def renew(self) -> None:
        """What ``clear`` does, for the side that did not clear."""
        self._seen = self._written = 0

    def close(self) -> None:
        self._page.close()
        os.close(self.fd)

    @property
    def stop(self) -> StopReason | None:
        """Why the reader should stop, or None. Costs a tenth of a microsecond."""
        code = self._page[0]
        return _STOP_BYTES[code] if code else None

    @stop.setter
    def stop(self, reason: StopReason) -> None:
        self._page[0] = _STOP_CODES[reason]

    def put(self, objective: float, x: np.ndarray) -> None:
        """Make this the newest point. Not safe from several threads at once.

        Raises:
            OSError: no memory for it.
        """
        values = np.ascontiguousarray(x, dtype="<f8")
        offset = _DATA_AT
        in_use = self._header()
        if in_use is not None:
            _, used_from, count, _ = in_use
            if used_from < _DATA_AT + values.nbytes:
                offset = -(-(used_from + count * 8) // _PAGE) * _PAGE
        data, at = memoryview(values.data).cast("B"), offset
        while data:
            written = os.pwrite(self.fd, data, at)
            data, at = data[written:], at + written
        self._written += 1
        header = _HEADER.pack(self._written, offset, values.size, objective, self._written)
        self._page[_HEADER_AT : _HEADER_AT + _HEADER.size] = header

    def take(self) -> tuple[float, np.ndarray] | None:
        """The newest point (its own copy), once; None if there is no new one. Almost free when there is none."""
        header = self._header()
        if header is None or header[0] == self._seen:
            return None
        for _ in range(8):
            sequence, offset, count, objective = header
            # the other side may be broken: never more than there is
            if offset + count * 8 > os.fstat(self.fd).st_size:
                return None
            x = np.empty(count, dtype="<f8")
            if count:
                os.preadv(self.fd, [memoryview(x.data).cast("B")], offset)
            again = self._header()
            if again is not None and again[0] == sequence:
                self._seen = sequence
                return objective, x
            if again is None:
                return None
            header = again
        return None

    def _header(self) -> tuple[int, int, int, float] | None:
        for _ in range(8):
            first, offset, count, objective, last = _HEADER.unpack_from(self._page, _HEADER_AT)
            if first == last:
                return (first, offset, count, objective) if first else None
        return None
