"""Studies by preference: comparisons of trials."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.study_comparisons import Comparison, ComparisonPage, ComparisonRequest
from service import studies
from service.rest import bodies, parsing, study_asks, study_views, views
from service.rest import state as states
from service.rest.access import Reader, StudyId, Writer
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.studies import BODY, BODY_LIMIT
from service.rest.study_examples import COMPARISON_REQUESTS
from service.studies import ComparisonRow

router = APIRouter(prefix="/v1/studies/{study_id}/comparisons", tags=["studies"], route_class=Route)

Number = Annotated[int, Path(ge=1, le=2**53, description="The comparison's number.")]


@router.post(
    "",
    operation_id="comparisons_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The comparison.", Comparison),
        200: ok("The comparison that was told under this key before.", Comparison),
        **documented(*ALWAYS, *BODY, "not-found", "conflict"),
    },
    openapi_extra=body("ComparisonRequest", COMPARISON_REQUESTS),
)
async def create(request: Request, principal: Writer, study_id: StudyId) -> Response:
    """Say which of several trials are best, in order; for studies by preference.

    Trials that are under way have ended with it. With a `key` it can be sent again without counting twice.
    """
    wanted = parsing.parse(ComparisonRequest, await bodies.read_json(request, BODY_LIMIT))
    row, again = await compare(states.of(request), principal.project_id, study_id, wanted, key_id=principal.key_id)
    return views.json_response(study_views.dumps(asdict(row)), 200 if again else 201)


@router.get(
    "",
    operation_id="comparisons_list",
    response_model=None,
    responses={
        200: ok("A page of comparisons by number.", ComparisonPage),
        **documented(*ALWAYS, "not-found", "invalid-request"),
    },
)
async def list_comparisons(
    request: Request,
    principal: Reader,
    study_id: StudyId,
    after: Annotated[int, Query(ge=0, description="Only comparisons with higher numbers.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> Response:
    """Comparisons by number, also those that were retracted."""
    rows = await states.of(request).database(
        studies.list_comparisons, principal.project_id, study_id, after=after, limit=limit + 1
    )
    page = {
        "comparisons": [asdict(row) for row in rows[:limit]],
        "next_after": rows[limit - 1].number if len(rows) > limit else None,
    }
    return views.json_response(study_views.dumps(page))


@router.delete(
    "/{number}",
    operation_id="comparisons_retract",
    response_model=None,
    responses={
        200: ok("The comparison, which counts no more.", Comparison),
        **documented(*ALWAYS, "not-found", "conflict", "invalid-request"),
    },
)
async def retract(request: Request, principal: Writer, study_id: StudyId, number: Number) -> Response:
    """Take a comparison back. It is kept, so that earlier suggestions can still be made again."""
    row = await take_back(states.of(request), principal.project_id, study_id, number)
    return views.json_response(study_views.dumps(asdict(row)))


async def compare(
    state: states.State, project_id: UUID, study_id: UUID, wanted: ComparisonRequest, *, key_id: UUID
) -> tuple[ComparisonRow, bool]:
    """A comparison by the owner of a key, and whether it was told before; new suggestions are on their way."""
    by = f"key {key_id.hex}"
    row, again = await state.database(studies.compare, project_id, study_id, wanted, by=by)
    if not again:
        await _refill(state, project_id, study_id)
    return row, again


async def take_back(state: states.State, project_id: UUID, study_id: UUID, number: int) -> ComparisonRow:
    """A comparison that counts no more; new suggestions are on their way."""
    row: ComparisonRow = await state.database(studies.retract, project_id, study_id, number)
    await _refill(state, project_id, study_id)
    return row


async def _refill(state: states.State, project_id: UUID, study_id: UUID) -> None:
    """After a commit of its own: if it fails, the next ask sees to it."""
    study = (await state.database(studies.get, project_id, study_id)).study
    if study.state == "active" and (study.budget is None or study.asked < study.budget):
        await study_asks.prepare(state, study, 1)
