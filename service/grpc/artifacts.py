"""The service ``Artifacts``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty

from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import ARTIFACT
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import ArtifactsServicer
from service.grpc import messages
from service.grpc.calls import Call, identifier, streaming, unary
from service.rest import bodies
from service.rest.artifacts import MEDIA_TYPE
from service.rest.state import State
from service.tenants import audit, quotas

_BINARY = "application/octet-stream"


class Artifacts(ArtifactsServicer):
    """As ``service.rest.artifacts``."""

    def __init__(self, state: State) -> None:
        self.state = state

    @unary("write")
    async def UploadArtifact(self, call: Call, request: AsyncIterator[pb.UploadArtifactRequest]) -> pb.Artifact:
        await call.state.database(quotas.require_room, call.principal.project_id, call.principal.limits)
        upload = await asyncio.to_thread(call.state.artifacts.upload, call.principal.project_id)
        filename, media_type = "", _BINARY
        try:
            settings = call.state.settings
            parts = bodies.timely(aiter(request), settings.upload_hours * 3600, settings.body_idle_seconds)
            async for part in parts:
                filename = filename or part.filename
                media_type = part.media_type or media_type
                if part.data:
                    await asyncio.to_thread(upload.write, part.data)
            if len(filename) > 255 or not filename.isprintable():
                fault = FieldError(pointer="filename", detail="has at most 255 printable letters")
                raise KantorError("invalid-request", f"filename: {fault.detail}", errors=[fault])
            await asyncio.to_thread(upload.close)
            recording = call.state.database(
                upload.record,
                filename=filename,
                media_type=media_type if MEDIA_TYPE.match(media_type) else _BINARY,
                origin="upload",
            )
            return messages.artifact(await asyncio.shield(recording))
        except BaseException:
            asyncio.get_running_loop().run_in_executor(None, upload.abandon)
            raise

    @unary("read")
    async def GetArtifact(self, call: Call, request: pb.GetArtifactRequest) -> pb.Artifact:
        artifact_id = identifier(ARTIFACT, request.artifact_id)
        row = await call.state.database(call.state.artifacts.get, call.principal.project_id, artifact_id)
        return messages.artifact(row.public())

    @streaming("read")
    async def DownloadArtifact(self, call: Call, request: pb.DownloadArtifactRequest) -> AsyncIterator[pb.Chunk]:
        artifact_id = identifier(ARTIFACT, request.artifact_id)
        row = await call.state.database(call.state.artifacts.get, call.principal.project_id, artifact_id)
        if not 0 <= request.offset <= row.size:
            raise KantorError("range-not-satisfiable", f"The content has {row.size} bytes.")
        pieces = call.state.artifacts.read(row, request.offset, row.size)
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield pb.Chunk(data=piece)

    @unary("write")
    async def DeleteArtifact(self, call: Call, request: pb.DeleteArtifactRequest) -> Empty:
        artifact_id = identifier(ARTIFACT, request.artifact_id)
        await call.state.database(
            audit.done,
            call.actor,
            "artifacts_delete",
            request.artifact_id,
            call.state.artifacts.delete,
            call.principal.project_id,
            artifact_id,
        )
        return Empty()
