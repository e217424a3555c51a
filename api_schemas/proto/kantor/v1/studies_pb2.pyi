import datetime

from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from api_schemas.proto.kantor.v1 import kantor_pb2 as _kantor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Values(_message.Message):
    __slots__ = ("items",)
    class ItemsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.ScalarMap[str, float]
    def __init__(self, items: _Optional[_Mapping[str, float]] = ...) -> None: ...

class CreateStudyRequest(_message.Message):
    __slots__ = ("definition",)
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    definition: bytes
    def __init__(self, definition: _Optional[bytes] = ...) -> None: ...

class GetStudyRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class ListStudiesRequest(_message.Message):
    __slots__ = ("name", "state", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStudiesResponse(_message.Message):
    __slots__ = ("studies", "next_page_token")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[Study]
    next_page_token: str
    def __init__(self, studies: _Optional[_Iterable[_Union[Study, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetStudyStateRequest(_message.Message):
    __slots__ = ("study_id", "state")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    state: str
    def __init__(self, study_id: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class DeleteStudyRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class Study(_message.Message):
    __slots__ = ("id", "name", "state", "definition", "seed", "budget", "labels", "trials", "prepared", "watermark", "problem", "created_at", "updated_at", "warnings")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class TrialsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    PREPARED_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    state: str
    definition: bytes
    seed: int
    budget: int
    labels: _containers.ScalarMap[str, str]
    trials: _containers.ScalarMap[str, int]
    prepared: int
    watermark: int
    problem: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., definition: _Optional[bytes] = ..., seed: _Optional[int] = ..., budget: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., trials: _Optional[_Mapping[str, int]] = ..., prepared: _Optional[int] = ..., watermark: _Optional[int] = ..., problem: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class AskRequest(_message.Message):
    __slots__ = ("study_id", "count", "client_id", "fixed", "wait", "lease_seconds")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    count: int
    client_id: str
    fixed: bytes
    wait: float
    lease_seconds: float
    def __init__(self, study_id: _Optional[str] = ..., count: _Optional[int] = ..., client_id: _Optional[str] = ..., fixed: _Optional[bytes] = ..., wait: _Optional[float] = ..., lease_seconds: _Optional[float] = ...) -> None: ...

class AskResponse(_message.Message):
    __slots__ = ("trials", "done", "reason")
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedCompositeFieldContainer[Trial]
    done: bool
    reason: str
    def __init__(self, trials: _Optional[_Iterable[_Union[Trial, _Mapping]]] = ..., done: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("number", "state", "params", "values", "feasible", "reason", "attempt", "client_id", "lease_until", "lease_seconds", "origin", "why", "engine", "engine_version", "seed", "watermark", "explanation", "created_at", "started_at", "finished_at")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    LEASE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    number: int
    state: str
    params: bytes
    values: Values
    feasible: bool
    reason: str
    attempt: int
    client_id: str
    lease_until: _timestamp_pb2.Timestamp
    lease_seconds: float
    origin: str
    why: str
    engine: str
    engine_version: str
    seed: int
    watermark: int
    explanation: bytes
    created_at: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    def __init__(self, number: _Optional[int] = ..., state: _Optional[str] = ..., params: _Optional[bytes] = ..., values: _Optional[_Union[Values, _Mapping]] = ..., feasible: _Optional[bool] = ..., reason: _Optional[str] = ..., attempt: _Optional[int] = ..., client_id: _Optional[str] = ..., lease_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease_seconds: _Optional[float] = ..., origin: _Optional[str] = ..., why: _Optional[str] = ..., engine: _Optional[str] = ..., engine_version: _Optional[str] = ..., seed: _Optional[int] = ..., watermark: _Optional[int] = ..., explanation: _Optional[bytes] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TellRequest(_message.Message):
    __slots__ = ("study_id", "number", "state", "values", "reason", "attempt")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    state: str
    values: Values
    reason: str
    attempt: int
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ..., state: _Optional[str] = ..., values: _Optional[_Union[Values, _Mapping]] = ..., reason: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class TrialLease(_message.Message):
    __slots__ = ("study_id", "number", "attempt")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    attempt: int
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("study_id", "number", "step", "values", "attempt")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    step: int
    values: Values
    attempt: int
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ..., step: _Optional[int] = ..., values: _Optional[_Union[Values, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...

class Lease(_message.Message):
    __slots__ = ("lease_until", "should_stop", "reason")
    LEASE_UNTIL_FIELD_NUMBER: _ClassVar[int]
    SHOULD_STOP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    lease_until: _timestamp_pb2.Timestamp
    should_stop: bool
    reason: str
    def __init__(self, lease_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., should_stop: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class CreateTrialRequest(_message.Message):
    __slots__ = ("study_id", "params", "values", "reason")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    params: bytes
    values: Values
    reason: str
    def __init__(self, study_id: _Optional[str] = ..., params: _Optional[bytes] = ..., values: _Optional[_Union[Values, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetTrialRequest(_message.Message):
    __slots__ = ("study_id", "number")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class ListTrialsRequest(_message.Message):
    __slots__ = ("study_id", "states", "after", "limit")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    states: _containers.RepeatedScalarFieldContainer[str]
    after: int
    limit: int
    def __init__(self, study_id: _Optional[str] = ..., states: _Optional[_Iterable[str]] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListTrialsResponse(_message.Message):
    __slots__ = ("trials", "next_after")
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedCompositeFieldContainer[Trial]
    next_after: int
    def __init__(self, trials: _Optional[_Iterable[_Union[Trial, _Mapping]]] = ..., next_after: _Optional[int] = ...) -> None: ...

class EditTrialRequest(_message.Message):
    __slots__ = ("study_id", "number", "state", "values", "reason")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    state: str
    values: Values
    reason: str
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ..., state: _Optional[str] = ..., values: _Optional[_Union[Values, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Front(_message.Message):
    __slots__ = ("trials", "hypervolume", "reference")
    class ReferenceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    HYPERVOLUME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedCompositeFieldContainer[Trial]
    hypervolume: float
    reference: _containers.ScalarMap[str, float]
    def __init__(self, trials: _Optional[_Iterable[_Union[Trial, _Mapping]]] = ..., hypervolume: _Optional[float] = ..., reference: _Optional[_Mapping[str, float]] = ...) -> None: ...

class AnalyzeRequest(_message.Message):
    __slots__ = ("study_id", "work", "arguments", "wait_seconds")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    WAIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    work: str
    arguments: bytes
    wait_seconds: float
    def __init__(self, study_id: _Optional[str] = ..., work: _Optional[str] = ..., arguments: _Optional[bytes] = ..., wait_seconds: _Optional[float] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("job", "content")
    JOB_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    job: str
    content: bytes
    def __init__(self, job: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("study_id", "best", "others", "key")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    best: _containers.RepeatedScalarFieldContainer[int]
    others: _containers.RepeatedScalarFieldContainer[int]
    key: str
    def __init__(self, study_id: _Optional[str] = ..., best: _Optional[_Iterable[int]] = ..., others: _Optional[_Iterable[int]] = ..., key: _Optional[str] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("number", "best", "others", "key", "by", "at", "retracted")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    RETRACTED_FIELD_NUMBER: _ClassVar[int]
    number: int
    best: _containers.RepeatedScalarFieldContainer[int]
    others: _containers.RepeatedScalarFieldContainer[int]
    key: str
    by: str
    at: _timestamp_pb2.Timestamp
    retracted: int
    def __init__(self, number: _Optional[int] = ..., best: _Optional[_Iterable[int]] = ..., others: _Optional[_Iterable[int]] = ..., key: _Optional[str] = ..., by: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retracted: _Optional[int] = ...) -> None: ...

class ListComparisonsRequest(_message.Message):
    __slots__ = ("study_id", "after", "limit")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    after: int
    limit: int
    def __init__(self, study_id: _Optional[str] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListComparisonsResponse(_message.Message):
    __slots__ = ("comparisons", "next_after")
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_AFTER_FIELD_NUMBER: _ClassVar[int]
    comparisons: _containers.RepeatedCompositeFieldContainer[Comparison]
    next_after: int
    def __init__(self, comparisons: _Optional[_Iterable[_Union[Comparison, _Mapping]]] = ..., next_after: _Optional[int] = ...) -> None: ...

class RetractComparisonRequest(_message.Message):
    __slots__ = ("study_id", "number")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    number: int
    def __init__(self, study_id: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class ImportTrialsRequest(_message.Message):
    __slots__ = ("study_id", "content")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    content: bytes
    def __init__(self, study_id: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class ImportTrialsResponse(_message.Message):
    __slots__ = ("imported", "known")
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    imported: int
    known: int
    def __init__(self, imported: _Optional[int] = ..., known: _Optional[int] = ...) -> None: ...
