"""What a project does now, across its jobs: the multiplexed stream's first message."""

from __future__ import annotations

from api_schemas.base import Reply, Time
from api_schemas.engines import QueueDepth
from api_schemas.jobs import Job


class Activity(Reply):
    """The project at one moment. A job that a reader took for unfinished and that is not in ``active`` has finished (or
    was deleted), unless ``complete`` is false.
    """

    time: Time
    active: list[Job]
    """Queued and running jobs, running ones first; at most 200 of each."""
    complete: bool
    """True if these are all of them."""
    queues: list[QueueDepth]
