"""Webhooks: deliveries of a real dispatcher to a real receiver."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import kantor
import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import WEBHOOK, decode
from service.settings import Settings
from service.store.connect import Database, connect
from service.webhooks import addresses
from service.webhooks.deliver import SCHEDULE, Deliverer
from tests.service.rest.living import TinyWorker

PROBLEM = {"problem": {"kind": "program", "objective": [1, 2], "lower": [3, 4]}, "name": "told", "labels": {"a": "b"}}


class Receiver:
    """Keeps what it is sent and replies with ``status``."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_address[1]}/hook?x=1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(conn: Database) -> Iterator[Receiver]:
    conn.execute("DELETE FROM webhook")  # those of other tests, with what they still had to deliver
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def settings(servers) -> Settings:
    return servers.settings(servers.fresh_database(), webhook_networks="127.0.0.0/8, ::1/128")


@pytest.fixture
def rounds(settings: Settings) -> Iterator[Callable[[], int]]:
    """One round of the dispatcher's duty."""
    deliverer = Deliverer(settings)
    with connect(settings) as conn:
        yield lambda: deliverer.round(conn)


def _make(client: httpx.Client, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    reply = client.post("/v1/webhooks", json={"url": receiver.url, **fields})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def _deliveries(client: httpx.Client, hook: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/webhooks/{hook['id']}/deliveries").json()["deliveries"]
    return found


def _due(conn: Database) -> None:
    conn.execute("UPDATE delivery SET next_at = now() WHERE next_at IS NOT NULL")


def test_the_end_of_a_job_is_told_and_the_client_verifies_it(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], settings: Settings
) -> None:
    hook = _make(client, receiver)
    deaf = _make(client, receiver, events=["job.failed"])
    with TinyWorker(settings):
        job = client.post("/v1/jobs", json=PROBLEM, headers={"Prefer": "wait=20"}).json()
    assert rounds() == 1

    (headers, body), *more = receiver.got
    event = kantor.webhooks.unwrap(body, headers, hook["secret"])

    assert more == []
    assert (event.type, event.data["id"], event.data["state"]) == ("job.succeeded", job["id"], "succeeded")
    assert (event.data["name"], event.data["summary"]["objective"]) == ("told", 11.5)
    assert len(body) < 20_000
    with pytest.raises(kantor.webhooks.InvalidSignature):
        kantor.webhooks.unwrap(body + b" ", headers, hook["secret"])
    with pytest.raises(kantor.webhooks.InvalidSignature):
        kantor.webhooks.unwrap(body, headers, deaf["secret"])
    with pytest.raises(kantor.webhooks.InvalidSignature):
        kantor.webhooks.unwrap(body, {**headers, "webhook-timestamp": "1"}, hook["secret"])
    assert _deliveries(client, hook)[0]["delivered_at"] is not None


def test_what_fails_is_tried_again_under_the_same_id_and_given_up_at_last(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], conn: Database
) -> None:
    receiver.status = 500
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    for attempt in range(1, len(SCHEDULE) + 2):
        assert rounds() == 1
        delivery = _deliveries(client, hook)[0]
        assert (delivery["attempts"], delivery["last_status"]) == (attempt, 500)
        _due(conn)

    assert delivery["next_at"] is None
    assert rounds() == 0
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    receiver.status = 200
    client.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}/replay")
    assert rounds() == 1
    assert _deliveries(client, hook)[0]["delivered_at"] is not None


def test_the_first_retry_comes_after_five_seconds(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], conn: Database
) -> None:
    receiver.status = 503
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    rounds()

    row = conn.execute("SELECT extract(epoch FROM next_at - last_at) FROM delivery WHERE attempts = 1").fetchone()

    assert row is not None
    assert 4.5 < row[0] < 8


def test_redirects_are_not_followed(client: httpx.Client, receiver: Receiver, rounds: Callable[[], int]) -> None:
    receiver.status = 302
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    rounds()

    assert len(receiver.got) == 1
    assert _deliveries(client, hook)[0]["delivered_at"] is None


def test_a_receiver_that_is_gone_is_told_no_more(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int]
) -> None:
    receiver.status = 410
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    rounds()

    found = client.get(f"/v1/webhooks/{hook['id']}").json()
    assert (found["active"], "410" in found["disabled_reason"]) == (False, True)
    assert client.patch(f"/v1/webhooks/{hook['id']}", json={"active": True}).json()["disabled_reason"] == ""


def test_while_a_secret_rotates_both_verify(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int]
) -> None:
    hook = _make(client, receiver)
    new = client.post(f"/v1/webhooks/{hook['id']}/rotate", json={"overlap": 60}).json()
    client.post(f"/v1/webhooks/{hook['id']}/test")
    rounds()
    for secret in (hook["secret"], new["secret"]):
        assert kantor.webhooks.unwrap(receiver.got[0][1], receiver.got[0][0], secret).type == "webhook.test"

    last = client.post(f"/v1/webhooks/{hook['id']}/rotate", json={"overlap": 0}).json()
    client.post(f"/v1/webhooks/{hook['id']}/test")
    rounds()
    kantor.webhooks.unwrap(receiver.got[1][1], receiver.got[1][0], last["secret"])
    with pytest.raises(kantor.webhooks.InvalidSignature):
        kantor.webhooks.unwrap(receiver.got[1][1], receiver.got[1][0], new["secret"])


def test_a_dispatcher_that_dies_leaves_its_deliveries_to_be_taken_again(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], conn: Database
) -> None:
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    conn.execute("UPDATE delivery SET next_at = now() + interval '60 s', attempts = 1 WHERE next_at IS NOT NULL")
    assert rounds() == 0
    _due(conn)

    assert rounds() == 1
    assert len(receiver.got) == 1


def test_the_dispatcher_delivers(client: httpx.Client, receiver: Receiver, settings: Settings) -> None:
    from service.dispatcher import Dispatcher

    hook = _make(client, receiver)
    dispatcher = Dispatcher(settings)
    dispatcher.start()
    try:
        job = client.post("/v1/jobs", json=PROBLEM).json()
        client.post(f"/v1/jobs/{job['id']}/cancel")
        end = time.monotonic() + 10
        while not receiver.got and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        dispatcher.stop()

    assert kantor.webhooks.unwrap(receiver.got[0][1], receiver.got[0][0], hook["secret"]).type == "job.cancelled"


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/x", "https://user:pw@example.org/", "https://127.0.0.1/", "https://localhost/"),
        *("https://10.1.2.3/", "https://192.168.0.1/", "https://169.254.169.254/latest/", "https://[::1]/"),
        *("https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://0.0.0.0/"),
        *("https://2130706433/", "https://[fd00::1]/", "https://no-such-name.invalid/", "https://224.0.0.1/"),
    ],
)
def test_private_addresses_are_refused(settings: Settings, url: str) -> None:
    strict = settings.model_copy(update={"webhook_networks": ""})
    with pytest.raises(KantorError) as caught:
        addresses.place(url, strict)
    assert caught.value.errors[0].pointer == "/url"


def test_a_public_address_is_pinned(settings: Settings) -> None:
    place = addresses.place("https://93.184.216.34:8443/a?b=c", settings)
    assert (place.address, place.port, place.path) == ("93.184.216.34", 8443, "/a?b=c")


def test_a_name_that_moves_inside_is_refused_at_delivery(
    client: httpx.Client, receiver: Receiver, settings: Settings
) -> None:
    hook = _make(client, receiver)
    client.post(f"/v1/webhooks/{hook['id']}/test")
    strict = Deliverer(settings.model_copy(update={"webhook_networks": ""}))
    with connect(settings) as conn:
        assert strict.round(conn) == 1

    assert receiver.got == []
    assert "may not go to" in _deliveries(client, hook)[0]["last_error"]


def test_one_address_that_cannot_be_asked_holds_up_no_other(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], conn: Database
) -> None:
    bad, good = _make(client, receiver), _make(client, receiver)
    conn.execute("UPDATE webhook SET url = 'http://127.0.0.1:1/\x01' WHERE id = %s", (decode(WEBHOOK, bad["id"]),))
    for hook in (bad, good):
        client.post(f"/v1/webhooks/{hook['id']}/test")

    assert rounds() == 2

    assert _deliveries(client, good)[0]["delivered_at"] is not None
    assert _deliveries(client, bad)[0]["last_error"] != ""


@pytest.mark.parametrize("url", ["https://example.org/\x01", "https://example.org/\x7f"])
def test_addresses_with_control_characters_are_refused(client: httpx.Client, url: str) -> None:
    reply = client.post("/v1/webhooks", json={"url": url})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/url")


def test_letters_beyond_ascii_are_written_as_the_web_writes_them(settings: Settings) -> None:
    place = addresses.place("https://93.184.216.34/bücher?q=é&x=%20", settings)
    assert place.path == "/b%C3%BCcher?q=%C3%A9&x=%20"


def test_a_receiver_that_trickles_ends_the_attempt_in_time(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.webhooks.deliver.TIMEOUT", 1.0)
    slow = _make(client, receiver, url=_trickle())
    client.post(f"/v1/webhooks/{slow['id']}/test")

    began = time.monotonic()
    assert rounds() == 1

    assert time.monotonic() - began < 3.0
    assert _deliveries(client, slow)[0]["last_error"] == "no reply within 1 s"


def _trickle() -> str:
    """A server that sends its reply's header a byte each 0.2 s, for six seconds."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            for byte in (b"HTTP/1.1 204 No Content\r\nX-Slow: " + b"x" * 1000)[:30]:
                connection.sendall(bytes([byte]))
                time.sleep(0.2)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_a_job_that_is_deleted_meanwhile_is_told_as_it_ended(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], settings: Settings
) -> None:
    hook = _make(client, receiver)
    with TinyWorker(settings):
        job = client.post("/v1/jobs", json=PROBLEM, headers={"Prefer": "wait=20"}).json()
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    assert rounds() == 1
    event = kantor.webhooks.unwrap(receiver.got[0][1], receiver.got[0][0], hook["secret"])
    assert (event.data["state"], event.data["name"], event.data["labels"]) == ("succeeded", "told", {"a": "b"})


def test_nobody_is_told_of_dry_runs(
    client: httpx.Client, receiver: Receiver, rounds: Callable[[], int], settings: Settings
) -> None:
    _make(client, receiver)
    with TinyWorker(settings):
        time.sleep(1.1)  # the catalogue is a second old at most
        reply = client.post("/v1/jobs", params={"validate_only": "true"}, json=PROBLEM)
    assert reply.status_code == 200
    assert reply.json()["inspection"] is not None
    assert rounds() == 0
