"""A key that was revoked or has expired reads on no further, also on streams that were open before."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import grpc
import httpx
import pytest

from api_schemas.ids import KEY, decode
from api_schemas.keys import NewKey
from api_schemas.proto.kantor.v1 import kantor_pb2 as pb
from api_schemas.proto.kantor.v1.kantor_pb2_grpc import JobsStub
from service import keys
from service.rest.study_examples import STUDY_REQUESTS, TRIAL_REQUESTS
from service.settings import Settings
from service.store.connect import Database
from tests.servers import Servers
from tests.service.grpc.living import LiveGrpc
from tests.service.rest.living import LiveApi

CACHE = 0.5


@pytest.fixture(scope="module")
def settings(servers: Servers) -> Settings:
    return servers.settings(servers.fresh_database(), key_cache_seconds=CACHE)


@pytest.fixture
def thief(conn: Database, project: UUID, settings: Settings) -> NewKey:
    return keys.create(conn, project, name="t", scopes=["read"], settings=settings)


@pytest.fixture
def job(api: LiveApi, key: NewKey) -> str:
    problem = {"kind": "program", "objective": [1, 2], "lower": [3, 4]}
    reply = httpx.post(f"{api.url}/v1/jobs", json={"problem": problem}, headers={"X-API-Key": key.secret})
    return str(reply.json()["id"])


def _end(conn: Database, key: NewKey, column: str) -> None:
    """As another process would do it."""
    conn.execute(f"UPDATE api_key SET {column} = now() WHERE id = %s", (decode(KEY, key.id),))


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
@pytest.mark.parametrize("path", ["/v1/jobs/{job}/events", "/v1/events"])
def test_an_open_stream_ends_with_its_key(
    api: LiveApi, conn: Database, thief: NewKey, job: str, path: str, column: str
) -> None:
    headers = {"X-API-Key": thief.secret, "Accept": "text/event-stream"}
    with httpx.stream("GET", api.url + path.format(job=job), headers=headers, timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        _end(conn, thief, column)
        began = time.monotonic()
        rest = list(lines)

    assert rest[-2:] == [": reconnect", ""]
    assert time.monotonic() - began < CACHE + 3.0
    assert httpx.get(api.url + path.format(job=job), headers=headers).status_code == 401


def test_a_wait_for_a_job_ends_with_its_key(
    api: LiveApi, live: LiveGrpc, conn: Database, thief: NewKey, job: str
) -> None:
    """By both faces; a key that works waits on."""
    rest = httpx.Client(base_url=api.url, headers={"X-API-Key": thief.secret}, timeout=30)
    with rest, grpc.insecure_channel(live.target) as channel, ThreadPoolExecutor(2) as threads:
        jobs, metadata = JobsStub(channel), (("x-api-key", thief.secret),)  # type: ignore[no-untyped-call]
        path, wanted = f"/v1/jobs/{job}", pb.GetJobRequest(job_id=job, wait_seconds=20)
        assert rest.get(path, params={"wait": CACHE + 4}).json()["state"] == "queued"
        by_rest = threads.submit(rest.get, path, params={"wait": 20})
        by_grpc = threads.submit(jobs.GetJob, wanted, metadata=metadata, timeout=30)
        time.sleep(0.3)
        _end(conn, thief, "revoked_at")
        began = time.monotonic()

        assert by_rest.result().json()["code"] == "unauthenticated"
        with pytest.raises(grpc.RpcError) as refused:
            by_grpc.result()

    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert time.monotonic() - began < CACHE + 4


def test_a_wait_for_an_analysis_ends_with_its_key(api: LiveApi, conn: Database, key: NewKey, thief: NewKey) -> None:
    with httpx.Client(base_url=api.url, headers={"X-API-Key": key.secret}) as owner:
        study = owner.post("/v1/studies", json=STUDY_REQUESTS["training"]["value"]).headers["location"]
        for _ in range(5):
            told = owner.post(f"{study}/trials", json=TRIAL_REQUESTS["known"]["value"])
            assert told.status_code == 201, told.text
    with ThreadPoolExecutor(1) as threads:
        headers = {"X-API-Key": thief.secret}
        asked = threads.submit(httpx.get, f"{api.url}{study}/importance?wait=20", headers=headers, timeout=30)
        time.sleep(0.5)
        _end(conn, thief, "revoked_at")
        began = time.monotonic()
        assert asked.result().json()["code"] == "unauthenticated"
    assert time.monotonic() - began < CACHE + 4


def test_a_watch_by_grpc_ends_with_its_key(live: LiveGrpc, conn: Database, thief: NewKey, job: str) -> None:
    with grpc.insecure_channel(live.target) as channel:
        metadata = (("x-api-key", thief.secret),)
        events = JobsStub(channel).WatchJob(pb.WatchJobRequest(job_id=job), metadata=metadata, timeout=15)  # type: ignore[no-untyped-call]
        assert next(events).type == "queued"
        _end(conn, thief, "revoked_at")
        with pytest.raises(grpc.RpcError) as refused:
            next(events)

    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_watch_by_grpc_ends_after_a_while_as_a_stream_of_events_does(
    live: LiveGrpc, key: NewKey, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.grpc.jobs.LONGEST_WAIT", 1.0)
    with grpc.insecure_channel(live.target) as channel:
        metadata = (("x-api-key", key.secret),)
        events = JobsStub(channel).WatchJob(pb.WatchJobRequest(job_id=job), metadata=metadata, timeout=15)  # type: ignore[no-untyped-call]
        assert next(events).type == "queued"
        with pytest.raises(grpc.RpcError) as ended:
            next(events)

    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
