"""Artifacts: upload, download in parts, delete."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api_schemas.artifacts import Artifact
from api_schemas.base import Line
from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import ARTIFACT, encode
from service.artifacts import CHUNK, ArtifactRow, Upload
from service.rest import bodies, headers, views
from service.rest import state as states
from service.rest.access import ArtifactId, Reader, Writer, actor
from service.rest.jobs import ALWAYS
from service.rest.openapi import header, ok
from service.rest.problems import documented
from service.rest.routing import Route
from service.settings import Settings
from service.tenants import audit, quotas

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"], route_class=Route)

_BINARY = "application/octet-stream"
MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,60}(\s*;[\x20-\x7e]{0,80})?$")
# Whatever was uploaded, a browser shows it as a download, and would run nothing of it.
_HARMLESS = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}


@router.post(
    "",
    operation_id="artifacts_create",
    status_code=201,
    response_model=None,
    responses={
        201: ok("Stored.", Artifact, Location=header("Address of the artifact.")),
        **documented(*ALWAYS, "invalid-request", "too-large", "unsupported-media-type", "quota-exceeded"),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The bytes, as they are.",
            "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def create(
    request: Request,
    principal: Writer,
    filename: Annotated[Line, Query(description="Its name, by which the format is recognised.")] = "",
) -> Response:
    """Upload an artifact: the raw bytes of the body, up to the server's limit. They are kept as they come."""
    state = states.of(request)
    _require_plain(request)
    declared = bodies.declared_size(request, state.settings.artifact_limit_bytes)
    if principal.limits.max_bytes is not None:
        await state.database(quotas.require_room, principal.project_id, principal.limits, declared or 0)
    media_type = request.headers.get("content-type", _BINARY)
    upload = await asyncio.to_thread(state.artifacts.upload, principal.project_id)
    try:
        await _receive(request, upload, state.settings)
        await asyncio.to_thread(upload.close)
        recording = state.database(
            upload.record,
            filename=filename,
            media_type=media_type if MEDIA_TYPE.match(media_type) else _BINARY,
            origin="upload",
        )
        artifact = await asyncio.shield(recording)
    except BaseException:
        # Not awaited: a task that is being cancelled may not wait.
        asyncio.get_running_loop().run_in_executor(None, upload.abandon)
        raise
    location = {"Location": f"/v1/artifacts/{artifact.id}"}
    return views.json_response(artifact.model_dump_json().encode(), 201, location)


@router.get(
    "/{artifact_id}",
    operation_id="artifacts_get",
    response_model=None,
    responses={200: ok("The artifact.", Artifact), **documented(*ALWAYS, "not-found", "invalid-request")},
)
async def get(request: Request, principal: Reader, artifact_id: ArtifactId) -> Response:
    """Name, size and checksum of an artifact."""
    state = states.of(request)
    row = await state.database(state.artifacts.get, principal.project_id, artifact_id)
    return views.json_response(row.public().model_dump_json().encode())


@router.get(
    "/{artifact_id}/content",
    operation_id="artifacts_content",
    response_model=None,
    responses={
        200: {
            **ok(
                "The bytes.",
                ETag=header("Of the bytes."),
                Accept_Ranges=header("`bytes`."),
                Content_Disposition=header("File name."),
            ),
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {
            **ok("A part of them.", Content_Range=header("Which part.")),
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The client has them already (`If-None-Match`)."},
        **documented(*ALWAYS, "not-found", "range-not-satisfiable", "invalid-request"),
    },
)
async def content(
    request: Request,
    principal: Reader,
    artifact_id: ArtifactId,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes: `bytes=0-1023`.")] = None,
    if_range: Annotated[str | None, Header(description="Send the part only if this is still the ETag.")] = None,
    if_none_match: Annotated[str | None, Header(description="ETag that the client has.")] = None,
) -> Response:
    """The bytes of an artifact, whole or in part."""
    state = states.of(request)
    row = await state.database(state.artifacts.get, principal.project_id, artifact_id)
    etag = f'"{row.sha256.hex()}"'
    common = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        **_HARMLESS,
    }
    if headers.matches(if_none_match, etag):
        return Response(status_code=304, headers=common)
    part = None if if_range not in (None, etag) else headers.byte_range(range_, row.size)
    start, end = part or (0, row.size)
    common |= {"Content-Length": str(end - start), "Content-Disposition": headers.content_disposition(row.filename)}
    if part is not None:
        common["Content-Range"] = f"bytes {start}-{end - 1}/{row.size}"
    if request.scope.get("kantor.head"):
        return Response(status_code=200 if part is None else 206, headers=common, media_type=row.media_type)
    pieces = await _pieces(state, row, start, end)
    return StreamingResponse(pieces, 200 if part is None else 206, headers=common, media_type=row.media_type)


@router.delete(
    "/{artifact_id}",
    operation_id="artifacts_delete",
    status_code=204,
    response_model=None,
    responses={204: {"description": "Deleted."}, **documented(*ALWAYS, "not-found", "conflict", "invalid-request")},
)
async def delete(request: Request, principal: Writer, artifact_id: ArtifactId) -> Response:
    """Delete an artifact, unless a job that is not finished refers to it."""
    state = states.of(request)
    await state.database(
        audit.done,
        actor(request, principal),
        "artifacts_delete",
        encode(ARTIFACT, artifact_id),
        state.artifacts.delete,
        principal.project_id,
        artifact_id,
    )
    return Response(status_code=204)


async def _receive(request: Request, upload: Upload, settings: Settings) -> None:
    waiting: list[bytes] = []
    size = 0
    parts = bodies.timely(request.stream(), settings.upload_hours * 3600, settings.body_idle_seconds)
    async for chunk in parts:
        waiting.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            await asyncio.to_thread(upload.write, b"".join(waiting))
            waiting, size = [], 0
    if size:
        await asyncio.to_thread(upload.write, b"".join(waiting))


async def _pieces(state: states.State, row: ArtifactRow, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes. The first piece is read before the reply begins: lost content is an error, and no short reply."""
    pieces = state.artifacts.read(row, start, end)
    first = await asyncio.to_thread(next, pieces, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece

    return rest()


def _require_plain(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise KantorError(
            "unsupported-media-type",
            "Artifacts are kept as they are sent: leave out Content-Encoding, and say .gz or .zst in the file name.",
            errors=[FieldError(pointer="Content-Encoding", detail="is not accepted here")],
        )
