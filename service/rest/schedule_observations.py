"""What runs of a schedule have seen."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.schedules import ObservationPage, Observed, Quantity
from service import schedules
from service.rest import state as states
from service.rest import views
from service.rest.access import Reader, ScheduleId
from service.rest.jobs import ALWAYS
from service.rest.openapi import ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.schedule_views import dumps

router = APIRouter(prefix="/v1/schedules/{schedule_id}", tags=["schedules"], route_class=Route)

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The run's number, from 1.")]
_RunNumber = Annotated[int, Query(ge=1, le=2**31 - 1)]


@router.get(
    "/observations",
    operation_id="schedules_observed",
    response_model=None,
    responses={
        200: ok("Runs by number, each with cells by step.", Observed),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def observed(
    request: Request,
    principal: Reader,
    schedule_id: ScheduleId,
    of: Annotated[Quantity, Query(description="What to look at.")] = "norm",
    run: Annotated[
        list[_RunNumber] | None,
        Query(max_length=50, description="Of these runs; repeat it. By default of the 20 newest."),
    ] = None,
    most: Annotated[int, Query(ge=1, le=2000, description="At most so many cells of each run.")] = 300,
) -> Response:
    """One quantity of several runs over their steps, thinned so that long runs can be drawn over each other.

    A cell is a stretch of steps, the same for all runs, with the median and the range of what was seen in it; values
    that are not finite are left out.
    """
    found = await states.of(request).database(
        schedules.observed, principal.project_id, schedule_id, of=of, runs=run, most=most
    )
    return views.json_response(dumps(found))


@router.get(
    "/runs/{number}/observations",
    operation_id="runs_observations",
    response_model=None,
    responses={
        200: ok("Observations by step.", ObservationPage),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def observations(
    request: Request,
    principal: Reader,
    schedule_id: ScheduleId,
    number: Number,
    after: Annotated[int, Query(ge=-1, le=2**53, description="Only steps above.")] = -1,
    limit: Annotated[int, Query(ge=1, description="At most 10000 are sent.")] = 1000,
) -> Response:
    """What a run has seen, as it was sent."""
    found = await states.of(request).database(
        schedules.observations, principal.project_id, schedule_id, number, after=after, limit=min(limit, 10_000)
    )
    return views.json_response(dumps(found))
