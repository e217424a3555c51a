"""What users saw: written down beside the server, to be compared with its tables at the end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Everything that was acknowledged to users. Safe for threads.

    Attributes:
        jobs: id to family, of jobs that were accepted.
        answered: ids whose answer was read, and was right.
        cancelled: ids that were cancelled on purpose.
        told: (study, trial) to the value that was told and acknowledged.
        observed: (schedule, run) to the number of steps that were acknowledged.
        uploaded: artifact id to its SHA-256.
        wrong: what should never be: words.
        probes: (begin, end) of the probe's small jobs, seconds since the epoch.
    """

    jobs: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    told: dict[tuple[str, int], float] = field(default_factory=dict)
    observed: dict[tuple[str, int], int] = field(default_factory=dict)
    uploaded: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    probes: list[tuple[float, float]] = field(default_factory=list)
    rounds: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, family: str, job_id: str) -> None:
        with self._lock:
            self.jobs[job_id] = family

    def answer(self, job_id: str) -> None:
        with self._lock:
            self.answered.add(job_id)

    def fault(self, words: str) -> None:
        with self._lock:
            self.wrong.append(f"{time.strftime('%H:%M:%S')} {words}")

    def round(self, family: str) -> None:
        with self._lock:
            self.rounds[family] += 1

    def again(self, why: str) -> None:
        with self._lock:
            self.retries[why] += 1
