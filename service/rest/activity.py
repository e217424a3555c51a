"""One stream for all that a project does: changes of its jobs, its queues, and every event of watched jobs.

A browser may hold only few connections to one address, so one stream has to carry everything that a page shows.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Send

from api_schemas.activity import Activity
from api_schemas.engines import QueueDepth
from api_schemas.errors import KantorError
from api_schemas.ids import JOB, decode, encode
from service import jobs, registry
from service.jobs import EventRow, JobRow
from service.jobs.activity import MOST, changed
from service.rest import event_stream, headers, views, waiting
from service.rest import state as states
from service.rest.access import Reader
from service.rest.event_stream import Stream, write
from service.rest.headers import refuse
from service.rest.jobs import ALWAYS
from service.rest.openapi import ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.store.connect import Database

router = APIRouter(prefix="/v1/events", tags=["service"], route_class=Route)

MOST_WATCHED = 20
JSON, STREAM = "application/json", "text/event-stream"
_PAUSE_SECONDS = 0.3
"""Between two looks at the database, however many hints come."""
_SHORT_LIVED = timedelta(seconds=10)
"""How far back a look searches for jobs that came and went between two looks."""


@router.get(
    "",
    operation_id="activity_get",
    response_model=None,
    responses={
        200: {
            **ok("What the project does now, or a stream of what it does.", Activity),
            "content": {STREAM: {"schema": {"type": "string"}}},
        },
        **documented(*ALWAYS, "not-found", "not-acceptable", "invalid-request"),
    },
)
async def activity(
    request: Request,
    principal: Reader,
    job: Annotated[
        list[str] | None,
        Query(
            max_length=MOST_WATCHED,
            description="Jobs of which every event is sent: `job_...`, or `job_...:seq` after `seq`.",
        ),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The last `id` seen; goes before the numbers in `job`.")
    ] = None,
    accept: Annotated[str | None, Header(description=f"`{JSON}` for the present, `{STREAM}` for a stream.")] = None,
) -> Response:
    """The project as it is (JSON), or followed (server-sent events) over all its jobs in one connection.

    The stream begins with `activity` (an `Activity`); then `job` is a `Job` that came, changed or finished; `event` is
    an `Event` of a watched job; `queues` is a list of `QueueDepth`. It ends after ten minutes: take it up again with
    `Last-Event-ID`, and no event of a watched job is missed.
    """
    state = states.of(request)
    form = headers.accepted(accept, [JSON, STREAM])
    watched = _watched(job or []) | _watched((last_event_id or "").split(","), "Last-Event-ID", only=job or [])
    for job_id in watched:
        await state.database(jobs.get, principal.project_id, job_id)
    begin = datetime.now(UTC)
    rows, queues = await state.database(_look, principal.project_id, {}, begin)
    active = [row for row in rows if not row.final]
    active.sort(key=lambda row: (row.state != "running", row.id))
    counted = sum(queue.queued + queue.running for queue in queues)
    now = _activity(begin, active, queues, complete=counted <= len(active))
    if form == JSON:
        return views.json_response(now)
    if request.scope.get("kantor.head"):
        return Response(headers=event_stream.HEADERS)
    return ActivityStream(state, principal.project_id, watched, now, active, queues, begin)


class ActivityStream(Stream):
    """It ends after ten minutes, or when the process ends."""

    def __init__(
        self,
        state: states.State,
        project_id: UUID,
        watched: dict[UUID, int],
        first: bytes,
        active: list[JobRow],
        queues: list[QueueDepth],
        begin: datetime,
    ) -> None:
        super().__init__()
        self._state = state
        self._project_id = project_id
        self._watched = watched
        self._first = first
        self._known = {row.id: row.last_seq for row in active}
        self._queues = _counts(queues)
        self._begin = begin
        self._over: dict[UUID, datetime] = {}

    async def _send_all(self, send: Send) -> None:
        begin = heard = time.monotonic()
        await write(
            send, b"retry: %d\n\n" % event_stream.RECONNECT_MILLISECONDS + self._message(b"activity", self._first)
        )
        while True:
            text, more = await self._news()
            now = time.monotonic()
            if text:
                await write(send, text)
                heard = now
            if now - begin >= event_stream.LIFETIME_SECONDS or self._state.stopping.is_set():
                await write(send, b": reconnect\n\n")
                break
            if now - heard >= event_stream.HEARTBEAT_SECONDS:
                await write(send, b": still here\n\n")
                heard = now
            if not more:
                look = waiting.LOOK_SECONDS_CONNECTED if self._state.hub.connected else waiting.LOOK_SECONDS
                await self._state.hub.wait_any(look)
                await asyncio.sleep(_PAUSE_SECONDS)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _news(self) -> tuple[bytes, bool]:
        """What is to be sent; True if there is more of it right away."""
        parts: list[bytes] = []
        more = False
        for job_id, after in self._watched.items():
            events = await self._events(job_id, after)
            for event in events:
                self._watched[job_id] = event.seq
                parts.append(self._message(b"event", views.event_json(event)))
            more = more or len(events) == event_stream.PAGE
        now = datetime.now(UTC)
        since = max(self._begin, now - _SHORT_LIVED)
        rows, queues = await self._state.database(_look, self._project_id, self._known, since)
        for row in rows:
            self._known[row.id] = row.last_seq
            parts.append(self._message(b"job", views.job_json(row)))
            if row.final:
                self._over[row.id] = now
        # a finished job changes no more, but would be found as new while it is young
        for job_id in [job_id for job_id, at in self._over.items() if now - at > 2 * _SHORT_LIVED]:
            del self._over[job_id], self._known[job_id]
        if rows and _counts(queues) != self._queues:
            self._queues = _counts(queues)
            parts.append(self._message(b"queues", orjson.dumps([queue.model_dump() for queue in queues])))
        return b"".join(parts), more

    async def _events(self, job_id: UUID, after: int) -> list[EventRow]:
        try:
            return await self._state.database(jobs.events, self._project_id, job_id, after, event_stream.PAGE)
        except KantorError:  # deleted meanwhile
            return []

    def _message(self, name: bytes, data: bytes) -> bytes:
        cursor = ",".join(f"{encode(JOB, job_id)}:{after}" for job_id, after in self._watched.items())
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor.encode(), name, data)


def _look(
    conn: Database, project_id: UUID, known: dict[UUID, int], since: datetime
) -> tuple[list[JobRow], list[QueueDepth]]:
    rows = changed(conn, project_id, known, since)
    return rows, registry.queue_depths(conn, project_id) if rows or not known else []


def _counts(queues: list[QueueDepth]) -> list[tuple[str, int, int]]:
    return [(queue.pool, queue.queued, queue.running) for queue in queues]


def _activity(at: datetime, active: list[JobRow], queues: list[QueueDepth], *, complete: bool) -> bytes:
    return b'{"time":%s,"active":[%s],"complete":%s,"queues":%s}' % (
        orjson.dumps(at, option=orjson.OPT_UTC_Z),
        b",".join(map(views.job_json, active)),
        b"true" if complete else b"false",
        orjson.dumps([queue.model_dump() for queue in queues]),
    )


def _watched(texts: list[str], name: str = "job", only: list[str] | None = None) -> dict[UUID, int]:
    """Job and the number of its last event that the reader has."""
    found: dict[UUID, int] = {}
    wanted = None if only is None else {text.partition(":")[0] for text in only}
    for text in filter(None, (text.strip() for text in texts)):
        job_id, _, after = text.partition(":")
        if (after and not (after.isascii() and after.isdigit())) or int(after[:20] or 0) >= 2**31:
            raise refuse(name, "must be the id of a job, or id:number", f"{name}=job_...:17")
        if wanted is None or job_id in wanted:
            try:
                found[decode(JOB, job_id)] = int(after or 0)
            except ValueError:
                raise refuse(name, f"{job_id[:60]!r} is not the id of a job", f"{name}=job_...:17") from None
    return found


__all__ = ["MOST", "MOST_WATCHED", "ActivityStream", "router"]
