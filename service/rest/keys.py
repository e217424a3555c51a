"""API keys of the project; for keys with the scope "admin"."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.keys import KeyList, KeyRequest, NewKey
from service import keys
from service.rest import bodies, parsing, views
from service.rest import state as states
from service.rest.access import Admin, KeyId
from service.rest.examples import KEY_REQUESTS
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route)

_LIMIT = 1 << 14


@router.post(
    "",
    operation_id="keys_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The key; its secret is shown this once.", NewKey),
        **documented(*ALWAYS, "malformed-json", "invalid-request", "too-large", "unsupported-media-type"),
    },
    openapi_extra=body("KeyRequest", KEY_REQUESTS),
)
async def create(request: Request, principal: Admin) -> Response:
    """Make a key for the project."""
    state = states.of(request)
    wanted = parsing.parse(KeyRequest, await bodies.read_json(request, _LIMIT))
    key = await state.database(
        keys.create,
        principal.project_id,
        name=wanted.name,
        scopes=wanted.scopes,
        expires_in=wanted.expires_in,
        settings=state.settings,
    )
    return views.json_response(key.model_dump_json().encode(), 201)


@router.get(
    "",
    operation_id="keys_list",
    response_model=None,
    responses={200: ok("Keys, newest first.", KeyList), **documented(*ALWAYS, "invalid-request")},
)
async def list_keys(request: Request, principal: Admin) -> Response:
    """The project's keys, without their secrets."""
    found = await states.of(request).database(keys.list_keys, principal.project_id)
    return views.json_response(KeyList(keys=found).model_dump_json().encode())


@router.delete(
    "/{key_id}",
    operation_id="keys_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Revoked."}, **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def delete(request: Request, principal: Admin, key_id: KeyId) -> Response:
    """Revoke a key. Other API processes may take it for a few seconds more."""
    await states.of(request).database(keys.revoke, principal.project_id, key_id)
    return Response(status_code=204)
