"""Webhooks of the project; for keys with the scope "admin"."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api_schemas import ids
from api_schemas.webhooks import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    SecretRotation,
    Webhook,
    WebhookChange,
    WebhookList,
    WebhookRequest,
)
from service.rest import bodies, parsing, views
from service.rest import state as states
from service.rest.access import Admin, DeliveryId, WebhookId, actor
from service.rest.examples import SECRET_ROTATIONS, WEBHOOK_CHANGES, WEBHOOK_REQUESTS
from service.rest.jobs import ALWAYS
from service.rest.openapi import body, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.tenants import audit
from service.webhooks import addresses, hooks

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Route)

_LIMIT = 1 << 15
_BODY = ("malformed-json", "invalid-request", "too-large", "unsupported-media-type")


def _json(found: Any, status: int = 200) -> Response:
    return views.json_response(found.model_dump_json().encode(), status)


@router.post(
    "",
    operation_id="webhooks_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("The webhook; its secret is shown this once.", NewWebhook),
        **documented(*ALWAYS, "conflict", *_BODY),
    },
    openapi_extra=body("WebhookRequest", WEBHOOK_REQUESTS),
)
async def create(request: Request, principal: Admin) -> Response:
    """Be told when jobs end: signed POSTs by the Standard Webhooks specification."""
    state = states.of(request)
    wanted = parsing.parse(WebhookRequest, await bodies.read_json(request, _LIMIT))
    await asyncio.to_thread(addresses.place, wanted.url, state.settings)
    made = await state.database(
        audit.done,
        actor(request, principal),
        "webhooks_create",
        wanted.url,
        hooks.create,
        principal.project_id,
        url=wanted.url,
        events=wanted.events,
    )
    return _json(made, 201)


@router.get(
    "",
    operation_id="webhooks_list",
    response_model=None,
    responses={200: ok("Webhooks, newest first.", WebhookList), **documented(*ALWAYS, "invalid-request")},
)
async def list_webhooks(request: Request, principal: Admin) -> Response:
    """The project's webhooks."""
    return _json(WebhookList(webhooks=await states.of(request).database(hooks.webhooks, principal.project_id)))


@router.get(
    "/{webhook_id}",
    operation_id="webhooks_get",
    response_model=None,
    responses={200: ok("The webhook.", Webhook), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get(request: Request, principal: Admin, webhook_id: WebhookId) -> Response:
    """One webhook."""
    return _json(await states.of(request).database(hooks.get, principal.project_id, webhook_id))


@router.patch(
    "/{webhook_id}",
    operation_id="webhooks_update",
    response_model=None,
    responses={200: ok("The webhook.", Webhook), **documented(*ALWAYS, "not-found", *_BODY)},
    openapi_extra=body("WebhookChange", WEBHOOK_CHANGES),
)
async def change(request: Request, principal: Admin, webhook_id: WebhookId) -> Response:
    """Change its address or events, or switch it off or on."""
    state = states.of(request)
    wanted = parsing.parse(WebhookChange, await bodies.read_json(request, _LIMIT))
    if wanted.url is not None:
        await asyncio.to_thread(addresses.place, wanted.url, state.settings)
    changed = await state.database(
        audit.done,
        actor(request, principal),
        "webhooks_update",
        ids.encode(ids.WEBHOOK, webhook_id),
        hooks.change,
        principal.project_id,
        webhook_id,
        url=wanted.url,
        events=wanted.events,
        active=wanted.active,
    )
    return _json(changed)


@router.delete(
    "/{webhook_id}",
    operation_id="webhooks_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Deleted."}, **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def delete(request: Request, principal: Admin, webhook_id: WebhookId) -> Response:
    """Delete it with its deliveries."""
    await states.of(request).database(
        audit.done,
        actor(request, principal),
        "webhooks_delete",
        ids.encode(ids.WEBHOOK, webhook_id),
        hooks.delete,
        principal.project_id,
        webhook_id,
    )
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate",
    operation_id="webhooks_rotate",
    response_model=None,
    responses={200: ok("With the new secret.", NewWebhook), **documented(*ALWAYS, "not-found", *_BODY)},
    openapi_extra=body("SecretRotation", SECRET_ROTATIONS),
)
async def rotate(request: Request, principal: Admin, webhook_id: WebhookId) -> Response:
    """A new secret. Deliveries carry signatures of both for as long as `overlap` says."""
    wanted = parsing.parse(SecretRotation, await bodies.read_json(request, _LIMIT))
    rotated = await states.of(request).database(
        audit.done,
        actor(request, principal),
        "webhooks_rotate",
        ids.encode(ids.WEBHOOK, webhook_id),
        hooks.rotate,
        principal.project_id,
        webhook_id,
        overlap=wanted.overlap,
    )
    return _json(rotated)


@router.post(
    "/{webhook_id}/test",
    operation_id="webhooks_test",
    status_code=202,
    response_model=None,
    responses={202: ok("The delivery.", Delivery), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def test(request: Request, principal: Admin, webhook_id: WebhookId) -> Response:
    """Send an event of type `webhook.test`."""
    return _json(await states.of(request).database(hooks.send_test, principal.project_id, webhook_id), 202)


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="deliveries_list",
    response_model=None,
    responses={200: ok("Newest first.", DeliveryPage), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def deliveries(
    request: Request,
    principal: Admin,
    webhook_id: WebhookId,
    limit: Annotated[int, Query(ge=1, description="At most 1000 are sent.")] = 50,
) -> Response:
    """What was delivered and what is tried again. Kept for 30 days."""
    found = await states.of(request).database(hooks.deliveries, principal.project_id, webhook_id, min(limit, 1000))
    return _json(DeliveryPage(deliveries=found))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    operation_id="deliveries_replay",
    status_code=202,
    response_model=None,
    responses={202: ok("The delivery.", Delivery), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def replay(request: Request, principal: Admin, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    """Deliver once more, under the same id."""
    found = await states.of(request).database(hooks.replay, principal.project_id, webhook_id, delivery_id)
    return _json(found, 202)
