"""Bodies: too large, compressed, of another type, broken off."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import io
import json
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
import zstandard

from api_schemas.keys import NewKey
from service.rest import parsing
from service.settings import Settings
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import LiveApi

LIMIT = 1 << 18
BODY = json.dumps({"problem": PROGRAM}).encode()


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[LiveApi]:
    """An API that takes 256 KiB."""
    with LiveApi(settings.model_copy(update={"body_limit_bytes": LIMIT, "artifact_limit_bytes": LIMIT})) as live:
        yield live


def _post(client: httpx.Client, content: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/jobs", content=content, headers={"Content-Type": "application/json", **named})


def _code(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["Content-Type"] == "application/problem+json"
    return reply.status_code, reply.json()["code"]


@pytest.mark.parametrize("kind", ["gzip", "two members", "zstd", "zstd without size"])
def test_compressed_bodies_are_accepted(client: httpx.Client, kind: str) -> None:
    stream = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as writer:
        writer.write(BODY)
    sent = {
        "gzip": gzip.compress(BODY),
        "two members": gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]),
        "zstd": zstandard.compress(BODY),
        "zstd without size": stream.getvalue(),
    }[kind]
    assert _post(client, sent, Content_Encoding="zstd" if "zstd" in kind else "gzip").status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_decompression_bomb_is_413(client: httpx.Client, encoding: str) -> None:
    text = b" " * (200 << 20)
    bomb = zlib.compress(text, wbits=31) if encoding == "gzip" else zstandard.compress(text)
    assert len(bomb) < LIMIT
    assert _code(_post(client, bomb, Content_Encoding=encoding)) == (413, "too-large")


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_bodies_that_are_broken_are_400(client: httpx.Client, encoding: str) -> None:
    whole = gzip.compress(BODY) if encoding == "gzip" else zstandard.compress(BODY)
    for broken in (whole[:-8], b"no such thing", b""):
        assert _code(_post(client, broken, Content_Encoding=encoding)) == (400, "malformed-json")


def test_an_encoding_that_is_not_known_is_415_and_says_which_are(client: httpx.Client) -> None:
    reply = _post(client, BODY, Content_Encoding="br")
    assert _code(reply) == (415, "unsupported-media-type")
    assert reply.headers["Accept-Encoding"] == "gzip, zstd"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json; charset=latin-1"])
def test_content_types_other_than_json_are_415(client: httpx.Client, kind: str) -> None:
    assert _code(_post(client, BODY, Content_Type=kind)) == (415, "unsupported-media-type")


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "application/vnd.kantor+json", None])
def test_forms_of_json_are_accepted(api: LiveApi, client: httpx.Client, kind: str | None) -> None:
    headers = {"Authorization": client.headers["Authorization"]} | ({"Content-Type": kind} if kind else {})
    assert httpx.post(f"{api.url}/v1/jobs", content=BODY, headers=headers).status_code == 202


def test_a_body_over_the_limit_is_413_announced_or_in_chunks(client: httpx.Client) -> None:
    large = BODY + b" " * LIMIT
    assert _code(_post(client, large)) == (413, "too-large")
    assert _code(_post(client, iter([large[k : k + 8192] for k in range(0, len(large), 8192)]))) == (413, "too-large")
    assert _post(client, BODY + b" " * (LIMIT - len(BODY))).status_code == 202


def test_an_announced_size_over_the_limit_is_refused_before_the_body_is_sent(
    api: LiveApi, client: httpx.Client
) -> None:
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=5)
    connection.putrequest("POST", "/v1/jobs")
    for name, value in (("Authorization", client.headers["Authorization"]), ("Content-Length", str(1 << 40))):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_an_artifact_over_the_limit_is_413_announced_or_in_chunks_and_leaves_nothing(
    client: httpx.Client, settings: Settings, project: UUID
) -> None:
    large = b"x" * (LIMIT + 1)
    assert _code(client.post("/v1/artifacts", content=large)) == (413, "too-large")
    assert _code(client.post("/v1/artifacts", content=iter([large]))) == (413, "too-large")
    assert client.post("/v1/artifacts", content=large[1:]).status_code == 201
    end = time.monotonic() + 5
    while len(left := list((settings.home / "artifacts" / project.hex).iterdir())) > 1 and time.monotonic() < end:
        time.sleep(0.02)
    assert len(left) == 1


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"problem":' * 100_000, b'{"problem":{"objective":' + b"[" * 500])
def test_deep_nesting_is_refused_with_plain_words(client: httpx.Client, body: bytes) -> None:
    reply = _post(client, body[: LIMIT - 1])
    assert _code(reply) == (400, "malformed-json")
    assert "nested more than 200 deep" in reply.json()["detail"]


def test_a_body_that_would_take_gigabytes_to_parse_is_refused_by_counting() -> None:
    from api_schemas.errors import KantorError
    from api_schemas.jobs import JobRequest

    many = b'{"problem":{' + b",".join(b'"a%d" : 1' % k for k in range(300_000)) + b"}}"
    with pytest.raises(KantorError, match="more than 250,000 fields") as caught:
        parsing.parse(JobRequest, many)
    assert caught.value.code == "too-large"
    some = b'{"problem":{' + b",".join(b'"a%d":1' % k for k in range(20_000)) + b"}}"
    with pytest.raises(KantorError, match="20,000 fields are wrong") as caught:
        parsing.parse(JobRequest, some)
    assert caught.value.errors == []
    with pytest.raises(KantorError, match="more than 5,000,000 values"):
        parsing.parse(JobRequest, b'{"problem":{"objective":[' + b"1," * 5_000_001 + b"1]}}")
    text = json.dumps({"problem": {"file": {"content": "c1: x + y\n" * 300_000}}}).encode()
    assert parsing.parse(JobRequest, text).problem.file is not None


def test_a_client_that_leaves_in_the_middle_does_no_harm(api: LiveApi, client: httpx.Client) -> None:
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=5)
    connection.putrequest("POST", "/v1/jobs")
    connection.putheader("Authorization", client.headers["Authorization"])
    connection.putheader("Content-Length", str(len(BODY)))
    connection.endheaders()
    connection.send(BODY[:10])
    connection.close()
    assert _post(client, BODY).status_code == 202


SENDER = """
import gzip, sys, httpx
url, key, encoding, body = sys.argv[1:]
sent, headers = body.encode() + b" " * (32 << 20), {"X-API-Key": key, "Content-Type": "application/json"}
if encoding == "gzip":
    sent, headers["Content-Encoding"] = gzip.compress(sent, 1), "gzip"
print(httpx.post(url + "/v1/jobs", content=sent, headers=headers, timeout=120).status_code)
"""


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_large_bodies_wait_for_their_turn_outside_of_the_memory(settings: Settings, key: NewKey, encoding: str) -> None:
    with LiveApi(settings) as live:
        turn = live.app.state.kantor.large_bodies = asyncio.Semaphore(0)
        command = [sys.executable, "-c", SENDER, live.url, key.secret, encoding, BODY.decode()]
        tracemalloc.start()
        try:
            # processes of their own: what they hold is not the server's
            senders = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
            end = time.monotonic() + 60
            while len(turn._waiters or ()) < 4:
                assert time.monotonic() < end
                time.sleep(0.05)
            held = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        turn._loop.call_soon_threadsafe(turn.release)
        assert [sender.communicate(timeout=60)[0] for sender in senders] == ["202\n"] * 4
    assert held < 16 << 20
