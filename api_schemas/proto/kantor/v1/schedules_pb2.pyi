import datetime

from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from api_schemas.proto.kantor.v1 import kantor_pb2 as _kantor_pb2
from api_schemas.proto.kantor.v1 import studies_pb2 as _studies_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateScheduleRequest(_message.Message):
    __slots__ = ("definition",)
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    definition: bytes
    def __init__(self, definition: _Optional[bytes] = ...) -> None: ...

class GetScheduleRequest(_message.Message):
    __slots__ = ("schedule_id",)
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    def __init__(self, schedule_id: _Optional[str] = ...) -> None: ...

class ListSchedulesRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSchedulesResponse(_message.Message):
    __slots__ = ("schedules", "next_page_token")
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    schedules: _containers.RepeatedCompositeFieldContainer[Schedule]
    next_page_token: str
    def __init__(self, schedules: _Optional[_Iterable[_Union[Schedule, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetScheduleStateRequest(_message.Message):
    __slots__ = ("schedule_id", "state")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    state: str
    def __init__(self, schedule_id: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class DeleteScheduleRequest(_message.Message):
    __slots__ = ("schedule_id",)
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    def __init__(self, schedule_id: _Optional[str] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("id", "name", "state", "kind", "horizon", "policy", "definition", "versions", "current", "runs", "labels", "created_at", "updated_at")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    state: str
    kind: str
    horizon: int
    policy: str
    definition: bytes
    versions: int
    current: int
    runs: int
    labels: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., kind: _Optional[str] = ..., horizon: _Optional[int] = ..., policy: _Optional[str] = ..., definition: _Optional[bytes] = ..., versions: _Optional[int] = ..., current: _Optional[int] = ..., runs: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Knot(_message.Message):
    __slots__ = ("step", "value")
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    step: float
    value: float
    def __init__(self, step: _Optional[float] = ..., value: _Optional[float] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("schedule_id", "version")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    version: int
    def __init__(self, schedule_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ScheduleVersion(_message.Message):
    __slots__ = ("version", "curve", "provenance", "created_at")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    version: int
    curve: _containers.RepeatedCompositeFieldContainer[Knot]
    provenance: bytes
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[int] = ..., curve: _Optional[_Iterable[_Union[Knot, _Mapping]]] = ..., provenance: _Optional[bytes] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[ScheduleVersion]
    def __init__(self, versions: _Optional[_Iterable[_Union[ScheduleVersion, _Mapping]]] = ...) -> None: ...

class RefineRequest(_message.Message):
    __slots__ = ("schedule_id", "runs", "norm", "tau", "promote", "wait_seconds")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    TAU_FIELD_NUMBER: _ClassVar[int]
    PROMOTE_FIELD_NUMBER: _ClassVar[int]
    WAIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    runs: _containers.RepeatedScalarFieldContainer[int]
    norm: str
    tau: float
    promote: bool
    wait_seconds: float
    def __init__(self, schedule_id: _Optional[str] = ..., runs: _Optional[_Iterable[int]] = ..., norm: _Optional[str] = ..., tau: _Optional[float] = ..., promote: _Optional[bool] = ..., wait_seconds: _Optional[float] = ...) -> None: ...

class RefineResponse(_message.Message):
    __slots__ = ("version", "job")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    version: ScheduleVersion
    job: str
    def __init__(self, version: _Optional[_Union[ScheduleVersion, _Mapping]] = ..., job: _Optional[str] = ...) -> None: ...

class CreateRunRequest(_message.Message):
    __slots__ = ("schedule_id", "client_id", "version", "context")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    client_id: str
    version: int
    context: float
    def __init__(self, schedule_id: _Optional[str] = ..., client_id: _Optional[str] = ..., version: _Optional[int] = ..., context: _Optional[float] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("schedule_id", "number")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    number: int
    def __init__(self, schedule_id: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs",)
    RUNS_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("number", "version", "state", "horizon", "curve", "advice", "final", "created_at", "finished_at", "reason")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HORIZON_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    number: int
    version: int
    state: str
    horizon: int
    curve: _containers.RepeatedCompositeFieldContainer[Knot]
    advice: bytes
    final: _studies_pb2.Values
    created_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, number: _Optional[int] = ..., version: _Optional[int] = ..., state: _Optional[str] = ..., horizon: _Optional[int] = ..., curve: _Optional[_Iterable[_Union[Knot, _Mapping]]] = ..., advice: _Optional[bytes] = ..., final: _Optional[_Union[_studies_pb2.Values, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("step", "norm", "norm1", "variance", "orthogonal", "loss", "score", "batch", "value")
    STEP_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    NORM1_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_FIELD_NUMBER: _ClassVar[int]
    ORTHOGONAL_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    step: int
    norm: float
    norm1: float
    variance: float
    orthogonal: float
    loss: float
    score: float
    batch: int
    value: float
    def __init__(self, step: _Optional[int] = ..., norm: _Optional[float] = ..., norm1: _Optional[float] = ..., variance: _Optional[float] = ..., orthogonal: _Optional[float] = ..., loss: _Optional[float] = ..., score: _Optional[float] = ..., batch: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...

class ObserveRequest(_message.Message):
    __slots__ = ("schedule_id", "number", "observations")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    number: int
    observations: _containers.RepeatedCompositeFieldContainer[Observation]
    def __init__(self, schedule_id: _Optional[str] = ..., number: _Optional[int] = ..., observations: _Optional[_Iterable[_Union[Observation, _Mapping]]] = ...) -> None: ...

class ObserveResponse(_message.Message):
    __slots__ = ("stored", "version", "advice")
    STORED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    stored: int
    version: int
    advice: bytes
    def __init__(self, stored: _Optional[int] = ..., version: _Optional[int] = ..., advice: _Optional[bytes] = ...) -> None: ...

class ListObservationsRequest(_message.Message):
    __slots__ = ("schedule_id", "number", "after", "limit")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    number: int
    after: int
    limit: int
    def __init__(self, schedule_id: _Optional[str] = ..., number: _Optional[int] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListObservationsResponse(_message.Message):
    __slots__ = ("observations", "after", "more")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    observations: _containers.RepeatedCompositeFieldContainer[Observation]
    after: int
    more: bool
    def __init__(self, observations: _Optional[_Iterable[_Union[Observation, _Mapping]]] = ..., after: _Optional[int] = ..., more: _Optional[bool] = ...) -> None: ...

class GetObservedRequest(_message.Message):
    __slots__ = ("schedule_id", "of", "runs", "most")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    of: str
    runs: _containers.RepeatedScalarFieldContainer[int]
    most: int
    def __init__(self, schedule_id: _Optional[str] = ..., of: _Optional[str] = ..., runs: _Optional[_Iterable[int]] = ..., most: _Optional[int] = ...) -> None: ...

class FinishRunRequest(_message.Message):
    __slots__ = ("schedule_id", "number", "state", "final", "reason")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    number: int
    state: str
    final: _studies_pb2.Values
    reason: str
    def __init__(self, schedule_id: _Optional[str] = ..., number: _Optional[int] = ..., state: _Optional[str] = ..., final: _Optional[_Union[_studies_pb2.Values, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...
