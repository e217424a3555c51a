"""What the load is sent to: Kantor through its client or by plain HTTP, the Celery no-op, a bare endpoint."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.harness.small_lp import document, small_lp

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Kantor:
    """The small program through the Python client.

    Attributes:
        mode: ``solve`` waits for the answer with its certificate, ``submit`` only for the job to be accepted.
    """

    url: str
    api_key: str
    mode: str = "solve"

    def connect(self, client: int) -> Callable[[], object]:
        import kantor

        connection = kantor.Client(self.url, api_key=self.api_key)
        lp = small_lp(client)
        program = kantor.Program(sense="max", objective=lp.c, A=lp.A, row_upper=lp.b)
        if self.mode == "submit":
            return lambda: connection.submit(program, engine="highs")

        def solve() -> object:
            answer = connection.solve(program, engine="highs")
            if answer.status != "optimal" or not answer.certificate.verified:
                raise RuntimeError(f"the small program came back as {answer.status}")
            return answer

        return solve


@dataclass(frozen=True)
class PlainHttp:
    """A body that was encoded beforehand, through the standard library's client: a client that costs next to nothing.

    Attributes:
        expect: accepted status codes.
        final: the reply must be a job that succeeded.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    expect: tuple[int, ...] = (200,)
    final: bool = False

    def connect(self, client: int) -> Callable[[], object]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        body = json.dumps(document(small_lp(client)), separators=(",", ":")).encode()
        headers = {**JSON, **dict(self.headers)}
        path = parts.path or "/"

        def post() -> object:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            content = response.read()
            if response.status not in self.expect:
                raise RuntimeError(f"{self.url} replied {response.status}: {content[:300]!r}")
            if self.final:
                job: dict[str, Any] = json.loads(content)
                if job["state"] != "succeeded" or job["answer"]["status"] != "optimal":
                    raise RuntimeError(f"the job came back as {job['state']}: {content[:300]!r}")
            return response.status

        return post


@dataclass(frozen=True)
class CeleryNoop:
    """Send a message, wait for its result."""

    broker: str

    def connect(self, client: int) -> Callable[[], object]:
        from benchmarks.peers.celery_noop import application

        app = application(self.broker)
        text = f"job_{client:026d}"
        return lambda: app.send_task("noop", (text,)).get(timeout=30)
