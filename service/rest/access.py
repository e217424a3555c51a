"""Who asks, and whether they may."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path
from starlette.requests import Request

from api_schemas import ids
from api_schemas.errors import KantorError
from api_schemas.keys import PREFIX, well_formed
from service import keys
from service.keys import Principal
from service.rest import state
from service.telemetry import origin
from service.tenants.audit import Actor


def _require(scope: str) -> Callable[[Request], Coroutine[Any, Any, Principal]]:
    async def principal(request: Request) -> Principal:
        return await authenticate(request, scope)

    return principal


async def authenticate(request: Request, scope: str) -> Principal:
    """The owner of the request's key, which must have the scope.

    Raises:
        KantorError: ``unauthenticated``, ``forbidden``, ``rate-limited``.
    """
    api = state.of(request)
    principal = await identify(api, request.headers)
    request.scope["kantor.principal"] = principal
    origin.asks(principal.key_id)
    request.scope["kantor.rate"] = await api.rates.count(principal.project_id.hex, principal.limits.max_requests)
    principal.require(scope)
    return principal


async def identify(api: state.State, headers: Mapping[str, str]) -> Principal:
    """The owner of the key in headers (or metadata), whose names are in lower case.

    Raises:
        KantorError: ``unauthenticated``.
    """
    secret = _secret(headers)
    known = keys.recall(secret, api.settings)
    return await api.database(keys.authenticate, secret, api.settings) if known is None else known


async def require_key(request: Request, scope: str) -> None:
    """For long replies: that the key works still.

    Raises:
        KantorError: ``unauthenticated``, ``forbidden``.
    """
    (await identify(state.of(request), request.headers)).require(scope)


def actor(request: Request, principal: Principal) -> Actor:
    """Who asks, for the audit log."""
    return Actor(principal, str(request.scope.get("kantor.request_id", "")))


def _secret(headers: Mapping[str, str]) -> str:
    header = headers.get("authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise KantorError("unauthenticated", "Send the API key as: Authorization: Bearer kt_...")
        secret = secret.strip()
    else:
        secret = headers.get("x-api-key", "").strip()
    if not secret:
        raise KantorError("unauthenticated", "No API key: send it as Authorization: Bearer kt_... or X-API-Key: kt_...")
    if not secret.startswith(PREFIX):
        raise KantorError("unauthenticated", f"This is not an API key of Kantor: those begin with {PREFIX}.")
    if not well_formed(secret):
        raise KantorError(
            "unauthenticated",
            f"The checksum of this API key does not fit: {PREFIX} and 43 letters and digits. Was it copied whole?",
        )
    return secret


READER = Depends(_require("read"))
Reader = Annotated[Principal, READER]
Writer = Annotated[Principal, Depends(_require("write"))]
Admin = Annotated[Principal, Depends(_require("admin"))]
Owner = Annotated[Principal, Depends(_require("owner"))]


def _identifier(prefix: str, what: str) -> Callable[..., UUID]:
    def decode(text: str) -> UUID:
        try:
            return ids.decode(prefix, text)
        except ValueError:
            raise KantorError(
                "not-found", f"There is no {what} {text[:60]!r}: an id is {prefix}_ and 26 letters and digits."
            ) from None

    return decode


def _path(prefix: str, name: str, what: str) -> Any:
    decode = _identifier(prefix, what)
    pattern = rf"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"

    async def from_path(text: Annotated[str, Path(alias=name, json_schema_extra={"pattern": pattern})]) -> UUID:
        return decode(text)

    return Depends(from_path)


JobId = Annotated[UUID, _path(ids.JOB, "job_id", "job")]
ArtifactId = Annotated[UUID, _path(ids.ARTIFACT, "artifact_id", "artifact")]
StudyId = Annotated[UUID, _path(ids.STUDY, "study_id", "study")]
ScheduleId = Annotated[UUID, _path(ids.SCHEDULE, "schedule_id", "schedule")]
KeyId = Annotated[UUID, _path(ids.KEY, "key_id", "key")]
ProjectId = Annotated[UUID, _path(ids.PROJECT, "project_id", "project")]
MemberId = Annotated[UUID, _path(ids.MEMBER, "member_id", "member")]
WebhookId = Annotated[UUID, _path(ids.WEBHOOK, "webhook_id", "webhook")]
DeliveryId = Annotated[UUID, _path(ids.DELIVERY, "delivery_id", "delivery")]
