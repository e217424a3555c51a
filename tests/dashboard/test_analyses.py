"""What the dashboard makes of answers and data: surfaces, rankings, optima, pictures, rows of model files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import kantor
import pytest
from kantor.embedded import Embedded

from tests.dashboard.test_browser import job_of, shipped

expect: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
PENALTIES = {
    "kind": "bilevel",
    "data": {
        "X": [[1, 0.2], [-0.4, 1], [0.3, -0.8]],
        "y": [1, 0.5, -1],
        "Xv": [[0.9, 0.1], [0.2, 1.1]],
        "yv": [1, 0.4],
    },
    "upper": {
        "variables": {"lam": {"shape": [2], "start": 0, "lower": -6, "upper": 6}},
        "minimize": "mean((Xv @ w - yv)**2)",
    },
    "lower": {"variables": {"w": {"shape": [2]}}, "minimize": "mean((X @ w - y)**2) + sum(exp(lam) * w**2)"},
}


@pytest.fixture
def rest(server: Embedded) -> Iterator[httpx.Client]:
    """The API itself."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": server.api_key}, timeout=60) as client:
        yield client


def image(path: Path, colour: str, size: int = 40) -> Path:
    from PIL import Image

    Image.new("RGB", (size, size), colour).save(path)
    return path


def test_a_studys_model_is_seen_as_contours_and_expectations_with_their_uncertainty(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    space = {name: {"type": "float", "low": -2, "high": 2} for name in ("a", "b")}
    study = rest.post("/v1/studies", json={"name": "bowl", "space": space, "objectives": {"height": "min"}}).json()[
        "id"
    ]
    for k in range(9):
        a, b = (k % 3) - 1.0, (k // 3) - 1.0
        point = {"params": {"a": a, "b": b}, "values": {"height": a * a + 2 * b * b}}
        assert rest.post(f"/v1/studies/{study}/trials", json=point).status_code == 201
    page.goto(f"{server.url}/studies/{study}?tab=surface")
    for title in ("height expected by the model", "Standard deviation: how unsure it is"):
        figure = page.locator("figure", has=page.get_by_text(title))
        figure.locator("canvas").wait_for()
        figure.get_by_role("button", name="Table").click()
        assert len(figure.locator("tbody tr").all()) == 40
        figure.get_by_role("button", name="Chart").click()
    canvas = page.locator("canvas").first
    box = canvas.bounding_box()
    canvas.hover(position={"x": 74 + (box["width"] - 86) / 2, "y": 10 + 306 / 2})
    expect(page.locator(".scale").first).to_contain_text("trial 5: 0.0000")
    assert not faults_of(page)
    page.get_by_role("tab", name="Slices").click()
    page.get_by_role("button", name="Table").click()
    page.get_by_role("columnheader", name="standard deviation").wait_for()
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("region", name="Best trial")).to_contain_text("Trial 5")
    page.get_by_role("button", name="Are more trials worth while?").click()
    page.locator(".verdict").wait_for()
    page.get_by_role("tab", name="By hand").click()
    page.get_by_text("A point of your own").click()
    page.get_by_label(re.compile("^a ")).fill("0.5")
    page.get_by_label(re.compile("^b ")).fill("0.5")
    page.get_by_role("button", name="Try it next").click()
    page.get_by_text("it is handed out next").wait_for()
    (trial,) = rest.get(f"/v1/studies/{study}/trials", params={"state": "waiting"}).json()["trials"]
    assert trial["params"] == {"a": 0.5, "b": 0.5}


def test_candidates_are_ranked_by_clicking_and_a_ranking_is_taken_back(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    space = {"sugar": {"type": "float", "low": 0, "high": 10}, "mint": {"type": "int", "low": 0, "high": 5}}
    study = rest.post("/v1/studies", json={"name": "taste", "space": space, "preference": True}).json()["id"]
    page.goto(f"{server.url}/studies/{study}")
    page.get_by_label("Candidates at once").select_option("3")
    cards = page.locator(".candidate")
    for rounds in (1, 2):
        page.get_by_role("button", name="Show me candidates").click()
        expect(cards).to_have_count(3)
        names = [int(name.removeprefix("Trial ")) for name in cards.locator("b", has_text="Trial").all_inner_texts()]
        cards.nth(2).click()
        cards.nth(0).click()
        expect(cards.nth(0)).to_contain_text("place 2")
        assert not faults_of(page)
        page.get_by_role("button", name="Tell this order").click()
        page.get_by_text("Told.").wait_for()
        told = rest.get(f"/v1/studies/{study}/comparisons").json()["comparisons"]
        assert len(told) == rounds
        assert told[-1]["best"] == [names[2], names[0]]
        assert told[-1]["others"] == [names[1]]
    page.get_by_role("region", name="Utilities").wait_for()
    page.get_by_role("button", name=re.compile("Take back")).first.click()
    page.get_by_text("taken back").wait_for()


def test_optima_of_many_starts_are_mapped_and_both_levels_are_drawn(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    body = {"problem": PENALTIES, "options": {"starts": 4}, "name": "starts"}
    job = rest.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"}).json()["id"]
    page.goto(f"{server.url}/jobs/{job}?tab=optima")
    optima = rest.get(f"/v1/jobs/{job}/answer").json()["optima"]
    expect(page.get_by_role("region", name="Optima").locator("tbody tr")).to_have_count(len(optima))
    page.locator("figure canvas").wait_for()
    page.locator("figure").get_by_role("button", name="Table").click()
    page.get_by_role("columnheader", name="lam[0]").wait_for()
    assert not faults_of(page)
    page.get_by_role("tab", name="Curves").click()
    for title in ("Objective", "Lower residual"):
        page.locator("figcaption", has_text=title).first.wait_for()


def test_two_pictures_become_a_problem_whose_colours_are_seen(page: Any, tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed")
    page.goto(page.url + "submit")
    files = [image(tmp_path / "red.png", "#c02010"), image(tmp_path / "blue.png", "#1030a0")]
    page.get_by_label("Model file").set_input_files(files)
    page.get_by_label("What moves").select_option("colours")
    page.locator(".pictures").get_by_role("button", name="Look at it").click()
    page.locator(".inspection").wait_for()
    page.get_by_role("button", name="Solve", exact=True).click()
    page.locator("h1 .state-succeeded").wait_for()
    page.get_by_text("Colours, and what they become").wait_for()
    title = page.locator("svg.colours title").first.text_content()
    assert title.startswith("#c02010 → #1030a0")


def test_rows_of_a_packed_model_file_are_shown_where_they_contradict_each_other(
    page: Any, server: Embedded, client: kantor.Client
) -> None:
    job = client.submit(kantor.Program.from_file(shipped("klein1")), name="klein1", iis=True)
    job.result(60)
    page.goto(f"{server.url}/jobs/{job.id}?tab=conflict")
    row = page.get_by_role("region", name="Members").locator("tbody tr").first
    expect(row.locator("code")).to_contain_text("≥")
    assert page.locator("mark").count() > 0
    page.get_by_role("tab", name="Problem").click()
    page.get_by_role("region", name="Constraints").wait_for()
    page.get_by_role("button", name="the file").click()
    expect(page.get_by_role("region", name="Model file")).to_contain_text("ROWS")


def test_an_answer_is_downloaded_as_arrow_under_the_strict_policy(
    page: Any, server: Embedded, client: kantor.Client, tmp_path: Path
) -> None:
    job = client.submit(kantor.Program(objective=[1.0, 2.0], lower=[3.0, 4.0]), name="small")
    job.result(60)
    page.goto(f"{server.url}/jobs/{job.id}?tab=answer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download variables as arrow").click()
    download.value.save_as(tmp_path / "x.arrow")
    content = (tmp_path / "x.arrow").read_bytes()
    assert content.startswith(b"ARROW1")
    assert content.endswith(b"ARROW1")


def test_what_runs_of_a_schedule_saw_is_drawn_over_each_other(
    page: Any, server: Embedded, rest: httpx.Client, faults_of: Callable[[Any], list[Any]]
) -> None:
    wanted = {"name": "observed", "horizon": 50, "policy": "refined"}
    schedule = rest.post("/v1/schedules", json=wanted).json()["id"]
    for k in range(2):
        run = rest.post(f"/v1/schedules/{schedule}/runs", json={"client_id": str(k)}).json()["number"]
        seen = [{"step": step, "norm": (k + 1) * math.exp(-step / 20)} for step in range(50)]
        rest.post(f"/v1/schedules/{schedule}/runs/{run}/observations", json={"observations": seen}).raise_for_status()
    page.goto(f"{server.url}/schedules/{schedule}")
    page.get_by_text("100 observations").wait_for()
    figure = page.locator("figure", has_text="Gradient norm by step, of 2 runs")
    figure.get_by_role("button", name="Table").click()
    expect(figure.locator("tbody tr").first.locator("td")).to_have_text(["0", "1", "2"])
    assert not faults_of(page)


def test_jobs_are_found_by_the_beginning_of_their_names_and_ended_together(
    page: Any, server: Embedded, client: kantor.Client
) -> None:
    jobs = [client.submit(kantor.Program(objective=[1.0], lower=[k]), name=f"lookup {k}") for k in range(3)]
    for job in jobs:
        job.result(60)
    page.goto(f"{server.url}/jobs")
    page.get_by_label("Search").fill("look")
    page.keyboard.press("Enter")
    rows = page.locator("table.jobs tbody tr")
    expect(rows).to_have_count(3)
    assert "search=look" in page.url
    for box in rows.get_by_role("checkbox").all()[:2]:
        box.check()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete 2 jobs for good").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Search").fill(jobs[0].id)
    page.keyboard.press("Enter")
    assert job_of(page) == jobs[0].id
