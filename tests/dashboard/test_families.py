"""Transport, studies and schedules in the browser, on real jobs and a real loop of ask and tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from kantor.embedded import Embedded

expect: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


@pytest.fixture
def rest(server: Embedded) -> Iterator[httpx.Client]:
    """The API itself."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


def solve(page: Any, server: Embedded, example: str) -> None:
    page.goto(f"{server.url}/submit")
    page.get_by_role("button", name=f"Solve: {example}").click()
    page.locator("h1 .state-succeeded").wait_for(timeout=60_000)


def painted(page: Any, canvas: str) -> int:
    """How many colours a canvas shows."""
    count: int = page.locator(canvas).evaluate("""(canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let k = 0; k < data.length; k += 4) seen.add(data[k] << 16 | data[k + 1] << 8 | data[k + 2]);
        return seen.size;
    }""")
    return count


def test_a_coupling_is_drawn_and_its_entries_are_read_exactly(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    solve(page, server, "Two clouds")
    page.get_by_role("tab", name="Plan").click()
    page.locator("canvas.heat").wait_for()
    page.get_by_label("From x").fill("0.5")
    assert painted(page, "canvas >> nth=0") > 20
    assert painted(page, "canvas.heat") >= 2
    job = page.url.split("/jobs/")[1].partition("?")[0]
    plan = rest.get(f"/v1/jobs/{job}/answer").json()["plan"]
    column, value = plan["indices"][plan["indptr"][7]], plan["data"][plan["indptr"][7]]
    page.get_by_label("row", exact=True).fill("7")
    page.get_by_label("column", exact=True).fill(str(column))
    shown = page.locator(".readout b").inner_text()
    assert math.isclose(float(shown.replace("\u2212", "-").replace("\u202f", "")), value, rel_tol=1e-11)
    box = page.locator("canvas.heat").bounding_box()
    page.mouse.move(box["x"] + box["width"] * (column + 0.5) / 150, box["y"] + box["height"] * 7.5 / 150)
    expect(page.locator(".readout")).to_contain_text(f"P[7, {column}] = {shown}")
    assert not faults_of(page)


def test_an_image_is_seen_on_its_way(page: Any, server: Embedded) -> None:
    solve(page, server, "An image becomes another")
    page.get_by_text("The image on its way").wait_for()
    begin = page.locator("canvas >> nth=0").evaluate("(canvas) => canvas.toDataURL()")
    page.get_by_label("From x").fill("1")
    assert page.locator("canvas >> nth=0").evaluate("(canvas) => canvas.toDataURL()") != begin


def test_a_study_is_drawn_paused_and_evaluated_by_hand(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    space = {
        "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "layers": {"type": "int", "low": 1, "high": 8},
    }
    wanted = {"name": "seen in the browser", "space": space, "objectives": {"loss": "min", "latency": "min"}}
    address = f"/v1/studies/{rest.post('/v1/studies', json=wanted).json()['id']}"
    for _ in range(8):
        (trial,) = rest.post(f"{address}/ask", json={"wait": 0}).json()["trials"]
        lr, layers = trial["params"]["lr"], trial["params"]["layers"]
        values = {"loss": (math.log10(lr) + 3) ** 2 + abs(layers - 5), "latency": 2.0 * layers}
        rest.post(f"{address}/trials/{trial['number']}/tell", json={"values": values, "attempt": trial["attempt"]})
    page.goto(f"{server.url}/studies")
    page.get_by_role("link", name="seen in the browser").click()
    for tab in ("History", "Front", "Parallel", "Slices"):
        page.get_by_role("tab", name=tab).click()
        page.locator("canvas").first.wait_for()
        page.wait_for_timeout(300)
        assert painted(page, "canvas >> nth=0") > 5, tab
        assert not faults_of(page), tab
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("tab", name="By hand").click()
    page.get_by_role("button", name="Ask for a point").click()
    page.get_by_label("Loss").fill("0.25")
    page.get_by_label("Latency").fill("3")
    page.get_by_role("button", name="Tell", exact=True).click()
    page.get_by_text("counts from now on").wait_for()
    trials = rest.get(f"{address}/trials", params={"state": "completed"}).json()["trials"]
    assert trials[-1]["values"] == {"loss": 0.25, "latency": 3}
    page.get_by_role("tab", name="Trials").click()
    expect(page.get_by_role("region", name="Trials").locator("tbody tr")).to_have_count(9)


def test_versions_of_a_schedule_are_drawn_and_given_to_new_runs(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    reply = rest.post("/v1/schedules", json={"name": "seen", "horizon": 100, "policy": "wsd", "warmup": 0.1})
    assert reply.status_code == 201, reply.text
    rest.post(f"/v1/schedules/{reply.json()['id']}/runs", json={"client_id": "here"})
    page.goto(f"{server.url}/schedules")
    page.get_by_role("link", name="seen", exact=True).click()
    page.locator(".u-over").wait_for()
    page.get_by_role("button", name="Table").click()
    table = page.get_by_role("region", name="Learning rate by step; solid: what new runs get: table").inner_text()
    assert "9.9\t1" in table
    expect(page.get_by_role("region", name="Runs", exact=True).locator("tbody tr")).to_have_count(1)
    assert not faults_of(page)
