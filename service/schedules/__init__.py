"""The rules of schedules. Every function takes the connection, then the project: another project's schedule does not
exist (``not-found``). Versions are never changed; runs keep the version that they began with.
"""

from service.schedules.observed import observations, observed
from service.schedules.rules import (
    ScheduleRow,
    create,
    delete,
    get,
    list_page,
    promote,
    set_state,
    version,
    versions,
)
from service.schedules.runs import RunRow, advise, finish, observe, refine, run, runs, start

__all__ = [
    "RunRow",
    "ScheduleRow",
    "advise",
    "create",
    "delete",
    "finish",
    "get",
    "list_page",
    "observations",
    "observe",
    "observed",
    "promote",
    "refine",
    "run",
    "runs",
    "set_state",
    "start",
    "version",
    "versions",
]
