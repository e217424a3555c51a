"""The service ``Schedules``."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from api_schemas.ids import JOB, SCHEDULE, encode
from api_schemas.proto.convert import fill
from api_schemas.proto.kantor.v1 import kantor_pb2 as kantor
from api_schemas.proto.kantor.v1 import schedules_pb2 as pb
from api_schemas.proto.kantor.v1.schedules_pb2_grpc import SchedulesServicer
from api_schemas.schedules import (
    FinishRequest,
    ObservationBatch,
    Quantity,
    RefineRequest,
    RunRequest,
    ScheduleRequest,
)
from service import schedules
from service.grpc import requests
from service.grpc.calls import Call, identifier, unary
from service.rest import schedule_changes, schedule_views
from service.rest.state import State
from service.schedules import RunRow, ScheduleRow
from service.tenants import audit

_BATCH_LIMIT = 8 << 20
_MOST_RUNS = 50


class Schedules(SchedulesServicer):
    """As ``service.rest.schedules`` and its neighbours."""

    def __init__(self, state: State) -> None:
        self.state = state

    @unary("write")
    async def CreateSchedule(self, call: Call, request: pb.CreateScheduleRequest) -> pb.Schedule:
        wanted = requests.document(ScheduleRequest, request.definition)
        row, _ = await call.state.database(schedules.create, call.principal.project_id, wanted)
        return _schedule(row)

    @unary("read")
    async def GetSchedule(self, call: Call, request: pb.GetScheduleRequest) -> pb.Schedule:
        return _schedule(await call.state.database(schedules.get, call.principal.project_id, _id(request)))

    @unary("read")
    async def ListSchedules(self, call: Call, request: pb.ListSchedulesRequest) -> pb.ListSchedulesResponse:
        found, token = await call.state.database(
            schedules.list_page,
            call.principal.project_id,
            name=request.name if request.HasField("name") else None,
            page_size=min(request.page_size, 200) if request.page_size > 0 else 50,
            page_token=request.page_token,
            settings=call.state.settings,
        )
        return pb.ListSchedulesResponse(schedules=[_schedule(row) for row in found], next_page_token=token)

    @unary("write")
    async def SetScheduleState(self, call: Call, request: pb.SetScheduleStateRequest) -> pb.Schedule:
        wanted = requests.one_of("state", request.state, ("active", "archived"))
        return _schedule(
            await call.state.database(schedules.set_state, call.principal.project_id, _id(request), wanted)
        )

    @unary("write")
    async def DeleteSchedule(self, call: Call, request: pb.DeleteScheduleRequest) -> Empty:
        schedule_id, project_id = _id(request), call.principal.project_id
        await call.state.database(
            audit.done, call.actor, "schedules_delete", request.schedule_id, schedules.delete, project_id, schedule_id
        )
        return Empty()

    @unary("read")
    async def ListVersions(self, call: Call, request: pb.GetScheduleRequest) -> pb.ListVersionsResponse:
        found = await call.state.database(schedules.versions, call.principal.project_id, _id(request))
        return pb.ListVersionsResponse(versions=[_version(row) for row in found])

    @unary("read")
    async def GetVersion(self, call: Call, request: pb.GetVersionRequest) -> pb.ScheduleVersion:
        number = requests.positive("version", request.version)
        return _version(await call.state.database(schedules.version, call.principal.project_id, _id(request), number))

    @unary("write")
    async def PromoteVersion(self, call: Call, request: pb.GetVersionRequest) -> pb.Schedule:
        number = requests.positive("version", request.version)
        return _schedule(await call.state.database(schedules.promote, call.principal.project_id, _id(request), number))

    @unary("write")
    async def Refine(self, call: Call, request: pb.RefineRequest) -> pb.RefineResponse:
        without = ("schedule_id", "wait_seconds", *(() if request.runs else ("runs",)))
        wanted = requests.read(RefineRequest, request, *without)
        patience = call.patience(request.wait_seconds)
        where = (call.principal.project_id, _id(request))
        made, job_id = await schedule_changes.refine(call.state, *where, wanted, patience)
        version = None if made is None else _version(made)
        return pb.RefineResponse(version=version, job=encode(JOB, job_id))

    @unary("write")
    async def CreateRun(self, call: Call, request: pb.CreateRunRequest) -> pb.Run:
        wanted = requests.read(RunRequest, request, "schedule_id")
        return _run(*await schedule_changes.start(call.state, call.principal.project_id, _id(request), wanted))

    @unary("read")
    async def GetRun(self, call: Call, request: pb.GetRunRequest) -> pb.Run:
        return _run(*await call.state.database(schedule_changes.found, call.principal.project_id, *_place(request)))

    @unary("read")
    async def ListRuns(self, call: Call, request: pb.GetScheduleRequest) -> pb.ListRunsResponse:
        rows, horizon = await call.state.database(schedule_changes.listed, call.principal.project_id, _id(request))
        return pb.ListRunsResponse(runs=[_run(row, horizon) for row in rows])

    @unary("write")
    async def Observe(self, call: Call, request: pb.ObserveRequest) -> pb.ObserveResponse:
        wanted = requests.read(ObservationBatch, request, "schedule_id", "number", limit=_BATCH_LIMIT)
        where = (call.principal.project_id, *_place(request))
        row, stored = await schedule_changes.observe(call.state, *where, wanted)
        reply: pb.ObserveResponse = fill(
            pb.ObserveResponse(), {"stored": stored, "version": row.version, "advice": row.advice}
        )
        return reply

    @unary("read")
    async def ListObservations(self, call: Call, request: pb.ListObservationsRequest) -> pb.ListObservationsResponse:
        limit = requests.positive("limit", request.limit) if request.HasField("limit") else 1000
        found = await call.state.database(
            schedules.observations,
            call.principal.project_id,
            *_place(request),
            after=request.after if request.HasField("after") else -1,
            limit=min(limit, 10_000),
        )
        page: pb.ListObservationsResponse = fill(pb.ListObservationsResponse(), found)
        return page

    @unary("read")
    async def GetObserved(self, call: Call, request: pb.GetObservedRequest) -> kantor.Document:
        quantity = requests.one_of("of", request.of or "norm", get_args(Quantity))
        most = requests.positive("most", request.most) if request.HasField("most") else 300
        runs = [requests.positive("runs", number) for number in request.runs[:_MOST_RUNS]]
        found = await call.state.database(
            schedules.observed,
            call.principal.project_id,
            _id(request),
            of=quantity,
            runs=runs or None,
            most=min(most, 2000),
        )
        return kantor.Document(content=schedule_views.dumps(found))

    @unary("write")
    async def FinishRun(self, call: Call, request: pb.FinishRunRequest) -> pb.Run:
        wanted = requests.read(FinishRequest, request, "schedule_id", "number")
        where = (call.principal.project_id, *_place(request))
        return _run(*await schedule_changes.finish(call.state, *where, wanted))


def _id(request: Any) -> UUID:
    found: UUID = identifier(SCHEDULE, request.schedule_id)
    return found


def _place(request: Any) -> tuple[UUID, int]:
    return _id(request), requests.positive("number", request.number)


def _schedule(row: ScheduleRow) -> pb.Schedule:
    message: pb.Schedule = fill(pb.Schedule(), schedule_views.schedule(row))
    return message


def _version(row: Any) -> pb.ScheduleVersion:
    message: pb.ScheduleVersion = fill(pb.ScheduleVersion(), schedule_views.version(row))
    return message


def _run(row: RunRow, horizon: int) -> pb.Run:
    message: pb.Run = fill(pb.Run(), schedule_views.run(row, horizon))
    return message
