"""What only gRPC has: statuses with details, raw arrays, deadlines, streams, health, reflection, TLS."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import threading
from array import array
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from api_schemas.artifacts import Artifact
from api_schemas.errors import CODES
from api_schemas.ids import JOB, decode, new_uuid
from api_schemas.jobs import Job
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1 import schedules_pb2, studies_pb2
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import ArtifactsStub, EnginesStub, JobsStub
from api_schemas.proto.kantor.v1.schedules_pb2_grpc import SchedulesStub
from api_schemas.proto.kantor.v1.studies_pb2_grpc import StudiesStub
from api_schemas.schedules import Observation, Run, Schedule, ScheduleVersion
from api_schemas.studies import AskRequest, Front, Lease, ReportRequest, TellRequest, Trial
from service import jobs
from service.grpc.server import FILES
from service.settings import Settings
from service.store.connect import Database
from tests.service.grpc.living import LiveGrpc
from tests.service.rest.living import ROOT, TinyWorker

PROBLEM = b'{"kind":"program","objective":[1,2],"lower":[3,4]}'
Metadata = tuple[tuple[str, str], ...]


def _details(error: Any) -> dict[str, Any]:
    metadata = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    found = {}
    for detail in status.details:
        name = detail.TypeName().rpartition(".")[2]
        message = getattr(error_details_pb2, name)()
        detail.Unpack(message)
        found[name] = message
    return found


def test_errors_carry_the_codes_of_the_registry(channel: grpc.Channel, mine: Metadata) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        JobsStub(channel).SubmitJob(
            pb.SubmitJobRequest(problem=b'{"kind":"program","objective":["a"]}'),
            metadata=(*mine, ("x-request-id", "request-7")),
        )

    error: Any = caught.value
    details = _details(error)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert details["ErrorInfo"].domain == "kantor"
    assert details["ErrorInfo"].reason in CODES
    assert details["BadRequest"].field_violations[0].field.startswith("/problem/objective")
    assert details["RequestInfo"].request_id == "request-7"


def test_every_code_has_a_status_of_grpc() -> None:
    assert all(entry.grpc in grpc.StatusCode.__members__ for entry in CODES.values())


def test_raw_arrays_become_part_of_the_problem_or_artifacts(
    channel: grpc.Channel, mine: Metadata, conn: Database, settings: Settings
) -> None:
    small, large = array("d", [1.0, 2.0]), array("d", range(20_000))
    request = pb.SubmitJobRequest(
        problem=b'{"kind":"program","objective":{"array":"c"},"lower":[0,0],"upper":{"array":"u"}}',
        arrays={
            "c": pb.Array(dtype=pb.DTYPE_FLOAT64, shape=[2], data=small.tobytes()),
            "u": pb.Array(dtype=pb.DTYPE_FLOAT64, shape=[20_000], data=large.tobytes()),
        },
    )

    job = JobsStub(channel).SubmitJob(request, metadata=mine)
    stored = json.loads(JobsStub(channel).GetProblem(pb.GetProblemRequest(job_id=job.id), metadata=mine).content)

    assert stored["problem"]["objective"]["base64"] == "AAAAAAAA8D8AAAAAAAAAQA=="
    chunks = ArtifactsStub(channel).DownloadArtifact(
        pb.DownloadArtifactRequest(artifact_id=stored["problem"]["upper"]["artifact"]), metadata=mine
    )
    content = b"".join(chunk.data for chunk in chunks)
    (length,) = struct.unpack("<H", content[8:10])
    assert (10 + length) % 64 == 0
    assert content[10 + length :] == large.tobytes()
    numpy = pytest.importorskip("numpy")
    import io

    assert (numpy.load(io.BytesIO(content), allow_pickle=False) == numpy.frombuffer(large)).all()


@pytest.mark.parametrize(
    ("arrays", "pointer"),
    [
        ({"c": pb.Array(dtype=pb.DTYPE_FLOAT64, shape=[3], data=b"x" * 16)}, "/arrays/c/data"),
        ({"c": pb.Array(shape=[2], data=b"x" * 16)}, "/arrays/c/dtype"),
        ({"c": pb.Array(dtype=pb.DTYPE_INT8, shape=[-1], data=b"")}, "/arrays/c/shape"),
        ({"d": pb.Array(dtype=pb.DTYPE_INT8, shape=[1], data=b"x")}, "/arrays/c"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    channel: grpc.Channel, mine: Metadata, arrays: dict[str, pb.Array], pointer: str
) -> None:
    request = pb.SubmitJobRequest(problem=b'{"kind":"program","objective":{"array":"c"}}', arrays=arrays)

    with pytest.raises(grpc.RpcError) as caught:
        JobsStub(channel).SubmitJob(request, metadata=mine)

    assert _details(caught.value)["BadRequest"].field_violations[0].field == pointer


def _one_of_each(channel: grpc.Channel, mine: Metadata) -> dict[str, Any]:
    """Identifiers of a project, by the names of the fields that take them; numbers are 1."""
    stub = JobsStub(channel)
    space = {"x": {"type": "float", "low": 0, "high": 1}}
    study = {"name": f"mine {new_uuid()}", "space": space, "objectives": {"loss": "min"}, "budget": 9}
    studies, schedules = StudiesStub(channel), SchedulesStub(channel)
    made = studies.CreateStudy(studies_pb2.CreateStudyRequest(definition=json.dumps(study).encode()), metadata=mine)
    studies.CreateTrial(
        studies_pb2.CreateTrialRequest(study_id=made.id, params=b'{"x":0.5}', values={"items": {"loss": 1.0}}),
        metadata=mine,
    )
    taste = {"name": f"taste {new_uuid()}", "space": space, "preference": True}
    tasted = studies.CreateStudy(studies_pb2.CreateStudyRequest(definition=json.dumps(taste).encode()), metadata=mine)
    for params in (b'{"x":0.25}', b'{"x":0.5}'):
        studies.CreateTrial(studies_pb2.CreateTrialRequest(study_id=tasted.id, params=params), metadata=mine)
    studies.Ask(studies_pb2.AskRequest(study_id=tasted.id, count=2, wait=0), metadata=mine)
    told = studies.Compare(studies_pb2.CompareRequest(study_id=tasted.id, best=[1], others=[2]), metadata=mine)
    definition = json.dumps({"name": f"lr {new_uuid()}", "horizon": 100, "policy": "refined"}).encode()
    schedule = schedules.CreateSchedule(schedules_pb2.CreateScheduleRequest(definition=definition), metadata=mine)
    schedules.CreateRun(schedules_pb2.CreateRunRequest(schedule_id=schedule.id), metadata=mine)
    upload = iter([pb.UploadArtifactRequest(data=b"secret")])
    return {
        "job_id": stub.SubmitJob(pb.SubmitJobRequest(problem=PROBLEM, wait_seconds=10), metadata=mine).id,
        "artifact_id": ArtifactsStub(channel).UploadArtifact(upload, metadata=mine).id,
        "study_id": made.id,
        "tasted": (tasted.id, told.number),
        "schedule_id": schedule.id,
    }


FILLED: dict[str, Any] = {
    "number": 1, "version": 1, "step": 1, "work": "importance", "params": b'{"x":0.5}',
    "content": b'{"trials":[{"params":{"x":0.25},"values":{"loss":2.0}}]}',
}  # fmt: skip
STATES = {"SetStudyState": "archived", "SetScheduleState": "archived"}


def _taking_identifiers() -> list[Any]:
    found = [method for file in FILES for service in file.services_by_name.values() for method in service.methods]
    return [m for m in found if any(field.name.endswith("_id") for field in _identifiers(m.input_type))]


def _identifiers(message: Any) -> list[Any]:
    return [field for field in message.fields if field.name in ("job_id", "artifact_id", "study_id", "schedule_id")]


def _valid(method: Any, ids: dict[str, Any]) -> Any:
    """A request that the owner could make."""
    message = GetMessageClass(method.input_type)()
    for field in method.input_type.fields:
        if field.name in ids:
            setattr(message, field.name, ids[field.name])
        elif field.name == "values":
            message.values.items["loss"] = 1.0
        elif field.name == "observations":
            message.observations.add(step=1, norm=1.0)
        elif field.name == "best":
            message.best.append(1)
            message.others.append(2)
        elif field.name in FILLED:
            setattr(message, field.name, FILLED[field.name])
        elif field.name == "state" and method.name in STATES:
            message.state = STATES[method.name]
    if method.name in ("Compare", "RetractComparison"):
        message.study_id, number = ids["tasted"]
        if method.name == "RetractComparison":
            message.number = number
    return message


def _call(channel: grpc.Channel, method: Any, request: Any, metadata: Metadata) -> list[bytes]:
    path = f"/{method.containing_service.full_name}/{method.name}"
    call = channel.stream_stream(path, request_serializer=lambda m: m, response_deserializer=lambda b: b)
    return list(call(iter([request.SerializeToString()]), metadata=metadata, timeout=30))


def test_another_tenants_identifiers_open_nothing(
    channel: grpc.Channel, mine: Metadata, theirs: Metadata, worker: TinyWorker
) -> None:
    ids = _one_of_each(channel, mine)
    methods = _taking_identifiers()
    assert len(methods) >= 43

    for method in methods:
        with pytest.raises(grpc.RpcError) as caught:
            _call(channel, method, _valid(method, ids), theirs)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND, method.full_name
    for stub, name in ((JobsStub, "ListJobs"), (StudiesStub, "ListStudies"), (SchedulesStub, "ListSchedules")):
        message = next(m for f in FILES for s in f.services_by_name.values() for m in s.methods if m.name == name)
        assert getattr(stub(channel), name)(GetMessageClass(message.input_type)(), metadata=theirs).ByteSize() == 0
    assert JobsStub(channel).GetJob(pb.GetJobRequest(job_id=ids["job_id"]), metadata=mine).state == "succeeded"
    study = StudiesStub(channel).GetStudy(studies_pb2.GetStudyRequest(study_id=ids["study_id"]), metadata=mine)
    assert (study.state, study.trials["completed"]) == ("active", 1)


def test_the_owner_gets_answers_where_strangers_get_none(
    channel: grpc.Channel, mine: Metadata, worker: TinyWorker
) -> None:
    """Else the walk above would prove nothing: its requests must be ones that work."""
    for method in _taking_identifiers():
        ids = _one_of_each(channel, mine)
        try:
            _call(channel, method, _valid(method, ids), mine)
        except grpc.RpcError as error:
            reason = _details(error)["ErrorInfo"].reason
            assert reason in ("conflict", "stale-lease", "unsupported-problem", "not-finished"), (method.name, reason)


def test_without_a_key_every_method_refuses(live: LiveGrpc) -> None:
    with grpc.insecure_channel(live.target) as channel:
        for file in FILES:
            for service in file.services_by_name.values():
                for method in service.methods:
                    with pytest.raises(grpc.RpcError) as caught:
                        _call(channel, method, Empty(), ())
                    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED, method.full_name


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        (b'{"name":"s","space":{"x":{"type":"float","low":2,"high":1}},"objectives":{"f":"min"}}', "/space/x"),
        (b'{"name":"s"}', "/space"),
        (b"{", "line 1"),
    ],
)
def test_a_study_that_is_wrong_is_refused_with_the_field(
    channel: grpc.Channel, mine: Metadata, definition: bytes, pointer: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        StudiesStub(channel).CreateStudy(studies_pb2.CreateStudyRequest(definition=definition), metadata=mine)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert _details(caught.value)["BadRequest"].field_violations[0].field.startswith(pointer)


def test_messages_have_every_field_of_the_models_that_they_stand_for() -> None:
    pairs = [
        (studies_pb2.Trial, Trial, set()),
        (studies_pb2.Lease, Lease, set()),
        (studies_pb2.AskRequest, AskRequest, set()),
        (studies_pb2.TellRequest, TellRequest, set()),
        (studies_pb2.ReportRequest, ReportRequest, set()),
        (studies_pb2.Front, Front, set()),
        (schedules_pb2.Schedule, Schedule, set()),
        (schedules_pb2.ScheduleVersion, ScheduleVersion, set()),
        (schedules_pb2.Run, Run, set()),
        (schedules_pb2.Observation, Observation, set()),
        (pb.Artifact, Artifact, set()),
        (pb.Job, Job, {"inspection"}),
    ]
    for message, model, without in pairs:
        missing = set(model.model_fields) - set(message.DESCRIPTOR.fields_by_name) - without
        assert not missing, f"{message.DESCRIPTOR.full_name} lacks {sorted(missing)}"


def test_a_wait_ends_before_the_deadline_of_the_call(channel: grpc.Channel, mine: Metadata) -> None:
    job = JobsStub(channel).SubmitJob(pb.SubmitJobRequest(problem=PROBLEM, wait_seconds=60), metadata=mine, timeout=1.0)

    assert job.state == "queued"


def test_a_watch_follows_until_it_is_cancelled_and_goes_on_later(
    channel: grpc.Channel, mine: Metadata, conn: Database, project: Any
) -> None:
    stub = JobsStub(channel)
    job = stub.SubmitJob(pb.SubmitJobRequest(problem=PROBLEM), metadata=mine)
    watch = stub.WatchJob(pb.WatchJobRequest(job_id=job.id), metadata=mine)
    assert next(watch).type == "queued"
    watch.cancel()

    later = stub.WatchJob(pb.WatchJobRequest(job_id=job.id, after_seq=1), metadata=mine, timeout=20)
    threading.Timer(0.3, lambda: stub.CancelJob(pb.CancelJobRequest(job_id=job.id), metadata=mine)).start()
    assert [(event.seq, event.type) for event in later] == [(2, "finished")]
    assert jobs.get(conn, project, decode(JOB, job.id)).state == "cancelled"


def test_a_download_goes_on_at_an_offset(channel: grpc.Channel, mine: Metadata) -> None:
    stub = ArtifactsStub(channel)
    made = stub.UploadArtifact(
        iter([pb.UploadArtifactRequest(filename="f"), pb.UploadArtifactRequest(data=b"0123456789")]), metadata=mine
    )
    rest = stub.DownloadArtifact(pb.DownloadArtifactRequest(artifact_id=made.id, offset=6), metadata=mine)

    assert b"".join(chunk.data for chunk in rest) == b"6789"


def test_health_and_reflection_need_no_key(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", "kantor.v1.Jobs"):
        reply = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    reply = next(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")])))
    assert {"kantor.v1.Jobs", "kantor.v1.Artifacts", "kantor.v1.Engines", "grpc.health.v1.Health"} <= {
        service.name for service in reply.list_services_response.service
    }


def test_the_stubs_are_those_of_the_proto_file() -> None:
    command = [sys.executable, "-m", "service.grpc.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a certificate for localhost and one for a client."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    for name in ("server", "client"):
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signing)
    return folder


def test_tls_and_client_certificates(settings: Settings, mine: Metadata, certificates: Path) -> None:
    def read(name: str) -> bytes:
        return (certificates / name).read_bytes()

    tls = {"grpc_certificate": certificates / "server.pem", "grpc_key": certificates / "server.key"}
    mutual = settings.model_copy(update={**tls, "grpc_client_authority": certificates / "ca.pem"})
    with LiveGrpc(mutual) as live:
        known = grpc.ssl_channel_credentials(read("ca.pem"), read("client.key"), read("client.pem"))
        with grpc.secure_channel(live.target, known) as channel:
            assert EnginesStub(channel).GetStatus(Empty(), metadata=mine, timeout=10).content
        for stranger in (
            grpc.secure_channel(live.target, grpc.ssl_channel_credentials(read("ca.pem"))),
            grpc.insecure_channel(live.target),
        ):
            with stranger, pytest.raises(grpc.RpcError) as caught:
                EnginesStub(stranger).GetStatus(Empty(), metadata=mine, timeout=10)
            assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
