"""What HTTP itself promises: methods, unknown addresses, request ids, headers for browsers, pages, health, OpenAPI."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from service import jobs, openapi
from service.settings import Settings
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import LiveApi


def problem(reply: httpx.Response) -> dict[str, Any]:
    assert reply.headers["Content-Type"] == "application/problem+json", reply.text
    found: dict[str, Any] = reply.json()
    assert found["status"] == reply.status_code
    assert found["type"] == f"urn:kantor:problem:{found['code']}"
    assert found["request_id"] == reply.headers["X-Request-Id"]
    assert {"title", "detail", "instance"} <= found.keys()
    return found


def test_an_unknown_address_is_404_with_the_near_one(client: httpx.Client) -> None:
    found = problem(client.get("/v1/job"))
    assert (found["code"], found["instance"]) == ("not-found", "/v1/job")
    assert found["detail"] == "There is no address /v1/job: did you mean '/v1/jobs'?"
    assert problem(client.get("/nowhere/at/all"))["detail"].endswith("see /docs.")
    assert problem(client.get("/v1/jobs/"))["code"] == "not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/v1/jobs/job_00000000000000000000000000", "DELETE, GET, HEAD, OPTIONS"),
        ("GET", "/v1/jobs/job_00000000000000000000000000/cancel", "OPTIONS, POST"),
        ("PROPFIND", "/v1/status", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(
    client: httpx.Client, method: str, path: str, allowed: str
) -> None:
    reply = client.request(method, path)
    assert problem(reply)["code"] == "method-not-allowed"
    assert reply.headers["Allow"] == allowed


def test_options_tell_the_methods(api: LiveApi) -> None:
    reply = httpx.options(f"{api.url}/v1/jobs")
    assert (reply.status_code, reply.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def test_head_is_get_without_the_body(client: httpx.Client, submit: Callable[..., dict[str, Any]]) -> None:
    for path in ("/v1/jobs", f"/v1/jobs/{submit()['id']}", "/health/live", "/"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
    stream = client.head(f"/v1/jobs/{submit()['id']}/events", headers={"Accept": "text/event-stream"})
    assert stream.headers["Content-Type"].startswith("text/event-stream")
    assert client.head("/v1/jobs/job_00000000000000000000000000").status_code == 404


def test_a_request_id_is_kept_or_made(client: httpx.Client) -> None:
    assert client.get("/health/live", headers={"X-Request-Id": "trace-1.a~b"}).headers["X-Request-Id"] == "trace-1.a~b"
    for bad in ("a b", "x" * 129, "<script>", ""):
        assert re.fullmatch(
            r"[0-9a-f]{24}", client.get("/health/live", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        )


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/jobs", "/v1/none", "/health/live", "/openapi.json"])
def test_every_reply_has_headers_that_protect_browsers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    if path.startswith("/v1"):
        assert headers["Cache-Control"] == "no-store"


def test_other_origins_are_let_in_only_by_setting(settings: Settings, client: httpx.Client) -> None:
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "prefer",
    }
    assert "Access-Control-Allow-Origin" not in client.options("/v1/jobs", headers=asked).headers
    with LiveApi(settings.model_copy(update={"cors_origins": "https://a.example, https://b.example"})) as api:
        reply = httpx.options(f"{api.url}/v1/jobs", headers=asked)
        assert reply.headers["Access-Control-Allow-Origin"] == "https://a.example"
        refused = httpx.get(f"{api.url}/v1/jobs", headers={"Origin": "https://a.example"})
        assert refused.status_code == 401
        assert refused.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert (
            "Access-Control-Allow-Origin"
            not in httpx.get(f"{api.url}/v1/jobs", headers={"Origin": "https://c.example"}).headers
        )


def test_a_mistake_of_ours_is_500_with_a_trace_in_the_log_and_none_in_the_reply(
    settings: Settings, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("the secret reason")

    raw = io.BytesIO()
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(raw, write_through=True))
    monkeypatch.setattr(jobs, "get", broken)
    with LiveApi(settings) as api:
        reply = httpx.get(f"{api.url}/v1/jobs/job_00000000000000000000000000", headers={"X-API-Key": key.secret})
    assert problem(reply)["code"] == "internal"
    assert "secret reason" not in reply.text
    lines = [json.loads(line) for line in raw.getvalue().splitlines()]
    trace = next(line for line in lines if line["event"] == "unexpected_exception")
    assert trace["request_id"] == reply.headers["X-Request-Id"]
    assert "ZeroDivisionError: the secret reason" in trace["exception"]


class Links(HTMLParser):
    """What a page would load or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in {"href", "src"}]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_need_nothing_from_elsewhere_and_their_links_work(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.headers["Content-Type"].startswith("text/html")
    links = Links()
    links.feed(page.text)
    assert not links.tags & {"script", "link", "img", "iframe"}
    assert links.found
    for link in links.found:
        assert client.get(link).status_code == 200


def test_the_page_of_addresses_lists_every_route(client: httpx.Client) -> None:
    page = client.get("/docs").text
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        assert path in page
        assert all(operation["operationId"] in page for operation in operations.values())


def test_a_built_dashboard_is_served_in_place_of_the_page(settings: Settings, key: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><p>board")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.js").write_text("1")
    with LiveApi(settings, dashboard=tmp_path) as api:
        home = httpx.get(f"{api.url}/")
        assert "board" in home.text
        assert "script-src" not in home.headers["Content-Security-Policy"]
        assert "default-src 'self'" in home.headers["Content-Security-Policy"]
        assert httpx.get(f"{api.url}/assets/a.js").text == "1"
        assert "board" in httpx.get(f"{api.url}/jobs/some", headers={"Accept": "text/html"}).text
        assert problem(httpx.get(f"{api.url}/v1/none"))["code"] == "not-found"
        assert httpx.get(f"{api.url}/v1/jobs", headers={"X-API-Key": key.secret}).json()["jobs"] == []
        assert httpx.get(f"{api.url}/docs").status_code == 200


def test_health_needs_no_key(api: LiveApi) -> None:
    assert httpx.get(f"{api.url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{api.url}/health/ready").json() == {"status": "ok", "database": True, "broker": True}


@pytest.fixture
def crippled(settings: Settings, request: pytest.FixtureRequest) -> Iterator[LiveApi]:
    with LiveApi(settings.model_copy(update=request.param)) as api:
        yield api


@pytest.mark.parametrize("crippled", [{"redis_url": "redis://127.0.0.1:1/0"}], indirect=True)
def test_without_the_broker_the_service_is_degraded_and_takes_jobs(crippled: LiveApi, key: Any) -> None:
    ready = httpx.get(f"{crippled.url}/health/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["broker"]) == (200, "degraded", False)
    reply = httpx.post(f"{crippled.url}/v1/jobs", json={"problem": PROGRAM}, headers={"X-API-Key": key.secret})
    assert reply.status_code == 202


@pytest.mark.parametrize("crippled", [{"database_url": "postgresql://nobody@127.0.0.1:1/none"}], indirect=True)
def test_without_the_database_the_service_lives_but_is_not_ready(crippled: LiveApi, key: Any) -> None:
    assert httpx.get(f"{crippled.url}/health/live").status_code == 200
    ready = httpx.get(f"{crippled.url}/health/ready", timeout=10)
    assert problem(ready)["code"] == "unavailable"
    assert ready.headers["Retry-After"]
    reply = httpx.get(f"{crippled.url}/v1/jobs", headers={"X-API-Key": key.secret}, timeout=15)
    assert problem(reply)["code"] == "unavailable"


def test_the_snapshot_of_the_openapi_is_up_to_date() -> None:
    assert openapi.main(["--check"]) == 0


def test_every_operation_is_described_with_its_errors(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    ids = []
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            ids.append(operation["operationId"])
            assert operation["summary"]
            assert operation["description"]
            assert re.fullmatch(r"[a-z]+_[a-z]+", operation["operationId"])
            if path.startswith("/v1"):
                assert {"401", "403", "503"} <= operation["responses"].keys()
            for parameter in operation.get("parameters", []):
                assert parameter.get("description") or parameter["in"] == "path"
    assert len(ids) == len(set(ids))
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "header"}
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema)))
    assert references == set(schema["components"]["schemas"]) - {"KeyRequest", "JobRequest"} | {
        "KeyRequest",
        "JobRequest",
    }
