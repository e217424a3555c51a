"""A library in a process of its own: what it takes to solve a transport problem, and how well it does."""

from __future__ import annotations

import multiprocessing
import time
from typing import Any

import numpy as np

from benchmarks.harness.cpu import supported, tree
from benchmarks.transport_peers import serve

#: CPU seconds for imports, compilation and an easy problem of the same shape, before the time counts.
START = 30.0


class Runner:
    """Started when it is first needed, and again when it had to be stopped."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: Any = None
        self._pipe: Any = None

    def solve(self, M: np.ndarray, epsilon: float, cap: float) -> dict[str, Any]:
        """``seconds`` of CPU time and the marginal ``error`` (of Kantor also ``certified``: seconds with the
        certificate); or ``failure``: ``"cap"``, or the library's error.

        Args:
            M: (n, m) costs with uniform weights, or (B, n, m): a batch.
            epsilon: in units of the mean cost.
        """
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=serve, args=(self.name, other), daemon=True)
            self._process.start()
            other.close()
        n, m = M.shape[-2:]
        task = M, np.full(n, 1.0 / n), np.full(m, 1.0 / m), epsilon * float(M.mean())
        try:
            self._pipe.send(task)
            if self._reply(START + cap) is None:
                return {"failure": "cap"}
            found = self._reply(1.05 * cap)
        except (EOFError, BrokenPipeError):
            self.close()
            return {"failure": "died"}
        if found is None or found.get("seconds", 0.0) > cap:
            return {"failure": "cap"}
        if self.name == "Kantor" and "seconds" in found and M.ndim == 2:
            found |= self._reply(START + cap) or {}
        return found

    def _reply(self, seconds: float) -> dict[str, Any] | None:
        """What comes back within so many CPU seconds; None, and the end of the process, if nothing does."""
        used = self._used()
        while not self._pipe.poll(0.02):
            if self._used() - used > seconds:
                self.close()
                return None
        found: dict[str, Any] = self._pipe.recv()
        return found

    def _used(self) -> float:
        """CPU seconds of the process; wall-clock seconds where the system does not tell."""
        return tree(self._process.pid)[0].seconds if supported() else time.monotonic()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
