"""What live workers offer."""

from __future__ import annotations

from typing import Literal

from api_schemas.base import Reply, Time


class OptionSpec(Reply):
    """One option of an engine."""

    name: str
    type: Literal["float", "integer", "boolean", "string"]
    default: float | int | bool | str | None = None
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: list[str] = []
    unit: str = ""


class Engine(Reply):
    """An engine, as announced by the workers that run it."""

    id: str
    family: str
    version: str
    title: str
    summary: str
    solves: list[str]
    """Features of a problem that it accepts."""
    capabilities: list[str] = []
    options: list[OptionSpec] = []
    """Those that only this engine has (``engine_options``)."""
    shared_options: list[OptionSpec] = []
    """Those of its family, with their defaults."""
    pool: str = "cpu"
    citation: str = ""
    workers: int = 0
    """How many live workers offer it."""


class EngineList(Reply):
    engines: list[Engine]


class Worker(Reply):
    """A live worker process."""

    id: str
    host: str
    pid: int
    pools: list[str]
    engines: list[str]
    """"family:id"."""
    concurrency: int
    running: int
    version: str
    started_at: Time
    heartbeat_at: Time
    resources: dict[str, float | int | str] = {}
    """cores, memory_mb, gpu..."""


class WorkerList(Reply):
    workers: list[Worker]


class QueueDepth(Reply):
    """One pool's queue."""

    pool: str
    queued: int
    running: int
    oldest_queued_seconds: float | None = None


class ServiceStatus(Reply):
    """The service at a glance."""

    version: str
    project: str
    """The project of the key."""
    scopes: list[str] = []
    queues: list[QueueDepth] = []
    workers: int = 0
    time: Time


class Health(Reply):
    """Whether the service can do its work."""

    status: Literal["ok", "degraded"]
    """degraded: jobs are accepted, but start later than usual."""
    database: bool | None = None
    broker: bool | None = None
