"""A service without a worker takes jobs all the same, and says what it could not check."""

from __future__ import annotations

import time

import httpx

from service.settings import Settings
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import TinyWorker


def test_any_engine_is_accepted_while_none_was_ever_seen_and_checked_after_the_last_one_left(
    client: httpx.Client, settings: Settings
) -> None:
    request = {"problem": PROGRAM, "engine": "misspelt", "options": {"engine_options": {"x": 1}}}
    assert client.post("/v1/jobs", json=request).status_code == 202
    dry = client.post("/v1/jobs?validate_only=true", json=request)
    assert (dry.status_code, dry.json()["inspection"]) == (200, None)
    assert "only the form of the request was checked" in dry.json()["warnings"][0]
    with TinyWorker(settings):
        time.sleep(1.1)
        assert client.post("/v1/jobs", json=request).status_code == 422
    time.sleep(1.1)
    assert client.get("/v1/engines").json() == {"engines": []}
    assert client.post("/v1/jobs", json=request).json()["code"] == "unknown-engine"
    assert client.post("/v1/jobs", json={"problem": PROGRAM, "engine": "tiny"}).status_code == 202
