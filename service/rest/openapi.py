"""What the generated OpenAPI lacks: bodies that are read by hand, reply headers, problem details, security."""

from __future__ import annotations

import math
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api_schemas import VERSION
from api_schemas.errors import Problem
from api_schemas.jobs import JobRequest
from api_schemas.keys import KeyRequest, KeyRotation
from api_schemas.schedules import (
    FinishRequest,
    ObservationBatch,
    PromoteRequest,
    RefineRequest,
    RunRequest,
    ScheduleRequest,
)
from api_schemas.studies import (
    AskRequest,
    EditRequest,
    LeaseRequest,
    PredictRequest,
    ReportRequest,
    StudyRequest,
    TellRequest,
    TrialRequest,
)
from api_schemas.study_comparisons import ComparisonRequest
from api_schemas.study_imports import ImportRequest
from api_schemas.tenants import MemberChange, MemberRequest, ProjectRequest
from api_schemas.webhooks import SecretRotation, WebhookChange, WebhookRequest

DESCRIPTION = """\
Optimization as a service. A job is a problem with options; a worker solves it; the answer carries a certificate that
Kantor checked itself. Numbers that are infinite are the JSON strings `"Infinity"` and `"-Infinity"`. Every error is
problem details (RFC 9457) with a stable `code` and, for each wrong field, a JSON pointer.
"""
TAGS = [
    {"name": "jobs", "description": "Submit problems, follow them, fetch answers."},
    {"name": "artifacts", "description": "Large inputs and answers."},
    {"name": "studies", "description": "Black-box optimization by ask and tell."},
    {"name": "schedules", "description": "Knobs of a training over its steps."},
    {"name": "service", "description": "Engines, workers, queues."},
    {"name": "keys", "description": "API keys of the project."},
    {"name": "tenants", "description": "Organisation, projects, members, usage, audit log."},
    {"name": "webhooks", "description": "Be told when jobs end."},
    {"name": "health", "description": "For load balancers and operators; no key needed."},
]
BODIES: tuple[type[BaseModel], ...] = (
    *(WebhookRequest, WebhookChange, SecretRotation),
    *(JobRequest, KeyRequest, KeyRotation, ProjectRequest, MemberRequest, MemberChange),
    *(StudyRequest, AskRequest, TrialRequest, TellRequest, ReportRequest, LeaseRequest, EditRequest, PredictRequest),
    *(ComparisonRequest, ImportRequest),
    *(ScheduleRequest, PromoteRequest, RefineRequest, RunRequest, ObservationBatch, FinishRequest),
)
"""What the routes read by hand."""
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "kt_...", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
}
_REQUEST_ID = {
    "X-Request-Id": {
        "description": "Names this request in the log; the client's own, if it sent one.",
        "schema": {"type": "string"},
    }
}


def ok(description: str, model: Any = None, *, media_type: str = "", **headers: dict[str, Any]) -> dict[str, Any]:
    """A good reply: of a model, or of another media type; with headers (``_`` for ``-``)."""
    response: dict[str, Any] = {"description": description}
    if model is not None:
        response["model"] = model
    if media_type:
        response["content"] = {media_type: {"schema": {"type": "string"}}}
    if headers:
        response["headers"] = {name.replace("_", "-"): value for name, value in headers.items()}
    return response


def header(description: str) -> dict[str, Any]:
    """A header of a reply."""
    return {"description": description, "schema": {"type": "string"}}


def parameter(name: str, place: str, description: str, **schema: Any) -> dict[str, Any]:
    """A parameter that the route reads by hand."""
    return {"name": name, "in": place, "description": description, "schema": schema or {"type": "string"}}


def body(model: str, examples: dict[str, Any]) -> dict[str, Any]:
    """A JSON body that the route reads by hand."""
    content = {"schema": {"$ref": f"#/components/schemas/{model}"}, "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def install(app: FastAPI) -> None:
    """Let the application describe itself with all of this; made once, when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _generate(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _generate(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title="Kantor",
        version=VERSION,
        summary="Optimization as a service",
        description=DESCRIPTION,
        tags=TAGS,
        routes=app.routes,
    )
    _, definitions = models_json_schema(
        [*((model, "validation") for model in BODIES), (Problem, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    schemas = schema["components"]["schemas"] = _plain(schema["components"]["schemas"])
    for name, definition in _plain(definitions["$defs"]).items():
        if schemas.setdefault(name, definition) != definition:
            raise RuntimeError(f"{name} differs between requests and replies: it needs two models")
    schema["components"]["schemas"] = dict(sorted(schemas.items()))
    schema["components"]["securitySchemes"] = _SECURITY
    schema["security"] = [{name: []} for name in _SECURITY]
    for operations in schema["paths"].values():
        for operation in operations.values():
            if "health" in operation["tags"]:
                operation["security"] = []
            for response in operation["responses"].values():
                response.setdefault("headers", {}).update(_REQUEST_ID)
    return schema


def _plain(value: Any) -> Any:
    """Without defaults that say nothing (null) or that are not JSON (infinite numbers)."""
    if isinstance(value, dict):
        return {
            name: _plain(inner)
            for name, inner in value.items()
            if not (name == "default" and (inner is None or inner in (math.inf, -math.inf)))
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
