"""Calls of REST about schedules as calls of ``kantor.v1.Schedules``."""

from __future__ import annotations

import json
from typing import Any

from api_schemas.proto.convert import fields_of, fill
from api_schemas.proto.kantor.v1 import schedules_pb2 as pb
from kantor.grpc.place import Place, done, place, unknown
from kantor.wire.steps import Call, Reply

_STATES = {"resume": "active", "archive": "archived"}


def reply(stub: Any, call: Call, options: dict[str, Any]) -> Reply:
    """What the server says, in the form of REST."""
    asked = place(call)
    if not asked.id:
        return _all(stub, call, asked, options)
    one = pb.GetScheduleRequest(schedule_id=asked.id)
    part = asked.rest[0] if asked.rest else ""
    if not part and asked.method == "DELETE":
        stub.DeleteSchedule(pb.DeleteScheduleRequest(schedule_id=asked.id), **options)
        return Reply(204, {}, b"")
    if not part:
        return done(stub.GetSchedule(one, **options))
    if part in _STATES:
        request = pb.SetScheduleStateRequest(schedule_id=asked.id, state=_STATES[part])
        return done(stub.SetScheduleState(request, **options))
    if part == "versions":
        if len(asked.rest) == 1:
            return done(stub.ListVersions(one, **options))
        version = pb.GetVersionRequest(schedule_id=asked.id, version=int(asked.rest[1]))
        return done(stub.GetVersion(version, **options))
    if part == "promote":
        return done(stub.PromoteVersion(fill(pb.GetVersionRequest(schedule_id=asked.id), asked.body), **options))
    if part == "refine":
        return _refine(stub, asked, options)
    if part == "observations":
        quantity = pb.GetObservedRequest(schedule_id=asked.id, of=asked.one("of") or "", most=asked.whole("most"))
        quantity.runs.extend(int(number) for number in asked.query.get("run", []))
        return Reply(200, {}, stub.GetObserved(quantity, **options).content)
    if part == "runs":
        return _runs(stub, call, asked, options)
    raise unknown(call)


def _all(stub: Any, call: Call, asked: Place, options: dict[str, Any]) -> Reply:
    if asked.method == "POST":
        assert isinstance(call.body, bytes)
        return done(stub.CreateSchedule(pb.CreateScheduleRequest(definition=call.body), **options))
    request = pb.ListSchedulesRequest(
        name=asked.one("name"), page_size=asked.whole("page_size"), page_token=asked.one("page_token")
    )
    return done(stub.ListSchedules(request, **options))


def _refine(stub: Any, asked: Place, options: dict[str, Any]) -> Reply:
    request = pb.RefineRequest(schedule_id=asked.id, wait_seconds=float(asked.one("wait") or 0))
    found = stub.Refine(fill(request, asked.body), **options)
    if not found.HasField("version"):
        return Reply(202, {}, json.dumps({"job": found.job}).encode())
    return done(found.version)


def _runs(stub: Any, call: Call, asked: Place, options: dict[str, Any]) -> Reply:
    if len(asked.rest) == 1:
        if asked.method == "POST":
            return done(stub.CreateRun(fill(pb.CreateRunRequest(schedule_id=asked.id), asked.body), **options))
        return done(stub.ListRuns(pb.GetScheduleRequest(schedule_id=asked.id), **options))
    where: dict[str, Any] = {"schedule_id": asked.id, "number": int(asked.rest[1])}
    part = asked.rest[2] if len(asked.rest) > 2 else ""
    if part == "":
        return done(stub.GetRun(pb.GetRunRequest(**where), **options))
    if part == "finish":
        return done(stub.FinishRun(fill(pb.FinishRunRequest(**where), asked.body), **options))
    if part == "observations" and asked.method == "POST":
        return done(stub.Observe(fill(pb.ObserveRequest(**where), asked.body), **options))
    if part == "observations":
        page = stub.ListObservations(
            pb.ListObservationsRequest(**where, after=asked.whole("after"), limit=asked.whole("limit")), **options
        )
        return done(page, observations=[fields_of(item) for item in page.observations])
    raise unknown(call)
