"""Engines, workers and queues, as operators and users want to see them."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_schemas import VERSION
from api_schemas.engines import EngineList, ServiceStatus, WorkerList
from service import projects, registry
from service.keys import Principal
from service.rest import state as states
from service.rest import views
from service.rest.access import READER, Reader
from service.rest.jobs import ALWAYS
from service.rest.openapi import ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.settings import Settings
from service.store.connect import Database

router = APIRouter(prefix="/v1", tags=["service"], route_class=Route)


@router.get(
    "/engines",
    operation_id="engines_list",
    response_model=None,
    responses={200: ok("Engines with their options.", EngineList), **documented(*ALWAYS, "invalid-request")},
    dependencies=[READER],
)
async def engines(request: Request) -> Response:
    """The engines that live workers offer, with their options and defaults."""
    state = states.of(request)
    found = await state.database(registry.engines, state.settings)
    return views.json_response(EngineList(engines=found).model_dump_json().encode())


@router.get(
    "/workers",
    operation_id="workers_list",
    response_model=None,
    responses={200: ok("Live workers.", WorkerList), **documented(*ALWAYS, "invalid-request")},
    dependencies=[READER],
)
async def workers(request: Request) -> Response:
    """The workers that are alive."""
    state = states.of(request)
    found = await state.database(registry.live_workers, state.settings)
    return views.json_response(WorkerList(workers=found).model_dump_json().encode())


@router.get(
    "/status",
    operation_id="status_get",
    response_model=None,
    responses={200: ok("The service at a glance.", ServiceStatus), **documented(*ALWAYS, "invalid-request")},
)
async def status(request: Request, principal: Reader) -> Response:
    """The project of the key, its queues, and how many workers there are."""
    state = states.of(request)
    found = await state.database(status_of, principal, state.settings)
    return views.json_response(found.model_dump_json().encode())


def status_of(conn: Database, principal: Principal, settings: Settings) -> ServiceStatus:
    """The service at a glance, as a project sees it."""
    return ServiceStatus(
        version=VERSION,
        project=projects.name_of(conn, principal.project_id) or "",
        scopes=sorted(principal.scopes),
        queues=registry.queue_depths(conn, principal.project_id),
        workers=len(registry.live_workers(conn, settings)),
        time=datetime.now(UTC),
    )
