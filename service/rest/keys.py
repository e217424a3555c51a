"""API keys of the project; for keys with the scope "admin"."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api_schemas.ids import KEY, MEMBER, PROJECT, decode, encode
from api_schemas.keys import KeyList, KeyRequest, KeyRotation, NewKey
from service import keys
from service.rest import bodies, parsing, views
from service.rest import state as states
from service.rest.access import Admin, KeyId, actor
from service.rest.examples import KEY_REQUESTS, KEY_ROTATIONS
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.settings import Settings
from service.store.connect import Database
from service.tenants import audit, organisations
from service.tenants.audit import Actor

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=Route)

_LIMIT = 1 << 14


@router.post(
    "",
    operation_id="keys_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The key; its secret is shown this once.", NewKey),
        **documented(*ALWAYS, "not-found", "malformed-json", "invalid-request", "too-large", "unsupported-media-type"),
    },
    openapi_extra=body("KeyRequest", KEY_REQUESTS),
)
async def create(request: Request, principal: Admin) -> Response:
    """Make a key for the project."""
    state = states.of(request)
    wanted = parsing.parse(KeyRequest, await bodies.read_json(request, _LIMIT))
    principal.require_at_most(wanted.scopes, None if wanted.member is None else decode(MEMBER, wanted.member))
    key = await state.database(_create, actor(request, principal), wanted, state.settings)
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
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "keys_delete",
        encode(KEY, key_id),
        keys.revoke,
        principal.project_id,
        key_id,
    )
    return Response(status_code=204)


@router.post(
    "/{key_id}/rotate",
    operation_id="keys_rotate",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The new key; its secret is shown this once.", NewKey),
        **documented(
            *ALWAYS,
            "not-found",
            "conflict",
            *("malformed-json", "invalid-request", "too-large", "unsupported-media-type"),
        ),
    },
    openapi_extra=body("KeyRotation", KEY_ROTATIONS),
)
async def rotate(request: Request, principal: Admin, key_id: KeyId) -> Response:
    """Replace a key: the new one works at once, the old one for as long as `overlap` says."""
    state = states.of(request)
    wanted = parsing.parse(KeyRotation, await bodies.read_json(request, _LIMIT))
    key = await state.database(
        audit.done,
        actor(request, principal),
        "keys_rotate",
        encode(KEY, key_id),
        keys.rotate,
        principal,
        key_id,
        overlap=wanted.overlap,
        settings=state.settings,
    )
    return views.json_response(key.model_dump_json().encode(), 201)


def _create(conn: Database, who: Actor, wanted: KeyRequest, settings: Settings) -> NewKey:
    project_id = who.principal.project_id if wanted.project is None else decode(PROJECT, wanted.project)
    if project_id != who.principal.project_id:
        who.principal.require("owner")
        organisations.require_project(conn, who.principal.organisation_id, project_id)
    with conn.transaction():
        key = keys.create(
            conn,
            project_id,
            name=wanted.name,
            scopes=wanted.scopes,
            expires_in=wanted.expires_in,
            member_id=None if wanted.member is None else decode(MEMBER, wanted.member),
            settings=settings,
        )
        audit.record(conn, who, "keys_create", key.id, {"name": key.name, "scopes": key.scopes, "member": key.member})
    return key
