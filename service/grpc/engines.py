"""The service ``Engines``: engines, workers, and the service at a glance."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from api_schemas.engines import EngineList, WorkerList
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import EnginesServicer
from service import registry
from service.grpc.calls import Call, unary
from service.rest.operations import status_of
from service.rest.state import State


class Engines(EnginesServicer):
    """As ``service.rest.operations``."""

    def __init__(self, state: State) -> None:
        self.state = state

    @unary("read")
    async def ListEngines(self, call: Call, _request: Empty) -> pb.Document:
        found = await call.state.database(registry.engines, call.state.settings)
        return pb.Document(content=EngineList(engines=found).model_dump_json().encode())

    @unary("read")
    async def ListWorkers(self, call: Call, _request: Empty) -> pb.Document:
        found = await call.state.database(registry.live_workers, call.state.settings)
        return pb.Document(content=WorkerList(workers=found).model_dump_json().encode())

    @unary("read")
    async def GetStatus(self, call: Call, _request: Empty) -> pb.Document:
        found = await call.state.database(status_of, call.principal, call.state.settings)
        return pb.Document(content=found.model_dump_json().encode())
