"""Closed-loop load: each client sends its next request when the last one is answered, from processes of their own."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from typing import Protocol

#: More processes than this would only fight with the server for the cores.
MOST_PROCESSES = 4
PATIENCE = 60.0

_start: Barrier | None = None


class Target(Protocol):
    """What is called; it travels to the load processes, so it holds plain values only."""

    def connect(self, client: int) -> Callable[[], object]:
        """A connection of its own for one client; each call of the result is one round trip, and raises if it fails."""
        ...


@dataclass
class Block:
    """One block of load.

    Attributes:
        latencies: seconds of every call that ended in the block.
        seconds: its length.
        client_cpu: seconds of CPU that the load processes used.
    """

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    client_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.latencies) / self.seconds


class Fleet:
    """A number of clients, spread over processes that stay alive from block to block."""

    def __init__(self, executor: ProcessPoolExecutor, shares: list[int]) -> None:
        self._executor = executor
        self._shares = shares

    def block(self, target: Target, seconds: float) -> Block:
        """Load for so long. Raises what a client raised."""
        firsts = [sum(self._shares[:k]) for k in range(len(self._shares))]
        parts = [
            self._executor.submit(_share, target, first, count, seconds)
            for first, count in zip(firsts, self._shares, strict=True)
        ]
        whole = Block()
        for part in parts:
            done = part.result()
            whole.latencies += done.latencies
            whole.seconds = max(whole.seconds, done.seconds)
            whole.client_cpu += done.client_cpu
        return whole


@contextmanager
def fleet(clients: int) -> Iterator[Fleet]:
    """So many clients, in at most four processes."""
    processes = min(clients, MOST_PROCESSES)
    shares = [clients // processes + (k < clients % processes) for k in range(processes)]
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(processes)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_set_start, initargs=(start,)) as executor:
        yield Fleet(executor, shares)


def _set_start(start: Barrier) -> None:
    global _start
    _start = start


def _share(target: Target, first: int, count: int, seconds: float) -> Block:
    """One process's part: connect, call once (not counted), wait for the others, then run."""
    assert _start is not None
    calls = [target.connect(first + k) for k in range(count)]
    for call in calls:
        call()
    block = Block()
    errors: list[Exception] = []

    def client(call: Callable[[], object], until: float) -> None:
        try:
            while (begin := time.perf_counter()) < until:
                call()
                block.latencies.append(time.perf_counter() - begin)
        except Exception as error:
            errors.append(error)

    _start.wait(PATIENCE)
    cpu, begin = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=client, args=(call, begin + seconds)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    block.seconds = time.perf_counter() - begin
    block.client_cpu = time.process_time() - cpu
    if errors:
        raise errors[0]
    return block
