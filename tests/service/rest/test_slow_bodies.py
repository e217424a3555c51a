"""Bodies that come too slowly end their request, and no other's."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from service.settings import Settings
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import LiveApi

IDLE, WHOLE = 0.5, 2.0
BODY = json.dumps({"problem": PROGRAM}).encode()


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[LiveApi]:
    """An API of little patience."""
    limits = {"body_idle_seconds": IDLE, "body_seconds": WHOLE, "upload_hours": WHOLE / 3600}
    with LiveApi(settings.model_copy(update=limits)) as live:
        yield live


class Sender:
    """Announces a body, and sends of it a byte every so many seconds, ten seconds long."""

    def __init__(self, api: LiveApi, client: httpx.Client, path: str, every: float) -> None:
        self._connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=15)
        self._connection.putrequest("POST", path)
        for name, value in (("Authorization", client.headers["Authorization"]), ("Content-Length", str(len(BODY)))):
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        end = time.monotonic() + 10
        for byte in BODY:
            if self._ended.wait(self._every) or time.monotonic() > end:
                return
            try:
                self._connection.send(bytes([byte]))
            except OSError:
                return

    def reply(self) -> tuple[http.client.HTTPResponse, dict[str, object]]:
        try:
            reply = self._connection.getresponse()
            return reply, json.loads(reply.read())
        finally:
            self._ended.set()
            self._thread.join()
            self._connection.close()


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/studies", "/v1/artifacts"])
@pytest.mark.parametrize(("every", "seconds", "words"), [(0.1, WHOLE, "within 2 s"), (5.0, IDLE, "coming for 0.5 s")])
def test_a_sender_that_trickles_or_is_silent_is_let_go(
    api: LiveApi, client: httpx.Client, path: str, every: float, seconds: float, words: str
) -> None:
    began = time.monotonic()
    sender = Sender(api, client, path, every)
    assert client.post("/v1/jobs", content=BODY).status_code == 202, "meanwhile others are served"
    reply, problem = sender.reply()

    assert (reply.status, problem["code"]) == (408, "request-timeout")
    assert words in str(problem["detail"])
    assert reply.headers["Connection"] == "close"
    assert seconds <= time.monotonic() - began < seconds + 2
    while api.under_way():
        assert time.monotonic() - began < seconds + 4
        time.sleep(0.02)


def test_a_slow_body_that_keeps_moving_is_taken(api: LiveApi, client: httpx.Client) -> None:
    pieces = [BODY[k : k + 20] for k in range(0, len(BODY), 20)]

    def slowly() -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(min(0.3, 1.2 / len(pieces)))
            yield piece

    assert client.post("/v1/jobs", content=slowly(), headers={"Content-Type": "application/json"}).status_code == 202
