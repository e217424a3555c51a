"""What the API costs: processor time and latency of a submit that waits for its answer, against a worker that needs none."""

from __future__ import annotations

import http.client
import json
import os
import random
import statistics
import threading
import time

from api_schemas.keys import NewKey
from service.rest import submissions
from service.settings import Settings
from tests.service.rest.living import LiveApi, TinyWorker

N = 20


def _body() -> bytes:
    draw = random.Random(1)
    matrix = {
        "format": "csr",
        "shape": [N, N],
        "data": [draw.random() for _ in range(N * N)],
        "indices": list(range(N)) * N,
        "indptr": [N * row for row in range(N + 1)],
    }
    objective = [draw.random() for _ in range(N)]
    return json.dumps(
        {"problem": {"objective": objective, "A": matrix, "row_upper": [5.0] * N, "upper": [1] * N}}
    ).encode()


def _run(url: str, headers: dict[str, str], count: int, seconds: list[float]) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    for _ in range(count):
        begin = time.perf_counter()
        connection.request("POST", "/v1/jobs", _body(), {**headers, "Idempotency-Key": os.urandom(8).hex()})
        reply = connection.getresponse()
        content = reply.read()
        assert reply.status == 200, content
        seconds.append(time.perf_counter() - begin)
    connection.close()


def test_submits_that_wait_are_quick_alone_and_together(settings: Settings, key: NewKey) -> None:
    headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": "application/json", "Prefer": "wait=20"}
    with LiveApi(settings) as api, TinyWorker(settings):
        _run(api.url, headers, 20, [])
        alone: list[float] = []
        _run(api.url, headers, 100, alone)
        together: list[float] = []
        begin = time.perf_counter()
        threads = [threading.Thread(target=_run, args=(api.url, headers, 20, together)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(together) / (time.perf_counter() - begin)
    print(f"alone p50 {statistics.median(alone) * 1e3:.1f} ms; 16 clients {rate:.0f} jobs/s")
    # Client, API and worker share this process and its interpreter lock: the bounds only catch a fall off a cliff.
    assert statistics.median(alone) < 0.1
    assert rate > 40


def test_reading_a_submit_takes_less_than_a_millisecond_of_processor_time() -> None:
    body = _body()
    submissions.draft(body)
    begin = time.process_time()
    for _ in range(200):
        submissions.draft(body)
    assert (time.process_time() - begin) / 200 < 1e-3
