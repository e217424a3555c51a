"""Connections are cut while a client waits for a real job."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import kantor
import pytest
from kantor.wire.routes import Policy

from tests.client.problems import hard
from tests.client.proxy import Proxy


@pytest.fixture
def proxy(live_kantor: dict[str, str]) -> Iterator[Proxy]:
    with Proxy(live_kantor["url"]) as proxy:
        yield proxy


def outage(proxy: Proxy, after: float, seconds: float) -> None:
    def work() -> None:
        time.sleep(after)
        proxy.cut()
        time.sleep(seconds)
        proxy.mend()

    threading.Thread(target=work, daemon=True).start()


def test_solve_survives_an_outage_while_the_reply_is_held(proxy: Proxy, live_kantor: dict[str, str]) -> None:
    name = f"outage-{time.time_ns()}"
    with kantor.Client(proxy.url, live_kantor["api_key"]) as client:
        outage(proxy, after=0.7, seconds=1.5)
        answer = client.solve(hard(), name=name, relative_gap=0.0, time_limit=3.0)
        assert (answer.status, answer.limit) == ("feasible", "time")
        assert len(list(client.jobs(name=name))) == 1
    assert proxy.accepted >= 2


def test_progress_survives_an_outage_without_a_gap(proxy: Proxy, live_kantor: dict[str, str]) -> None:
    with kantor.Client(proxy.url, live_kantor["api_key"]) as client:
        job = client.submit(hard(), relative_gap=0.0, time_limit=3.0)
        outage(proxy, after=1.0, seconds=1.0)
        seen = [event.seq for event in job.events()]
        assert seen == list(range(1, len(seen) + 1))
        assert job.result().limit == "time"
    assert proxy.accepted >= 2


def test_the_asyncio_client_survives_it_too(proxy: Proxy, live_kantor: dict[str, str]) -> None:
    async def work() -> kantor.Answer:
        async with kantor.AsyncClient(proxy.url, live_kantor["api_key"]) as client:
            reports: list[kantor.Progress] = []
            outage(proxy, after=1.0, seconds=1.0)
            answer = await client.solve(hard(), relative_gap=0.0, time_limit=3.0, progress=reports.append)
            assert reports
            return answer

    assert asyncio.run(work()).limit == "time"


def test_an_outage_that_does_not_end_is_given_up_in_words(proxy: Proxy, live_kantor: dict[str, str]) -> None:
    with kantor.Client(proxy.url, live_kantor["api_key"]) as client:
        job = client.submit(hard(), relative_gap=0.0, time_limit=60.0)
        client._policy = Policy(max_retries=1, patience=1.0)
        proxy.cut()
        with pytest.raises(kantor.ConnectionFailed, match="no server answers"):
            job.wait()
    with kantor.Client(live_kantor["url"], live_kantor["api_key"]) as client:
        client.job(job.id).cancel()
