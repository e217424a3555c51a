"""API and worker processes in network namespaces; one is cut off, the service goes on, and it comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import kantor
import psycopg
import pytest

from api_schemas.ids import JOB, decode
from tests.chaos import audit
from tests.chaos.cluster import Cluster
from tests.chaos.ledger import Ledger
from tests.chaos.load import OPTIMUM, instance
from tests.deploy.namespaces import Namespaces, allowed

ROLES = {"api-1": [], "api-2": [], "dispatcher-1": [], "worker-1": ["-c", "1"], "worker-2": ["-c", "1"]}
#: Takes some seconds, so that it is under way when the cable is pulled.
LONG = "gesa2"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not allowed(), reason="needs root and network namespaces")]


@pytest.fixture(scope="module")
def spaces() -> Iterator[Namespaces]:
    with Namespaces(list(ROLES)) as spaces:
        yield spaces


@pytest.fixture(scope="module")
def cluster(spaces: Namespaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(
        tmp_path_factory.mktemp("apart"),
        ROLES,
        hosts={name: spaces.address(name) for name in ROLES if name.startswith("api")},
        wraps={name: spaces.wrap(name) for name in ROLES},
        gateway=spaces.gateway,
        settings={"KANTOR_WORKER_ENGINES": "program:highs"},
    ) as cluster:
        yield cluster


def _client(cluster: Cluster, api: str) -> kantor.Client:
    return kantor.Client(cluster.urls[api], cluster.key, timeout=5, max_retries=0)


def _holder(cluster: Cluster, job: kantor.Job) -> str:
    """Which worker runs the job."""
    with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = conn.execute(
                "SELECT worker.pid FROM job JOIN worker ON worker.id = job.worker_id WHERE job.id = %s",
                (decode(JOB, job.id),),
            ).fetchone()
            if found is not None:
                return next(role.name for role in cluster.of("worker") if role.pid == found[0])
            time.sleep(0.05)
    raise AssertionError("nobody runs it")


def test_a_worker_that_is_cut_off_loses_its_job_to_another_and_works_again_later(
    cluster: Cluster, spaces: Namespaces
) -> None:
    with _client(cluster, "api-1") as client:
        job = client.submit(instance(LONG), relative_gap=0.0, time_limit=60)
        holder = _holder(cluster, job)
        spaces.pull(holder)
        begin = time.monotonic()
        answer = job.result(60)
        assert answer.objective == pytest.approx(OPTIMUM[LONG], rel=1e-6)
        assert job.refresh().info.attempt == 2
        assert time.monotonic() - begin > 4, "it was solved by the one that was cut off"
        spaces.plug(holder)

        def lives() -> bool:
            return len(client.workers()) == 2

        end = time.monotonic() + 40
        while not lives():
            assert time.monotonic() < end, "it does not come back"
            time.sleep(0.2)
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(client.solve, instance(LONG), time_limit=60) for _ in range(2)]
            assert all(one.result().status == "optimal" for one in both)
    _nothing_is_lost(cluster)


def test_an_api_that_is_cut_off_is_not_missed_and_is_ready_again_when_it_is_back(
    cluster: Cluster, spaces: Namespaces
) -> None:
    spaces.pull("api-1")
    with _client(cluster, "api-1") as cut, pytest.raises((kantor.ConnectionFailed, kantor.Timeout)):
        cut.status()
    with _client(cluster, "api-2") as client:
        assert client.solve(instance("afiro")).objective == pytest.approx(OPTIMUM["afiro"])
    spaces.plug("api-1")
    end = time.monotonic() + 40
    while True:
        try:
            if httpx.get(f"{cluster.urls['api-1']}/health/ready", timeout=2).status_code == 200:
                break
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "it does not come back"
        time.sleep(0.2)
    with _client(cluster, "api-1") as client:
        assert client.solve(instance("afiro")).objective == pytest.approx(OPTIMUM["afiro"])
    _nothing_is_lost(cluster)


def _nothing_is_lost(cluster: Cluster) -> None:
    audit.settle(cluster, 30)
    found = audit.count(cluster, Ledger())
    assert not any(found.values()), {name: number for name, number in found.items() if number}
