"""Kantor: optimization as a service, with a certificate on every answer.

    client = kantor.Client()
    answer = client.solve(kantor.Program.from_file("air05.mps.gz"), time_limit=60)

Names are loaded when first used: ``import kantor`` itself takes a few milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kantor._version import __version__
from kantor.errors import (
    APIError,
    ArtifactMissing,
    Conflict,
    ConnectionFailed,
    EngineFailure,
    Expired,
    Forbidden,
    IdempotencyMismatch,
    Internal,
    InvalidOption,
    InvalidPageToken,
    InvalidProblem,
    InvalidRequest,
    JobCancelled,
    JobFailed,
    KantorError,
    MalformedFile,
    MalformedJson,
    MethodNotAllowed,
    NoPoint,
    NotAcceptable,
    NotFinished,
    NotFound,
    OutOfMemory,
    QuotaExceeded,
    RangeNotSatisfiable,
    RateLimited,
    RequestTimeout,
    RunnerDied,
    StaleLease,
    Timeout,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnknownEngine,
    UnsupportedMediaType,
    UnsupportedProblem,
    WorkerLost,
)

if TYPE_CHECKING:
    from kantor import templates, webhooks
    from kantor.aio import AsyncClient, AsyncJob
    from kantor.answer import Answer
    from kantor.bilevel import Bilevel
    from kantor.bilevel_answer import BilevelAnswer
    from kantor.bilevel_files import read_bilevel
    from kantor.certificate import Certificate
    from kantor.client import Client
    from kantor.embedded import embedded
    from kantor.job import Job
    from kantor.minimize import Minimize
    from kantor.minimize_answer import MinimizeAnswer
    from kantor.options import Options
    from kantor.pareto import Pareto, ParetoAnswer
    from kantor.parts import SOS, Cone, Indicator
    from kantor.program import Program
    from kantor.progress import Progress
    from kantor.saddle import Saddle, SaddleAnswer
    from kantor.scenarios import Scenarios
    from kantor.schedules import Schedule
    from kantor.sif import read_sif
    from kantor.studies import Study, StudyDone
    from kantor.studies_space import Categorical, Fidelity, Float, Int, Ordinal
    from kantor.studies_trial import Trial
    from kantor.transport import Transport, TransportBatch
    from kantor.transport_answer import TransportAnswer
    from kantor.transport_distances import Distances, distances
    from kantor.transport_others import Barycenter, Gromov, Sliced

_LAZY = {
    "AsyncClient": "aio",
    "AsyncJob": "aio",
    "Answer": "answer",
    "Certificate": "certificate",
    "Client": "client",
    "embedded": "embedded",
    "Job": "job",
    "Minimize": "minimize",
    "MinimizeAnswer": "minimize_answer",
    "Options": "options",
    "Pareto": "pareto",
    "ParetoAnswer": "pareto",
    "Saddle": "saddle",
    "SaddleAnswer": "saddle",
    "Categorical": "studies_space",
    "Fidelity": "studies_space",
    "Float": "studies_space",
    "Int": "studies_space",
    "Ordinal": "studies_space",
    "Schedule": "schedules",
    "Study": "studies",
    "StudyDone": "studies",
    "Trial": "studies_trial",
    "SOS": "parts",
    "Cone": "parts",
    "Indicator": "parts",
    "Barycenter": "transport_others",
    "Bilevel": "bilevel",
    "BilevelAnswer": "bilevel_answer",
    "read_bilevel": "bilevel_files",
    "read_sif": "sif",
    "Distances": "transport_distances",
    "Gromov": "transport_others",
    "Sliced": "transport_others",
    "Transport": "transport",
    "TransportAnswer": "transport_answer",
    "TransportBatch": "transport",
    "distances": "transport_distances",
    "Program": "program",
    "Progress": "progress",
    "Scenarios": "scenarios",
}

_MODULES = frozenset({"integrations", "templates", "torch", "webhooks"})

__all__ = [
    "SOS",
    "APIError",
    "Answer",
    "ArtifactMissing",
    "AsyncClient",
    "AsyncJob",
    "Barycenter",
    "Bilevel",
    "BilevelAnswer",
    "Categorical",
    "Certificate",
    "Client",
    "Cone",
    "Conflict",
    "ConnectionFailed",
    "Distances",
    "EngineFailure",
    "Expired",
    "Fidelity",
    "Float",
    "Forbidden",
    "Gromov",
    "IdempotencyMismatch",
    "Indicator",
    "Int",
    "Internal",
    "InvalidOption",
    "InvalidPageToken",
    "InvalidProblem",
    "InvalidRequest",
    "Job",
    "JobCancelled",
    "JobFailed",
    "KantorError",
    "MalformedFile",
    "MalformedJson",
    "MethodNotAllowed",
    "Minimize",
    "MinimizeAnswer",
    "NoPoint",
    "NotAcceptable",
    "NotFinished",
    "NotFound",
    "Options",
    "Ordinal",
    "OutOfMemory",
    "Pareto",
    "ParetoAnswer",
    "Program",
    "Progress",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "RequestTimeout",
    "RunnerDied",
    "Saddle",
    "SaddleAnswer",
    "Scenarios",
    "Schedule",
    "Sliced",
    "StaleLease",
    "Study",
    "StudyDone",
    "Timeout",
    "TooLarge",
    "Transport",
    "TransportAnswer",
    "TransportBatch",
    "Trial",
    "Unauthenticated",
    "Unavailable",
    "UnknownEngine",
    "UnsupportedMediaType",
    "UnsupportedProblem",
    "WorkerLost",
    "__version__",
    "distances",
    "embedded",
    "read_bilevel",
    "read_sif",
    "templates",
    "webhooks",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"kantor.{name}")
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'kantor' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"kantor.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
