"""What a person does with the dashboard, in a real browser, with real jobs."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kantor
import pytest
from kantor.embedded import Embedded

INSTANCES = Path(__file__).parents[2] / "examples" / "instances"
JOB = re.compile(r"/jobs/(job_\w+)")
LP = """max
 profit: 3 doors + 5 windows
st
 one: doors <= 4
 two: 2 windows <= 12
 three: 3 doors + 2 windows <= 18
end
"""
expect: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def shipped(name: str) -> Path:
    return INSTANCES / f"{name}.mps.gz"


def job_of(page: Any) -> str:
    page.wait_for_url(JOB)
    match = JOB.search(page.url)
    assert match is not None
    return match[1]


def figure(page: Any, name: str) -> str:
    text: str = page.locator(".figure", has=page.get_by_text(name, exact=True)).locator("dd").inner_text()
    return text


def test_the_link_of_kantor_up_signs_in_and_leaves_no_key_in_the_address(page: Any, server: Embedded) -> None:
    assert page.url == f"{server.url}/"
    page.reload()
    page.get_by_text("live", exact=True).wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API key").fill("kt_wrong")
    page.context.faults.clear()
    page.get_by_role("button", name="Sign in").click()
    assert "kantor keys create" in page.get_by_role("alert").inner_text()
    page.context.faults.clear()  # the browser itself reports the 401 that was wanted
    page.get_by_label("API key").fill(server.api_key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Jobs", exact=True).wait_for()


def test_a_solve_is_watched_live_and_cancelled_with_its_best_answer(page: Any, client: kantor.Client) -> None:
    page.goto(page.url + "submit")
    page.get_by_role("button", name="Solve: Hard knapsack").click()
    job = job_of(page)
    page.get_by_text("Incumbent and bound").wait_for()
    page.get_by_text(re.compile(r"\b([5-9]|\d\d+) points")).wait_for()
    assert page.locator(".u-over").count() >= 2
    page.get_by_role("tab", name="Log").click()
    page.get_by_role("region", name="Log").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.locator("h1 .state-cancelled").wait_for()
    page.get_by_role("tab", name="Answer").click()
    page.get_by_role("region", name="Table of variables").wait_for()
    info = client.job(job).info
    assert info.state == "cancelled"
    assert info.summary is not None
    assert figure(page, "Objective").replace("\u202f", "") == f"{info.summary.objective:g}"


def test_pasted_text_is_inspected_solved_and_certified_and_shown_as_code(page: Any, tmp_path: Path) -> None:
    page.goto(page.url + "submit")
    page.get_by_label("Or paste it").fill(LP)
    page.get_by_role("button", name="Look at it").click()
    assert "2 variables" in page.locator(".inspection").inner_text()
    page.get_by_label("Engine").select_option("clarabel")
    page.get_by_label("Time limit").fill("7")
    code = page.get_by_role("region", name="Python").inner_text()
    assert 'engine="clarabel"' in code
    assert "time_limit=7" in code
    page.get_by_role("tab", name="Command").click()
    assert "--engine clarabel --time-limit 7" in page.get_by_role("region", name="kantor").inner_text()
    page.get_by_role("button", name="Solve", exact=True).click()
    page.locator("h1 .state-succeeded").wait_for()
    assert figure(page, "Objective").startswith("36")
    page.get_by_role("tab", name="Certificate").click()
    assert "Proved." in page.locator(".verdict").inner_text()
    row = page.locator("tr", has=page.get_by_role("rowheader", name="Primal feasibility")).inner_text()
    assert "passed" in row
    assert "≤" in row
    page.get_by_role("tab", name="Answer").click()
    page.get_by_role("tab", name="Constraints 3").click()
    page.get_by_label("Search constraints").fill("two")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download constraints as csv").click()
    download.value.save_as(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open() as file:
        (record,) = csv.DictReader(file)
    assert record["constraint"] == "two"
    assert abs(float(record["dual"]) - 1.5) < 1e-4


def test_a_wrong_model_is_refused_with_the_place_and_a_way_back(page: Any) -> None:
    page.goto(page.url + "submit")
    page.get_by_label("Or paste it").fill("min\n obj: x +\nst\n c: x >= one\nend\n")
    page.get_by_role("button", name="Look at it").click()
    assert "line" in page.get_by_role("alert").inner_text()
    page.context.faults.clear()  # the browser itself reports the 422
    page.get_by_role("button", name="Another one").click()
    page.get_by_label("Or paste it").wait_for()


def test_a_compressed_file_is_dropped_and_solved(page: Any) -> None:
    page.goto(page.url + "submit")
    page.get_by_label("Model file").set_input_files(shipped("afiro"))
    page.locator(".inspection").wait_for()
    page.get_by_role("button", name="Solve", exact=True).click()
    page.locator("h1 .state-succeeded").wait_for()
    assert figure(page, "Objective") == "−464.753"
    page.get_by_role("link", name="Run again with changes").click()
    page.locator(".inspection").wait_for()
    assert page.get_by_label("Name").input_value() == "afiro.mps.gz"


def test_contradicting_rows_are_named_and_marked_in_the_model(page: Any) -> None:
    page.goto(page.url + "submit")
    page.get_by_role("button", name="Solve: Contradiction").click()
    page.locator("h1 .state-succeeded").wait_for()
    page.get_by_role("tab", name="Contradiction").click()
    page.get_by_text("cannot hold together").wait_for()
    marked = page.locator("mark").all_inner_texts()
    assert [line.strip() for line in marked] == [
        "demand: day + night >= 12",
        "day_staff: day <= 5",
        "night_staff: night <= 6",
    ]


def test_filters_and_pages_of_the_list_are_in_the_address(page: Any, client: kantor.Client, server: Embedded) -> None:
    for k in range(30):
        client.submit(kantor.Program(objective=[1.0], lower=[k]), name="many", labels={"group": "list"})
    page.goto(f"{server.url}/jobs?page_size=25&name=many")
    rows = page.locator("table.jobs tbody tr")
    page.get_by_role("button", name="Older").wait_for()
    expect(rows).to_have_count(25)
    first = rows.first.locator("td").nth(1).inner_text()
    page.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(5)
    assert "page_token=" in page.url
    page.go_back()
    expect(rows).to_have_count(25)
    assert rows.first.locator("td").nth(1).inner_text() == first
    page.get_by_role("button", name="failed", exact=True).click()
    page.get_by_text("No job fits.").wait_for()
    assert "state=failed" in page.url
    page.get_by_role("link", name="Clear the filters").click()
    page.get_by_role("button", name="group:list").first.click()
    page.wait_for_url(re.compile("label=group%3Alist"))


def test_two_runs_are_compared_in_curves_figures_and_answers(
    page: Any, client: kantor.Client, server: Embedded
) -> None:
    program = kantor.Program.from_file(shipped("flugpl"))
    jobs = [client.submit(program, engine=engine, name=f"run {engine}") for engine in ("highs", "scip")]
    for job in jobs:
        job.result(60)
    page.goto(f"{server.url}/jobs?label=")
    for engine in ("highs", "scip"):
        page.get_by_role("checkbox", name=f"Choose run {engine}").check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("region", name="Figures").wait_for()
    table = page.get_by_role("region", name="Figures").inner_text()
    assert table.count("1\u202f201\u202f500") == 4  # objective and bound of both
    page.get_by_text("common variable").wait_for()


def test_an_answer_of_300_000_variables_is_paged_and_searched(
    page: Any, client: kantor.Client, server: Embedded
) -> None:
    import numpy as np

    n = 300_000
    job = client.submit(kantor.Program(objective=np.ones(n), lower=np.arange(n) % 1000), name="large")
    job.result(100)
    page.goto(f"{server.url}/jobs/{job.id}?tab=answer&x.sort=value&x.order=down")
    region = page.get_by_role("region", name="Table of variables")
    region.wait_for()
    assert region.locator("tbody tr").count() == 100
    assert "999" in region.locator("tbody tr").first.inner_text()
    begin = time.monotonic()
    page.get_by_label("Search variables").fill("x299999")
    expect(region.locator("tbody tr")).to_have_count(1)
    assert time.monotonic() - begin < 5
    assert region.locator("tbody tr").inner_text().split("\t")[1] == "x299999"


def test_what_runs_is_seen_at_home_and_comes_back_after_an_outage(page: Any, client: kantor.Client) -> None:
    page.context.set_offline(True)
    page.locator(".connection.waiting").wait_for()
    job = client.submit(kantor.Program.from_file(shipped("bell5")), name="seen at home", time_limit=20, engine="scip")
    page.context.set_offline(False)
    page.locator(".connection.live").wait_for()
    page.goto(page.url)
    page.get_by_role("link", name="seen at home").first.wait_for()
    job.cancel()
    page.context.faults.clear()  # failed requests during the outage


def test_every_page_is_reached_by_keys_alone(page: Any) -> None:
    for key, heading in (("j", "Jobs"), ("s", "Submit"), ("e", "Engines and workers")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.get_by_role("heading", level=1, name=heading).wait_for()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"


def test_the_first_load_is_small(context: Any, server: Embedded) -> None:
    sizes: dict[str, int] = {}

    def count(reply: Any) -> None:
        if reply.url.endswith(".js"):
            sizes[reply.url] = int(reply.headers["content-length"])
            assert reply.headers["content-encoding"] == "gzip" or sizes[reply.url] < 2000

    page = context.new_page()
    page.on("response", count)
    page.goto(f"{server.url}/#key={server.api_key}")
    page.get_by_text("live", exact=True).wait_for()
    page.wait_for_timeout(500)
    assert 50_000 < sum(sizes.values()) < 150_000, sizes


def test_the_policy_allows_nothing_inline_and_no_eval(page: Any, server: Embedded) -> None:
    reply = page.request.get(f"{server.url}/")
    policy = reply.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    page.evaluate("() => setTimeout('window.evaluated = 1', 0)")
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.ran = 1";
        document.head.append(script);
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("[window.ran, window.evaluated]") == [None, None]
    assert page.context.faults
    page.context.faults.clear()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(
    page: Any, client: kantor.Client, server: Embedded, faults_of: Callable[[Any], list[Any]], theme: str
) -> None:
    job = client.submit(kantor.Program.from_file(shipped("afiro")), name=f"looked at {theme}", log=True)
    job.result(60)
    page.emulate_media(color_scheme=theme)
    tabs = ("curves", "answer", "certificate", "log", "model", "events")
    lists = ("/", "/jobs", "/submit", "/engines", "/studies", f"/compare?job={job.id}")
    for path in (*lists, *(f"/jobs/{job.id}?tab={tab}" for tab in tabs)):
        page.goto(server.url + path)
        page.locator("main h1").first.wait_for(state="attached")
        page.wait_for_timeout(400)
        assert not faults_of(page), path
