"""One function for each route of schedules. Every one may be sent again without harm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api_schemas import ids
from api_schemas.schedules import (
    FinishRequest,
    ObservationBatch,
    ObservationPage,
    Observed,
    PromoteRequest,
    Received,
    RefineRequest,
    Run,
    RunList,
    RunRequest,
    Schedule,
    SchedulePage,
    ScheduleRequest,
    ScheduleVersion,
    VersionList,
)
from kantor.errors import NotFound, Timeout
from kantor.wire.retry import send
from kantor.wire.routes import Policy, read
from kantor.wire.steps import Call, Emit, Flow, Send
from kantor.wire.study_routes import get, make, post


def path(schedule_id: str, *rest: str | int) -> str:
    """The address of a schedule.

    Raises:
        NotFound: it is no identifier of a schedule.
    """
    try:
        ids.decode(ids.SCHEDULE, schedule_id)
    except ValueError:
        raise NotFound(f"there is no schedule {schedule_id!r:.80}: an id is {ids.SCHEDULE}_ and 26 letters") from None
    return "/".join(("/v1/schedules", schedule_id, *map(str, rest)))


def create(policy: Policy, request: ScheduleRequest) -> Flow[Schedule]:
    return read(Schedule, (yield from post(policy, "/v1/schedules", request)))


def load(policy: Policy, name: str) -> Flow[Schedule]:
    """By id or name.

    Raises:
        NotFound: there is none.
    """
    if name.startswith(f"{ids.SCHEDULE}_") and len(name) == 30:
        return read(Schedule, (yield from get(policy, path(name))))
    page = read(SchedulePage, (yield from get(policy, "/v1/schedules", ("name", name))))
    if not page.schedules:
        raise NotFound(f"there is no schedule {name!r}")
    return page.schedules[0]


def pages(policy: Policy) -> Flow[None]:
    """Emits schedules, newest first."""
    token = ""
    while True:
        params = [("page_token", token)] if token else []
        page = read(SchedulePage, (yield from get(policy, "/v1/schedules", *params)))
        for item in page.schedules:
            yield Emit(item)
        token = page.next_page_token
        if not token:
            return


def change(policy: Policy, schedule_id: str, what: str) -> Flow[Schedule]:
    return read(Schedule, (yield from post(policy, path(schedule_id, what))))


def delete(policy: Policy, schedule_id: str) -> Flow[None]:
    yield from send(Send(Call("DELETE", path(schedule_id))), max_retries=policy.max_retries)


def versions(policy: Policy, schedule_id: str) -> Flow[list[ScheduleVersion]]:
    return read(VersionList, (yield from get(policy, path(schedule_id, "versions")))).versions


def promote(policy: Policy, schedule_id: str, version: int) -> Flow[Schedule]:
    request = make(PromoteRequest, {"version": version})
    return read(Schedule, (yield from post(policy, path(schedule_id, "promote"), request)))


def refine(policy: Policy, schedule_id: str, request: RefineRequest) -> Flow[ScheduleVersion]:
    """Raises:
    Timeout: no worker has done it within a minute; it goes on.
    """
    address = f"{path(schedule_id, 'refine')}?wait=60"
    reply = yield from post(policy, address, request, hold=60.0, again=False)
    if reply.status == 202:
        raise Timeout(f"the refinement of {schedule_id} is not done yet; it goes on: see its versions")
    return read(ScheduleVersion, reply)


def start(policy: Policy, schedule_id: str, request: RunRequest) -> Flow[Run]:
    return read(Run, (yield from post(policy, path(schedule_id, "runs"), request)))


def runs(policy: Policy, schedule_id: str) -> Flow[list[Run]]:
    return read(RunList, (yield from get(policy, path(schedule_id, "runs")))).runs


def run(policy: Policy, schedule_id: str, number: int) -> Flow[Run]:
    return read(Run, (yield from get(policy, path(schedule_id, "runs", number))))


def observe(policy: Policy, schedule_id: str, number: int, observations: Sequence[dict[str, Any]]) -> Flow[Received]:
    request = make(ObservationBatch, {"observations": list(observations)})
    return read(Received, (yield from post(policy, path(schedule_id, "runs", number, "observations"), request)))


def observed(policy: Policy, schedule_id: str, of: str, runs: Sequence[int] | None, most: int) -> Flow[Observed]:
    params = [("of", of), ("most", str(most)), *(("run", str(number)) for number in runs or ())]
    return read(Observed, (yield from get(policy, path(schedule_id, "observations"), *params)))


def observations(policy: Policy, schedule_id: str, number: int) -> Flow[None]:
    """Emits what a run has seen, by step."""
    after, more = -1, True
    while more:
        params = (("after", str(after)), ("limit", "10000"))
        reply = yield from get(policy, path(schedule_id, "runs", number, "observations"), *params)
        page = read(ObservationPage, reply)
        for item in page.observations:
            yield Emit(item)
        after, more = page.after, page.more


def finish(policy: Policy, schedule_id: str, number: int, request: FinishRequest) -> Flow[Run]:
    address = path(schedule_id, "runs", number, "finish")
    return read(Run, (yield from post(policy, address, request, patient=True)))
