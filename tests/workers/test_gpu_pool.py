"""A worker of the pool of GPUs: which engines it offers, and what its jobs are told where there is no device."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from api_schemas.jobs import JobRequest
from service import jobs
from service.settings import Settings
from tests.workers.conftest import Desk
from workers.runner import limits
from workers.settings import WorkerSettings
from workers.worker import Worker

POINTS = {"kind": "transport", "x": [[0.0], [1.0]], "y": [[0.5], [2.0]], "regularization": 0.5}


@pytest.fixture(scope="module")
def gpu_worker(settings: Settings) -> Iterator[Worker]:
    worker = Worker(settings, WorkerSettings(look_seconds=0.05), pools=["gpu"], concurrency=1)
    worker.start()
    yield worker
    worker.close()


def test_it_offers_the_engines_that_compute_there_and_no_others(gpu_worker: Worker) -> None:
    engines = gpu_worker.catalogue.engines
    assert {engine.id for engine in engines} >= {"sinkhorn", "sinkhorn-newton", "batched-newton"}
    assert all("cuda" in engine.capabilities for engine in engines)


@pytest.mark.skipif(limits.machine_gpus() > 0, reason="there is a GPU")
@pytest.mark.parametrize("engine", ["auto", "sinkhorn"])
def test_a_job_for_a_device_that_is_not_there_says_so(gpu_worker: Worker, desk: Desk, engine: str) -> None:
    options = {"device": "cuda"}
    request = JobRequest.model_validate({"problem": POINTS, "engine": engine, "options": options})
    document = orjson.dumps({"problem": POINTS, "options": options})
    job = jobs.submit(desk.conn, desk.project, request, document, pool="gpu", settings=desk.settings).job_id

    gpu_worker.answer("job")

    error = desk.finished(job).error
    assert error is not None
    assert error["code"] == "invalid-option"
    assert error["errors"][0]["pointer"] == "/options/device"
    assert "no CUDA device" in error["detail"]


def test_devices_are_counted_as_far_as_they_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["null", "nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"]
    monkeypatch.setattr("os.listdir", lambda _: names)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert limits.machine_gpus() == 3
    for visible, count in [("0", 1), ("0,1", 2), ("", 0), ("-1", 0)]:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert limits.machine_gpus() == count
