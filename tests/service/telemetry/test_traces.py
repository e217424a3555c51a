"""One trace from a request to the engine and back, over real processes; and logs that name the request everywhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from kantor.embedded import Embedded

from service import jobs, projects
from service.store.connect import connect
from service.telemetry import tracing
from service.telemetry.origin import Origin, traceparent, within
from tests.service.grpc.living import beside
from tests.service.telemetry.collector import Collector, Seen
from tests.service.work import request
from workers import ear

PROBLEM = {"kind": "program", "objective": [1, 2], "lower": [3, 4]}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@dataclass
class House:
    """A whole Kantor that sends spans to a collector."""

    client: httpx.Client
    collector: Collector
    home: Path

    def lines(self, process: str) -> list[dict[str, Any]]:
        """What a process logged."""
        text = (self.home / "logs" / f"{process}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("traced")
    with Collector() as collector, pytest.MonkeyPatch.context() as environment:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with (
            Embedded(home) as server,
            httpx.Client(base_url=server.url, headers={"X-API-Key": server.api_key}, timeout=30) as client,
        ):
            yield House(client, collector, home)


def _of(spans: list[Seen], trace: str) -> dict[str, Seen]:
    return {span.name: span for span in spans if span.trace == trace}


def test_a_trace_leads_from_the_request_to_the_engine(house: House) -> None:
    headers = {"traceparent": SENT, "X-Request-Id": "asked-by-a-test", "Prefer": "wait=20"}
    reply = house.client.post("/v1/jobs", json={"problem": PROBLEM}, headers=headers)
    assert reply.json()["state"] == "succeeded"

    spans = _of(house.collector.wait(lambda spans: {"job program", "POST /v1/jobs"} <= _of(spans, TRACE).keys()), TRACE)

    asked, queue, job, solve = (spans[name] for name in ("POST /v1/jobs", "queue", "job program", "solve"))
    assert (asked.service, asked.parent) == ("kantor-api", "00f067aa0ba902b7")
    assert reply.headers["traceparent"] == f"00-{TRACE}-{asked.id}-01"
    assert queue.parent == job.parent == asked.id
    assert job.service == "kantor-worker"
    assert job.about["kantor.job"] == reply.json()["id"]
    assert job.about["kantor.request_id"] == asked.about["kantor.request_id"] == "asked-by-a-test"
    assert job.about["kantor.outcome"] == "succeeded"
    assert {name for name, span in spans.items() if span.parent == job.id} >= {
        "claim", "decode", "solve", "certify", "encode", "store",
    }  # fmt: skip
    assert solve.about["kantor.engine"] == job.about["kantor.engine"] != "auto"
    assert asked.begin <= queue.end <= spans["claim"].end <= solve.begin <= solve.end <= job.end


def test_a_job_that_the_relay_rang_for_has_the_ring_in_its_trace(house: House) -> None:
    time.sleep(10 * ear.LINGER)  # until no slot listens any more
    settings = beside(house.home)
    trace = "a" * 32
    document = json.dumps({"problem": PROBLEM, "options": {}}).encode()
    with connect(settings) as conn, within(Origin("without a bell", f"00-{trace}-{'b' * 16}-01")):
        project = projects.ensure(conn, "local")
        jobs.submit(conn, project, request(), document, pool="cpu", settings=settings)

    spans = _of(house.collector.wait(lambda spans: {"ring", "job program"} <= _of(spans, trace).keys()), trace)

    assert (spans["ring"].service, spans["ring"].parent) == ("kantor-dispatcher", "b" * 16)
    assert spans["queue"].end - spans["queue"].begin > 1.0, "it waited for the relay"


def test_what_is_not_sampled_is_not_sent(house: House) -> None:
    unsampled, sampled = "c" * 32, "d" * 32
    for trace, flags in ((unsampled, "00"), (sampled, "01")):
        headers = {"traceparent": f"00-{trace}-{'b' * 16}-{flags}", "Prefer": "wait=20"}
        house.client.post("/v1/jobs", json={"problem": PROBLEM}, headers=headers)

    spans = house.collector.wait(lambda spans: "job program" in _of(spans, sampled))

    assert not _of(spans, unsampled)


def test_logs_name_request_and_job_from_the_request_to_the_engine(house: House) -> None:
    headers = {"X-Request-Id": "find-me-again", "Prefer": "wait=20"}
    job = house.client.post("/v1/jobs", json={"problem": PROBLEM}, headers=headers).json()["id"]
    end = time.monotonic() + 10
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < end:
        found = [line for line in house.lines("worker") if line.get("request_id") == "find-me-again"]
        time.sleep(0.05)

    asked = next(line for line in house.lines("api") if line.get("request_id") == "find-me-again")
    assert asked["made"] == f"/v1/jobs/{job}"
    done = next(line for line in found if line["event"] == "job")
    assert (done["job"], done["outcome"]) == (job, "succeeded")
    assert set(done["ms"]) >= {"decode", "solve", "certify"}


def test_no_secret_is_ever_logged(house: House) -> None:
    """Of a whole Kantor that was used rightly and wrongly: keys, query strings, bodies, the pepper, the database."""
    client, key = house.client, house.client.headers["X-API-Key"]
    made = client.post("/v1/keys", json={"name": "made", "scopes": ["read"]}).json()["secret"]
    hook = client.post("/v1/webhooks", json={"url": "https://93.184.216.34/hook?token=hidden-in-a-query"})
    secrets = [
        key,
        made,
        "hidden-in-a-body",
        "hidden-in-a-query",
        "hidden-in-a-header",
        (house.home / "pepper").read_text(),
    ]
    secrets += [hook.json()["secret"]] if hook.status_code == 201 else []
    client.post("/v1/jobs", json={"problem": PROBLEM, "secret": "hidden-in-a-body"})
    client.post("/v1/jobs", content=b'{"problem": hidden-in-a-body')
    client.get("/v1/jobs", params={"name": "hidden-in-a-query", "nonsense": "hidden-in-a-query"})
    client.get("/v1/jobs", headers={"Authorization": f"Bearer {made}x", "Cookie": "hidden-in-a-header"})
    client.get("/v1/jobs", headers={"Authorization": "Bearer hidden-in-a-header"})
    client.post("/v1/jobs", json={"problem": PROBLEM, "name": "x" * 300})
    time.sleep(0.3)

    for log in (house.home / "logs").iterdir():
        text = log.read_text(errors="replace")
        for secret in secrets:
            assert secret.strip() not in text, f"{log.name} has {secret[:12]}..."


@pytest.mark.parametrize(
    "header",
    [None, "", "00-xyz", f"01-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01", SENT.upper()],
)
def test_a_header_that_cannot_be_read_is_as_if_it_were_not_there(header: str | None) -> None:
    assert traceparent(header) is None


def test_without_a_collector_nothing_is_imported_and_nothing_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)

    assert tracing.start("api") is False
    begin = time.perf_counter()
    for _ in range(10_000):
        tracing.begin("x", SENT)
    assert (time.perf_counter() - begin) / 10_000 < 20e-6
