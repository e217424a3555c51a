"""Whether this process lives, and whether it can do its work. No key is needed, and nothing private is told."""

from __future__ import annotations

import asyncio

import psycopg
import psycopg_pool
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.engines import Health
from api_schemas.errors import KantorError
from service.rest import state as states
from service.rest import views
from service.rest.catalogue import DEFAULT_POOL
from service.rest.openapi import ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.store import migrate

router = APIRouter(prefix="/health", tags=["health"], route_class=Route)

_PATIENCE = 3.0


@router.get(
    "/live",
    operation_id="health_live",
    response_model=None,
    responses={200: ok("It lives.", Health), **documented("invalid-request")},
)
async def live() -> Response:
    """This process answers."""
    return views.json_response(Health(status="ok").model_dump_json(exclude_none=True).encode())


@router.get(
    "/ready",
    operation_id="health_ready",
    response_model=None,
    responses={
        200: ok("Jobs can be submitted; `degraded`: the broker is down, so they start later.", Health),
        **documented("unavailable", "invalid-request"),
    },
)
async def ready(request: Request) -> Response:
    """The database answers, and has the tables of this version; and does the broker?"""
    state = states.of(request)
    try:
        async with asyncio.timeout(_PATIENCE):
            lacks = await state.database(migrate.missing)
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError):
        raise KantorError("unavailable", "The database does not answer.") from None
    if lacks is not None:
        raise KantorError("unavailable", lacks)
    broker = await asyncio.to_thread(state.bell.waiting, DEFAULT_POOL) is not None
    health = Health(status="ok" if broker else "degraded", database=True, broker=broker)
    return views.json_response(health.model_dump_json().encode())
