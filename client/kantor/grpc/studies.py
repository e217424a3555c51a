"""Calls of REST about studies as calls of ``kantor.v1.Studies``."""

from __future__ import annotations

import json
from typing import Any

from api_schemas.proto.convert import fields_of, fill
from api_schemas.proto.kantor.v1 import studies_pb2 as pb
from kantor.grpc.place import Place, done, place, unknown
from kantor.wire.steps import Call, Reply

_STATES = {"pause": "paused", "resume": "active", "archive": "archived"}
_WHOLE = frozenset({"grid", "trial", "count"})


def reply(stub: Any, call: Call, options: dict[str, Any]) -> Reply:
    """What the server says, in the form of REST."""
    asked = place(call)
    if not asked.id:
        return _all(stub, call, asked, options)
    if asked.rest[:1] == ("trials",):
        return _trials(stub, call, asked, options)
    if asked.rest[:1] == ("comparisons",):
        return _comparisons(stub, asked, options)
    if len(asked.rest) > 1:
        raise unknown(call)
    part = asked.rest[0] if asked.rest else ""
    one = pb.GetStudyRequest(study_id=asked.id)
    if not part and asked.method == "DELETE":
        stub.DeleteStudy(pb.DeleteStudyRequest(study_id=asked.id), **options)
        return Reply(204, {}, b"")
    if not part:
        return _study(stub.GetStudy(one, **options))
    if part in _STATES:
        return _study(stub.SetStudyState(pb.SetStudyStateRequest(study_id=asked.id, state=_STATES[part]), **options))
    if part == "ask":
        found = stub.Ask(fill(pb.AskRequest(study_id=asked.id), asked.body), **options)
        return done(found, trials=[fields_of(trial) for trial in found.trials])
    if part == "best":
        return done(stub.GetBestTrial(one, **options))
    if part == "pareto":
        return done(stub.GetFront(one, **options))
    if part == "import":
        assert isinstance(call.body, bytes)
        return done(stub.ImportTrials(pb.ImportTrialsRequest(study_id=asked.id, content=call.body), **options))
    return _analysis(stub, asked, part, _arguments(asked), options)


def _all(stub: Any, call: Call, asked: Place, options: dict[str, Any]) -> Reply:
    if asked.method == "POST":
        assert isinstance(call.body, bytes)
        return _study(stub.CreateStudy(pb.CreateStudyRequest(definition=call.body), **options))
    request = pb.ListStudiesRequest(
        name=asked.one("name"),
        state=asked.one("state"),
        page_size=asked.whole("page_size"),
        page_token=asked.one("page_token"),
    )
    page = stub.ListStudies(request, **options)
    return done(page, studies=[_fields(study) for study in page.studies])


def _trials(stub: Any, call: Call, asked: Place, options: dict[str, Any]) -> Reply:
    if len(asked.rest) == 1:
        if asked.method == "POST":
            return done(stub.CreateTrial(fill(pb.CreateTrialRequest(study_id=asked.id), asked.body), **options))
        request = pb.ListTrialsRequest(
            study_id=asked.id,
            states=asked.query.get("state", []),
            after=asked.whole("after"),
            limit=asked.whole("limit"),
        )
        return done(stub.ListTrials(request, **options))
    where: dict[str, Any] = {"study_id": asked.id, "number": int(asked.rest[1])}
    part = asked.rest[2] if len(asked.rest) > 2 else ""
    if part == "history":
        return Reply(200, {}, stub.GetTrialHistory(pb.GetTrialRequest(**where), **options).content)
    if part == "replay":
        return _analysis(stub, asked, part, {"trial": where["number"]}, options)
    methods = {
        "tell": (stub.Tell, pb.TellRequest),
        "heartbeat": (stub.Heartbeat, pb.TrialLease),
        "release": (stub.Release, pb.TrialLease),
        "reports": (stub.Report, pb.ReportRequest),
        "": (stub.EditTrial, pb.EditTrialRequest) if asked.method == "PATCH" else (stub.GetTrial, pb.GetTrialRequest),
    }
    if part not in methods:
        raise unknown(call)
    method, message = methods[part]
    return done(method(fill(message(**where), asked.body), **options))


def _comparisons(stub: Any, asked: Place, options: dict[str, Any]) -> Reply:
    if len(asked.rest) > 1:
        request = pb.RetractComparisonRequest(study_id=asked.id, number=int(asked.rest[1]))
        return done(stub.RetractComparison(request, **options))
    if asked.method == "POST":
        return done(stub.Compare(fill(pb.CompareRequest(study_id=asked.id), asked.body), **options))
    page = pb.ListComparisonsRequest(study_id=asked.id, after=asked.whole("after"), limit=asked.whole("limit"))
    found = stub.ListComparisons(page, **options)
    return done(found, comparisons=[fields_of(row) for row in found.comparisons])


def _arguments(asked: Place) -> dict[str, Any]:
    """REST's query and body as the fields of a ``StudyWork``."""
    found: dict[str, Any] = dict(asked.body)
    for name, values in asked.query.items():
        if name == "parameter":
            found["parameters"] = values
        elif name in ("x", "y"):
            found["parameters"] = [asked.one("x"), asked.one("y")]
        elif name != "wait":
            found[name] = int(values[0]) if name in _WHOLE else values[0]
    return found


def _analysis(stub: Any, asked: Place, work: str, arguments: dict[str, Any], options: dict[str, Any]) -> Reply:
    request = pb.AnalyzeRequest(
        study_id=asked.id,
        work=work,
        arguments=json.dumps(arguments).encode() if arguments else b"",
        wait_seconds=float(asked.one("wait") or 0),
    )
    found = stub.Analyze(request, **options)
    if found.job:
        return Reply(202, {}, json.dumps({"job": found.job}).encode())
    return Reply(200, {}, found.content)


def _study(message: pb.Study) -> Reply:
    return Reply(200, {}, json.dumps(_fields(message)).encode())


def _fields(message: pb.Study) -> dict[str, Any]:
    found = fields_of(message)
    return {**found.pop("definition", {}), **found}
