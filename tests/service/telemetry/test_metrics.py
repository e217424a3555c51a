"""Metrics of real processes, as Prometheus reads them."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from api_schemas.keys import NewKey
from service.settings import Settings
from tests.service.rest.living import ROOT, ApiProcess, environment
from tests.service.work import Desk


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _read(port: int) -> dict[str, dict[tuple[str, ...], float]]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    return {
        sample.name: {
            tuple(other.labels.values()): other.value for other in family.samples if other.name == sample.name
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def _dispatcher(settings: Settings, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "service.dispatcher"],
        cwd=ROOT,
        env=environment(settings, folder),
        stderr=subprocess.PIPE,
    )
    try:
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_dispatcher_tells_of_the_fleet(settings: Settings, desk: Desk, tmp_path: Path) -> None:
    for _ in range(3):
        desk.submit()
    desk.claim()
    port = _free_port()
    with _dispatcher(settings.model_copy(update={"metrics_address": f"127.0.0.1:{port}"}), tmp_path):
        end = time.monotonic() + 60
        while True:
            try:
                found = _read(port)
                break
            except httpx.TransportError:
                assert time.monotonic() < end
                time.sleep(0.1)

    assert found["kantor_database_up"][()] == 1
    assert found["kantor_jobs"][(desk.pool, "queued")] == 2
    assert found["kantor_jobs"][(desk.pool, "running")] == 1
    assert found["kantor_queue_age_seconds"][(desk.pool,)] >= 0
    assert found["kantor_jobs_forgotten_total"][()] == 0


def test_the_api_tells_how_long_its_replies_take_by_route(settings: Settings, key: NewKey, tmp_path: Path) -> None:
    port = _free_port()
    telling = settings.model_copy(update={"metrics_address": f"127.0.0.1:{port}"})
    with ApiProcess(telling, tmp_path) as api:
        for name in ("job_" + "0" * 26, "job_" + "1" * 26):
            httpx.get(f"{api.url}/v1/jobs/{name}", headers={"X-API-Key": key.secret})
        found = _read(port)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert found["kantor_api_request_seconds_count"][("GET", "/v1/jobs/{job_id}", "404")] == 2
    assert key.secret not in text
    assert "job_0000" not in text


@pytest.mark.parametrize("file", ["docs/operate/alerts.yaml", "docs/operate/grafana.json"])
def test_alerts_and_dashboard_name_metrics_that_exist(file: str) -> None:
    from service.telemetry import fleet, metrics

    source = Path(metrics.__file__).read_text() + Path(fleet.__file__).read_text()
    named = set(re.findall(r"\b(kantor_\w+?)(?:_bucket|_count|_sum)?\b(?=[{\[\s)\"'])", (ROOT / file).read_text()))

    assert named
    assert not {name for name in named if f'"{name}"' not in source}


def test_every_alert_has_a_page() -> None:
    rules = yaml.safe_load((ROOT / "docs/operate/alerts.yaml").read_text())["groups"][0]["rules"]
    pages = (ROOT / "docs/operate/incidents.md").read_text()

    for rule in rules:
        assert f"## {rule['alert']}\n" in pages
        assert rule["annotations"]["runbook"].endswith(f"#{rule['alert'].lower()}")
