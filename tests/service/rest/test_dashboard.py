"""How the dashboard's files are served: packed, kept by their names, strictly, and nothing beside them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.service.rest.living import LiveApi

PAGE = "<!doctype html><title>board</title>" + "<p>words" * 50
SCRIPT = "console.log(1);" * 100


@pytest.fixture(scope="module")
def board(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of an API that has a small dashboard, with a secret beside its folder."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "secret.txt").write_text("hush")
    built = folder / "built"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(PAGE)
    (built / ".stamp").write_text("stamp")
    (built / "assets" / "a-1234.js").write_text(SCRIPT)
    with LiveApi(settings, dashboard=built) as api, httpx.Client(base_url=api.url) as client:
        yield client


def test_scripts_are_sent_packed_and_kept_for_ever(board: httpx.Client) -> None:
    with board.stream("GET", "/assets/a-1234.js", headers={"Accept-Encoding": "gzip"}) as reply:
        packed = b"".join(reply.iter_raw())
    assert gzip.decompress(packed).decode() == SCRIPT
    assert reply.headers["Content-Type"].startswith("text/javascript")
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    plain = board.get("/assets/a-1234.js", headers={"Accept-Encoding": "identity"})
    assert ("Content-Encoding" in plain.headers, plain.text) == (False, SCRIPT)


def test_the_page_is_asked_for_anew_each_time_and_not_sent_twice(board: httpx.Client) -> None:
    first = board.get("/")
    assert (first.text, first.headers["Cache-Control"]) == (PAGE, "no-cache")
    again = board.get("/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "unsafe" not in first.headers["Content-Security-Policy"]
    assert board.head("/").headers["Content-Length"]


def test_addresses_of_pages_are_the_page_and_others_keep_their_answers(board: httpx.Client) -> None:
    browser = {"Accept": "text/html,*/*;q=0.8"}
    assert board.get("/jobs/job_1", headers=browser).text == PAGE
    for path in ("/v1/none", "/assets/missing.js", "/jobs/x.map", "/health/none"):
        reply = board.get(path, headers=browser)
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found"), path
    assert board.get("/nowhere", headers={"Accept": "application/json"}).status_code == 404
    assert board.post("/jobs").status_code in {404, 405}


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/.stamp"])
def test_nothing_beside_the_build_is_served(board: httpx.Client, path: str) -> None:
    reply = board.get(path)
    assert reply.status_code == 404
    assert "hush" not in reply.text


def test_without_a_build_the_page_says_how_to_get_it(settings: Settings, tmp_path: Path) -> None:
    with LiveApi(settings, dashboard=tmp_path / "none") as api:
        assert "make dashboard" in httpx.get(f"{api.url}/").text
