"""Deletions of studies and schedules are in the audit log, by REST and by gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from api_schemas.keys import NewKey
from api_schemas.proto.kantor.v1 import schedules_pb2, studies_pb2
from api_schemas.proto.kantor.v1.schedules_pb2_grpc import SchedulesStub
from api_schemas.proto.kantor.v1.studies_pb2_grpc import StudiesStub
from service import keys
from service.rest import schedule_examples, study_examples
from service.settings import Settings
from service.store.connect import Database
from tests.service.grpc.living import LiveGrpc
from tests.service.rest.living import LiveApi

EXAMPLES: dict[str, Any] = {
    "studies": study_examples.STUDY_REQUESTS["training"]["value"],
    "schedules": schedule_examples.SCHEDULE_REQUESTS["refined"]["value"],
}


@pytest.fixture
def admin(api: LiveApi, conn: Database, project: Any, settings: Settings) -> Iterator[httpx.Client]:
    key = keys.create(conn, project, name="a", scopes=["read", "write", "admin"], settings=settings)
    with httpx.Client(base_url=api.url, headers={"X-API-Key": key.secret}, timeout=30) as client:
        yield client


def _archived(client: httpx.Client, what: str) -> str:
    address = client.post(f"/v1/{what}", json=EXAMPLES[what]).headers["location"]
    assert client.post(f"{address}/archive").status_code == 200
    return str(address)


def _last(client: httpx.Client) -> tuple[str, str]:
    entry = client.get("/v1/audit").json()["entries"][0]
    return entry["action"], entry["target"]


@pytest.mark.parametrize("what", EXAMPLES)
def test_who_deletes_one_is_in_the_log(admin: httpx.Client, what: str) -> None:
    address = _archived(admin, what)

    assert admin.delete(address).status_code == 204

    assert _last(admin) == (f"{what}_delete", address.rpartition("/")[2])


def test_and_by_grpc(admin: httpx.Client, settings: Settings, key: NewKey) -> None:
    study, schedule = (_archived(admin, what).rpartition("/")[2] for what in EXAMPLES)
    metadata = (("x-api-key", key.secret),)
    with LiveGrpc(settings) as live, grpc.insecure_channel(live.target) as channel:
        StudiesStub(channel).DeleteStudy(studies_pb2.DeleteStudyRequest(study_id=study), metadata=metadata)  # type: ignore[no-untyped-call]
        assert _last(admin) == ("studies_delete", study)
        SchedulesStub(channel).DeleteSchedule(  # type: ignore[no-untyped-call]
            schedules_pb2.DeleteScheduleRequest(schedule_id=schedule), metadata=metadata
        )
        assert _last(admin) == ("schedules_delete", schedule)
