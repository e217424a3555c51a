"""Keys, scopes, tenants; and no key in any log."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.keys import NewKey, new_secret
from service import keys
from service.app import create_app
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import LiveApi


def get(api: LiveApi, path: str = "/v1/jobs", **headers: str) -> httpx.Response:
    return httpx.get(api.url + path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def mistyped(secret: str) -> str:
    """The same with another last letter."""
    return secret[:-1] + ("1" if secret[-1] == "0" else "0")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, "No API key: send it as Authorization: Bearer"),
        ({"Authorization": "Basic YTpi"}, "Send the API key as: Authorization: Bearer"),
        ({"Authorization": "Bearer"}, "Send the API key as: Authorization: Bearer"),
        ({"Authorization": "Bearer sk-123"}, "those begin with kt_"),
        ({"X_API_Key": "kt_short"}, "checksum of this API key does not fit"),
        ({"Authorization": f"Bearer {mistyped(new_secret())}"}, "checksum of this API key does not fit"),
        ({"Authorization": f"Bearer {new_secret()}"}, "unknown, revoked or expired"),
    ],
)
def test_a_key_that_does_not_open_is_401_in_kind_words(api: LiveApi, header: dict[str, str], words: str) -> None:
    reply = get(api, **header)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="kantor"'
    assert words in reply.json()["detail"]


def test_both_headers_open(api: LiveApi, key: NewKey) -> None:
    assert get(api, Authorization=f"bearer  {key.secret}").status_code == 200
    assert get(api, X_API_Key=key.secret).status_code == 200


def test_scopes_are_enforced(api: LiveApi, conn: Database, project: UUID, settings: Settings) -> None:
    opened = {
        scope: {"X-API-Key": keys.create(conn, project, name=scope, scopes=[scope], settings=settings).secret}
        for scope in ("read", "write", "admin")
    }
    calls: list[tuple[str, Callable[[dict[str, str]], httpx.Response]]] = [
        ("read", lambda h: httpx.get(f"{api.url}/v1/jobs", headers=h)),
        ("read", lambda h: httpx.get(f"{api.url}/v1/engines", headers=h)),
        ("write", lambda h: httpx.post(f"{api.url}/v1/jobs", json={"problem": PROGRAM}, headers=h)),
        ("write", lambda h: httpx.post(f"{api.url}/v1/artifacts", content=b"x", headers=h)),
        ("admin", lambda h: httpx.get(f"{api.url}/v1/keys", headers=h)),
        ("admin", lambda h: httpx.post(f"{api.url}/v1/keys", json={"name": "n"}, headers=h)),
    ]
    for needed, call in calls:
        for scope, headers in opened.items():
            reply = call(headers)
            if scope == needed:
                assert reply.status_code < 300, reply.text
            else:
                assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
                assert repr(needed) in reply.json()["detail"]


def test_a_key_is_made_used_listed_and_revoked(api: LiveApi, client: httpx.Client) -> None:
    made = client.post("/v1/keys", json={"name": "board", "scopes": ["read"], "expires_in": 60})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert get(api, X_API_Key=secret).status_code == 200
    listed = client.get("/v1/keys")
    assert secret not in listed.text
    assert "board" in [key["name"] for key in listed.json()["keys"]]
    assert client.delete(f"/v1/keys/{made.json()['id']}").status_code == 204
    assert get(api, X_API_Key=secret).status_code == 401
    assert client.delete("/v1/keys/key_00000000000000000000000000").status_code == 404


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "x", "expires_in": 1e300}, "/expires_in"),
    ],
)
def test_bad_key_requests_are_named(client: httpx.Client, request_: dict[str, Any], pointer: str) -> None:
    reply = client.post("/v1/keys", json=request_)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_strangers_job_does_not_exist(
    client: httpx.Client, stranger: httpx.Client, submit: Callable[..., dict[str, Any]]
) -> None:
    url = f"/v1/jobs/{submit(labels={'team': 'a'})['id']}"
    for rest in ("", "?wait=1", "/answer", "/problem", "/events", "/events?max=5", "/log"):
        assert stranger.get(url + rest).status_code == 404
    assert stranger.get(f"{url}/events", headers={"Accept": "text/event-stream"}).status_code == 404
    assert stranger.post(f"{url}/cancel").status_code == 404
    assert stranger.delete(url).status_code == 404
    assert stranger.get("/v1/jobs", params={"label": "team:a"}).json()["jobs"] == []
    page = client.get("/v1/jobs", params={"page_size": 1})
    assert client.get(url).json()["state"] == "queued"
    assert page.status_code == 200


def test_the_same_idempotency_key_in_two_projects_is_two_jobs(client: httpx.Client, stranger: httpx.Client) -> None:
    ids = {
        who.post("/v1/jobs", json={"problem": PROGRAM}, headers={"Idempotency-Key": "k"}).json()["id"]
        for who in (client, stranger)
    }
    assert len(ids) == 2


def test_no_key_and_no_body_ever_appears_in_the_log(
    settings: Settings, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(raw, write_through=True))
    with LiveApi(settings) as api:
        client = httpx.Client(
            base_url=api.url, headers={"Authorization": f"Bearer {key.secret}", "X-Request-Id": "mine"}
        )
        client.post("/v1/jobs", json={"problem": PROGRAM, "name": "topsecretname"})
        client.get("/v1/jobs", params={"label": "topsecretlabel:1"})
        client.post("/v1/keys", json={"name": "n", "wrong": key.secret})
        get(api, Authorization=f"Basic {key.secret}")
        get(api, X_API_Key=key.secret[:-1] + "_")
        made = client.post("/v1/keys", json={"name": "n"}).json()["secret"]
        time.sleep(0.1)
    log = raw.getvalue().decode()
    assert log.count('"event":"request"') == 6
    assert '"request_id":"mine"' in log
    for word in (key.secret, key.secret[3:-1], made, "topsecret", "Bearer"):
        assert word not in log


def test_the_application_refuses_to_start_without_a_pepper(settings: Settings) -> None:
    with pytest.raises(ValueError, match="KANTOR_API_KEY_PEPPER"):
        create_app(settings.model_copy(update={"api_key_pepper": "short"}))
