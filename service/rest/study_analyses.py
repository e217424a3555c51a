"""What a study's data say: importance, surfaces, calibration, predictions, suggestions again. Workers compute it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.base import Line
from api_schemas.ids import JOB, encode
from api_schemas.study_analyses import Analysis, PredictRequest
from service.rest import bodies, parsing, views, waiting
from service.rest import state as states
from service.rest.access import Reader, StudyId, require_key
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, header, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.rest.studies import BODY, BODY_LIMIT
from service.rest.study_examples import PREDICT_REQUESTS
from service.studies import analysis

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["studies"], route_class=Route)

Wait = Annotated[float, Query(ge=0, description="Seconds to wait for it; at most 60 count.")]
Objective = Annotated[Line | None, Query(description="By default the first.")]
At = Annotated[
    int | None,
    Query(ge=1, le=2**31 - 1, description="The trial that gives the other parameters; by default their average."),
]
_LONGEST_WAIT = 60.0
_FIELDS = tuple(Analysis.model_fields)
_ERRORS = (
    *(*ALWAYS, "not-found", "invalid-request", "not-finished", "unsupported-problem"),
    *("engine-failure", "conflict", "quota-exceeded"),
)
_REPLIES: dict[int | str, dict[str, Any]] = {
    200: ok("What the data say now.", Analysis),
    202: {
        "description": "A worker is at it: ask again.",
        "headers": {"Location": header("The job."), "Retry-After": header("Seconds.")},
    },
}


@router.get(
    "/importance",
    operation_id="studies_importance",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def importance(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """How much each parameter matters: the share of each objective's variance that changing it alone explains."""
    return await _look(request, principal.project_id, study_id, {"work": "importance"}, wait)


@router.get(
    "/marginals",
    operation_id="studies_marginals",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def marginals(
    request: Request,
    principal: Reader,
    study_id: StudyId,
    parameter: Annotated[list[Line] | None, Query(max_length=100, description="By default all, at most 100.")] = None,
    objective: Objective = None,
    grid: Annotated[int, Query(ge=2, le=200, description="Points along a parameter.")] = 50,
    trial: At = None,
    wait: Wait = 0.0,
) -> Response:
    """What the model expects along each parameter: averaged over all others, or with the others as in a trial."""
    work = {"work": "marginals", "parameters": parameter or [], "objective": objective, "grid": grid, "trial": trial}
    return await _look(request, principal.project_id, study_id, work, wait)


@router.get(
    "/contour",
    operation_id="studies_contour",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def contour(
    request: Request,
    principal: Reader,
    study_id: StudyId,
    x: Annotated[Line, Query(description="The first parameter.")],
    y: Annotated[Line, Query(description="The second parameter.")],
    objective: Objective = None,
    grid: Annotated[int, Query(ge=2, le=60, description="Points along each parameter.")] = 24,
    trial: At = None,
    wait: Wait = 0.0,
) -> Response:
    """What the model expects over two parameters, and how sure it is: averaged over all others, or as in a trial."""
    work = {"work": "contour", "parameters": [x, y], "objective": objective, "grid": grid, "trial": trial}
    return await _look(request, principal.project_id, study_id, work, wait)


@router.get(
    "/calibration",
    operation_id="studies_calibration",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def calibration(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """Every trial predicted from all others: whether the model knows what it does not know."""
    return await _look(request, principal.project_id, study_id, {"work": "calibration"}, wait)


@router.get(
    "/progress",
    operation_id="studies_progress",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def progress(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """The best value and the hypervolume of the Pareto front after each trial."""
    return await _look(request, principal.project_id, study_id, {"work": "progress"}, wait)


@router.get(
    "/stopping",
    operation_id="studies_stopping",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def stopping(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """Whether more trials are worth while: what the next one is expected to gain, and a bound on the regret."""
    return await _look(request, principal.project_id, study_id, {"work": "stopping"}, wait)


@router.get(
    "/utilities",
    operation_id="studies_utilities",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def utilities(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """Of a study by preference: how good each compared trial is by the model, best first."""
    return await _look(request, principal.project_id, study_id, {"work": "utilities"}, wait)


@router.post(
    "/predict",
    operation_id="studies_predict",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS, *BODY)},
    openapi_extra=body("PredictRequest", PREDICT_REQUESTS),
)
async def predict(request: Request, principal: Reader, study_id: StudyId, wait: Wait = 0.0) -> Response:
    """What a model of the study expects at points."""
    wanted = parsing.parse(PredictRequest, await bodies.read_json(request, BODY_LIMIT))
    work = {"work": "predict", "points": wanted.model_dump(mode="json")["points"]}
    return await _look(request, principal.project_id, study_id, work, wait)


@router.post(
    "/trials/{number}/replay",
    operation_id="trials_replay",
    response_model=None,
    responses={**_REPLIES, **documented(*_ERRORS)},
)
async def replay(
    request: Request,
    principal: Reader,
    study_id: StudyId,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
    wait: Wait = 0.0,
) -> Response:
    """Make a trial's suggestion again, from the data, the seed and the engine of then, and explain it."""
    return await _look(request, principal.project_id, study_id, {"work": "replay", "trial": number}, wait)


async def look(
    state: states.State,
    project_id: UUID,
    study_id: UUID,
    work: Mapping[str, Any],
    wait: float,
    require_key: Callable[[], Awaitable[None]],
) -> tuple[dict[str, Any] | None, UUID]:
    """The fields of an ``Analysis``, None if a worker is still at it after ``wait`` seconds; and its job.

    Args:
        require_key: raises if the caller's key has ended; asked at every look but those of the first second.

    Raises:
        KantorError: ``not-found``, ``unsupported-problem``; what ``require_key`` raises.
    """
    begin = time.monotonic()
    end = begin + min(wait, _LONGEST_WAIT)
    heard = 2
    while True:
        if time.monotonic() - begin > waiting.LOOK_SECONDS:
            await require_key()
        found = await state.database(analysis.look, project_id, study_id, work, state.settings)
        if found.submitted is not None:
            state.writer.ring(found.submitted)
        if found.document is not None:
            answer = orjson.loads(found.document)
            return {name: answer[name] for name in _FIELDS if name in answer}, found.job_id
        left = end - time.monotonic()
        if left <= 0 or state.stopping.is_set():
            return None, found.job_id
        heard = await state.hub.wait(found.job_id, heard, min(left, 0.5 if state.hub.connected else 0.1)) or heard


async def _look(request: Request, project_id: UUID, study_id: UUID, work: Mapping[str, Any], wait: float) -> Response:
    key_works = partial(require_key, request, "read")
    found, job_id = await look(states.of(request), project_id, study_id, work, wait, key_works)
    if found is not None:
        return views.json_response(orjson.dumps(found))
    job = encode(JOB, job_id)
    location = {"Location": f"/v1/jobs/{job}", "Retry-After": "1"}
    return views.json_response(orjson.dumps({"job": job}), 202, location)
