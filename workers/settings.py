"""What an operator can set of workers: environment variables ``KANTOR_WORKER_*``, one for each field below."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from importlib import metadata
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.settings import SettingsError
from workers.runner import limits

Seconds = Annotated[float, Field(gt=0)]


def usual_pools() -> list[str]:
    """What this machine can serve."""
    own = {
        "gpu": limits.machine_gpus() > 0 and _torch_computes_on_gpus(),
        "botorch": importlib.util.find_spec("botorch") is not None,
    }
    return ["cpu", *(name for name, there in own.items() if there)]


def _torch_computes_on_gpus() -> bool:
    """As its version says: importing it would take seconds."""
    try:
        return "+cpu" not in metadata.version("torch")
    except metadata.PackageNotFoundError:
        return False


class WorkerSettings(BaseModel):
    """Settings of a worker process, beside ``service.settings.Settings``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    concurrency: Annotated[int, Field(ge=1, le=256)] = Field(default_factory=limits.machine_cores)
    """Jobs at once, where Celery's ``-c`` does not say."""
    pools: str = Field(default_factory=lambda: ",".join(usual_pools()))
    """Pools to serve, with commas between, where Celery's ``-Q`` does not say; by default ``cpu``, also ``gpu`` where
    there is an NVIDIA device, and ``botorch`` where that is installed."""
    engines: str = ""
    """Engines to offer, as "family:id" with commas between; empty: all that are installed."""
    memory_mb: Annotated[int, Field(ge=64)] | None = None
    """What one job may use if it doesn't say; by default the slots share nine tenths of the machine's memory."""
    memory_most_mb: Annotated[int, Field(ge=64)] = Field(
        default_factory=lambda: max(64, int(limits.machine_memory() * 0.9) >> 20)
    )
    """What one job may use at most, whatever its ``memory_limit`` says; racers share it. By default nine tenths of the
    machine's memory. A job that asks for more gets so much, and its log says so."""
    threads_most: Annotated[int, Field(ge=1)] = Field(default_factory=limits.machine_cores)
    """Threads that one job may have at most; racers share them. By default the machine's cores."""
    grace_seconds: Seconds = 5.0
    """From the time limit, or from a cancel, until an engine that does not come back is killed. At the time limit it is
    at least a tenth of the limit, up to a minute."""
    reading_seconds: Seconds = 900.0
    """For reading a problem, before the engine begins."""
    checking_seconds: Seconds = 900.0
    """For the certificate and for writing the answer."""
    drain_seconds: Annotated[float, Field(ge=0)] = 30.0
    """From SIGTERM until running jobs are handed back to the queue."""
    look_seconds: Seconds = 1.0
    """How often running jobs are looked at for cancels (leases are extended by the way)."""
    log_limit_bytes: Annotated[int, Field(ge=0)] = 1 << 20
    """Log kept of one attempt at a job; of more, the end only."""

    sandbox: bool = True
    """Cut the processes that solve off from the network, from files that solving does not need and from other
    processes, as far as the kernel can (Landlock, seccomp). What holds is among the worker's resources."""
    readable: str = ""
    """Further folders and files that they may read (licences, data of engines of your own), with colons between."""
    writable: str = ""
    """Further folders that they may write to (caches), with colons between: shared by the jobs of all tenants."""

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **overrides: object) -> WorkerSettings:
        """Settings from the environment; keyword arguments go first.

        Raises:
            SettingsError: a variable ``KANTOR_WORKER_*`` has a value that does not fit; the text names it.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for name in cls.model_fields:
            text = environment.get(f"KANTOR_WORKER_{name.upper()}")
            if text:
                values[name] = text
        values.update(overrides)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [
                f"KANTOR_WORKER_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors() if item["loc"]
            ]
            raise SettingsError("; ".join(lines) or str(error)) from None

    def memory_for(self, slots: int) -> int:
        """MB that a job may use if it doesn't say."""
        if self.memory_mb is not None:
            return self.memory_mb
        return max(64, int(limits.machine_memory() * 0.9 / slots) >> 20)
