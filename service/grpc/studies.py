"""The service ``Studies``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args
from uuid import UUID

import orjson
from google.protobuf.empty_pb2 import Empty

from api_schemas.errors import KantorError
from api_schemas.ids import JOB, STUDY, encode
from api_schemas.proto.convert import fill
from api_schemas.proto.kantor.v1 import kantor_pb2 as kantor
from api_schemas.proto.kantor.v1 import studies_pb2 as pb
from api_schemas.proto.kantor.v1.studies_pb2_grpc import StudiesServicer
from api_schemas.studies import (
    AskRequest,
    EditRequest,
    LeaseRequest,
    ReportRequest,
    StudyRequest,
    StudyState,
    TellRequest,
    TrialRequest,
    TrialState,
)
from api_schemas.study_comparisons import ComparisonRequest
from api_schemas.study_imports import ImportRequest
from api_schemas.study_work import StudyWork
from service import studies
from service.grpc import requests
from service.grpc.calls import Call, identifier, unary
from service.rest import study_analyses, study_asks, study_changes, study_comparisons, study_imports, study_views
from service.rest.state import State
from service.studies import ComparisonRow, TrialRow
from service.studies.read import Details
from service.tenants import audit

_DEFINED = ("id", "name", "state", "seed", "budget", "labels", "trials", "prepared", "watermark", "problem")


class Studies(StudiesServicer):
    """As ``service.rest.studies`` and its neighbours."""

    def __init__(self, state: State) -> None:
        self.state = state

    @unary("write")
    async def CreateStudy(self, call: Call, request: pb.CreateStudyRequest) -> pb.Study:
        wanted = requests.document(StudyRequest, request.definition)
        details, _ = await study_changes.create(call.state, call.principal.project_id, wanted)
        return _study(details)

    @unary("read")
    async def GetStudy(self, call: Call, request: pb.GetStudyRequest) -> pb.Study:
        return _study(await call.state.database(studies.get, call.principal.project_id, _id(request)))

    @unary("read")
    async def ListStudies(self, call: Call, request: pb.ListStudiesRequest) -> pb.ListStudiesResponse:
        state = requests.one_of("state", request.state, get_args(StudyState)) if request.HasField("state") else None
        found, token = await call.state.database(
            studies.list_page,
            call.principal.project_id,
            name=request.name if request.HasField("name") else None,
            state=state,
            page_size=min(request.page_size, 200) if request.page_size > 0 else 50,
            page_token=request.page_token,
            settings=call.state.settings,
        )
        return pb.ListStudiesResponse(studies=[_study(details) for details in found], next_page_token=token)

    @unary("write")
    async def SetStudyState(self, call: Call, request: pb.SetStudyStateRequest) -> pb.Study:
        wanted = requests.one_of("state", request.state, get_args(StudyState))
        study_id = _id(request)
        return _study(await study_changes.set_state(call.state, call.principal.project_id, study_id, wanted))

    @unary("write")
    async def DeleteStudy(self, call: Call, request: pb.DeleteStudyRequest) -> Empty:
        study_id, project_id = _id(request), call.principal.project_id
        await call.state.database(
            audit.done, call.actor, "studies_delete", request.study_id, studies.delete, project_id, study_id
        )
        return Empty()

    @unary("write")
    async def Ask(self, call: Call, request: pb.AskRequest) -> pb.AskResponse:
        wanted = requests.read(AskRequest, request, "study_id")
        wanted = wanted.model_copy(update={"wait": call.patience(wanted.wait)})
        asked = await study_asks.ask(call.state, call.principal.project_id, _id(request), wanted)
        trials = [_trial(row) for row in asked.trials]
        return pb.AskResponse(trials=trials, done=asked.done and not trials, reason=asked.reason)

    @unary("write")
    async def Tell(self, call: Call, request: pb.TellRequest) -> pb.Trial:
        wanted = requests.read(TellRequest, request, "study_id", "number")
        where = (call.principal.project_id, *_place(request))
        return _trial(await study_changes.tell(call.state, *where, wanted))

    @unary("write")
    async def Heartbeat(self, call: Call, request: pb.TrialLease) -> pb.Lease:
        wanted = requests.read(LeaseRequest, request, "study_id", "number")
        return _lease(
            *await call.state.database(studies.heartbeat, call.principal.project_id, *_place(request), wanted)
        )

    @unary("write")
    async def Report(self, call: Call, request: pb.ReportRequest) -> pb.Lease:
        wanted = requests.read(ReportRequest, request, "study_id", "number")
        return _lease(*await call.state.database(studies.report, call.principal.project_id, *_place(request), wanted))

    @unary("write")
    async def Release(self, call: Call, request: pb.TrialLease) -> pb.Trial:
        wanted = requests.read(LeaseRequest, request, "study_id", "number")
        return _trial(await call.state.database(studies.release, call.principal.project_id, *_place(request), wanted))

    @unary("write")
    async def CreateTrial(self, call: Call, request: pb.CreateTrialRequest) -> pb.Trial:
        wanted = requests.read(TrialRequest, request, "study_id")
        return _trial(await study_changes.add(call.state, call.principal.project_id, _id(request), wanted))

    @unary("read")
    async def GetTrial(self, call: Call, request: pb.GetTrialRequest) -> pb.Trial:
        return _trial(await call.state.database(studies.trial, call.principal.project_id, *_place(request)))

    @unary("read")
    async def ListTrials(self, call: Call, request: pb.ListTrialsRequest) -> pb.ListTrialsResponse:
        for state in request.states:
            requests.one_of("states", state, get_args(TrialState))
        most = min(requests.positive("limit", request.limit), 1000) if request.HasField("limit") else 100
        rows = await call.state.database(
            studies.trials,
            call.principal.project_id,
            _id(request),
            states=tuple(dict.fromkeys(request.states)),
            after=max(0, request.after),
            limit=most + 1,
        )
        more = rows[most - 1].number if len(rows) > most else None
        return pb.ListTrialsResponse(trials=[_trial(row) for row in rows[:most]], next_after=more)

    @unary("write")
    async def EditTrial(self, call: Call, request: pb.EditTrialRequest) -> pb.Trial:
        wanted = requests.read(EditRequest, request, "study_id", "number")
        who = call.principal
        where = (who.project_id, *_place(request))
        return _trial(await study_changes.edit(call.state, *where, wanted, key_id=who.key_id))

    @unary("read")
    async def GetTrialHistory(self, call: Call, request: pb.GetTrialRequest) -> kantor.Document:
        found = await call.state.database(studies.history, call.principal.project_id, *_place(request))
        return kantor.Document(content=study_views.dumps(study_views.history(*found)))

    @unary("read")
    async def GetBestTrial(self, call: Call, request: pb.GetStudyRequest) -> pb.Trial:
        row = await call.state.database(studies.best, call.principal.project_id, _id(request))
        if row is None:
            raise KantorError("not-finished", "No trial of this study has feasible values yet.")
        return _trial(row)

    @unary("read")
    async def GetFront(self, call: Call, request: pb.GetStudyRequest) -> pb.Front:
        rows, volume, reference = await call.state.database(studies.pareto, call.principal.project_id, _id(request))
        front: pb.Front = fill(pb.Front(), {"hypervolume": volume, "reference": reference})
        front.trials.extend(_trial(row) for row in rows)
        return front

    @unary("read")
    async def Analyze(self, call: Call, request: pb.AnalyzeRequest) -> pb.Analysis:
        study_id, patience = _id(request), call.patience(request.wait_seconds)
        work = {**requests.fields(request).get("arguments", {}), "work": request.work or "importance"}
        requests.one_of("work", str(work["work"]), tuple(_WORKS))
        requests.document(StudyWork, orjson.dumps({**work, "study": request.study_id}))
        found, job_id = await study_analyses.look(
            call.state, call.principal.project_id, study_id, work, patience, call.require_key
        )
        if found is None:
            return pb.Analysis(job=encode(JOB, job_id))
        return pb.Analysis(content=orjson.dumps(found))

    @unary("write")
    async def Compare(self, call: Call, request: pb.CompareRequest) -> pb.Comparison:
        wanted = requests.read(ComparisonRequest, request, "study_id")
        who = call.principal
        row, _ = await study_comparisons.compare(call.state, who.project_id, _id(request), wanted, key_id=who.key_id)
        return _comparison(row)

    @unary("read")
    async def ListComparisons(self, call: Call, request: pb.ListComparisonsRequest) -> pb.ListComparisonsResponse:
        most = min(requests.positive("limit", request.limit), 1000) if request.HasField("limit") else 100
        where = (call.principal.project_id, _id(request))
        rows = await call.state.database(studies.list_comparisons, *where, after=max(0, request.after), limit=most + 1)
        more = rows[most - 1].number if len(rows) > most else None
        return pb.ListComparisonsResponse(comparisons=[_comparison(row) for row in rows[:most]], next_after=more)

    @unary("write")
    async def RetractComparison(self, call: Call, request: pb.RetractComparisonRequest) -> pb.Comparison:
        where = (call.principal.project_id, *_place(request))
        return _comparison(await study_comparisons.take_back(call.state, *where))

    @unary("write")
    async def ImportTrials(self, call: Call, request: pb.ImportTrialsRequest) -> pb.ImportTrialsResponse:
        wanted = requests.document(ImportRequest, request.content, limit=study_imports.LIMIT)
        new, known = await study_imports.store(call.state, call.principal.project_id, _id(request), wanted)
        return pb.ImportTrialsResponse(imported=new, known=known)


_WORKS = sorted(set(get_args(StudyWork.model_fields["work"].annotation)) - {"suggest"})


def _id(request: Any) -> UUID:
    found: UUID = identifier(STUDY, request.study_id)
    return found


def _place(request: Any) -> tuple[UUID, int]:
    return _id(request), requests.positive("number", request.number)


def _study(details: Details) -> pb.Study:
    shown = study_views.study(details)
    definition = {
        name: value for name, value in shown.items() if name not in (*_DEFINED, "created_at", "updated_at", "warnings")
    }
    message: pb.Study = fill(pb.Study(), {**shown, "definition": definition})
    return message


def _trial(row: TrialRow) -> pb.Trial:
    message: pb.Trial = fill(pb.Trial(), study_views.trial(row))
    return message


def _comparison(row: ComparisonRow) -> pb.Comparison:
    message: pb.Comparison = fill(pb.Comparison(), asdict(row))
    return message


def _lease(row: TrialRow, stop: bool, why: str) -> pb.Lease:
    message: pb.Lease = fill(pb.Lease(), {"lease_until": row.lease_until, "should_stop": stop, "reason": why})
    return message
