"""Pictures of every page, in both themes, on a desk and on a phone: into ``build/pictures``, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import kantor
import pytest
from kantor.embedded import Embedded

from tests.dashboard.test_analyses import PENALTIES
from tests.dashboard.test_browser import shipped

FOLDER = Path(__file__).parents[2] / "build" / "pictures"
STUDY_TABS = ("history", "front", "parallel", "slices", "surface", "importance", "curves", "model", "trials", "ask")
SETTINGS_TABS = ("usage", "keys", "webhooks", "members", "projects", "audit")
SIZES = {"desk": (1280, 860), "phone": (390, 844)}


def other_kinds(server: Embedded) -> tuple[str, str, str, str, str]:
    """Ids of a study with results, one by preference, a schedule with a run, jobs with optima and with a front."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": server.api_key}, timeout=90) as rest:
        space = {name: {"type": "float", "low": -2, "high": 2} for name in ("a", "b")}
        goals = {"f": "min", "g": "min"}
        study = rest.post("/v1/studies", json={"name": "pictured", "space": space, "objectives": goals}).json()["id"]
        for k in range(9):
            a, b = (k % 3) - 1.0, (k // 3) - 1.0
            values = {"f": a * a + b, "g": (a - 1) ** 2 - b}
            rest.post(f"/v1/studies/{study}/trials", json={"params": {"a": a, "b": b}, "values": values})
        taste = rest.post("/v1/studies", json={"name": "taste", "space": space, "preference": True}).json()["id"]
        schedule = rest.post("/v1/schedules", json={"name": "pictured", "horizon": 60, "policy": "wsd"}).json()["id"]
        run = rest.post(f"/v1/schedules/{schedule}/runs", json={"client_id": "one"}).json()["number"]
        seen = [{"step": step, "norm": 1 + 1 / (1 + step)} for step in range(60)]
        rest.post(f"/v1/schedules/{schedule}/runs/{run}/observations", json={"observations": seen})
        wait = {"Prefer": "wait=60"}
        several = {"problem": PENALTIES, "options": {"starts": 4}, "name": "starts"}
        starts = rest.post("/v1/jobs", json=several, headers=wait).json()["id"]
        pareto = {
            "kind": "pareto",
            "variables": {"x": {"shape": [2], "lower": 0, "upper": 1}},
            "objectives": {"f": {"minimize": "sum(x**2)"}, "g": {"minimize": "sum((x - 1)**2)"}},
        }
        front = rest.post("/v1/jobs", json={"problem": pareto, "name": "front"}, headers=wait).json()["id"]
        return study, taste, schedule, starts, front


@pytest.fixture(scope="module")
def pages(server: Embedded) -> Iterator[dict[str, str]]:
    """Addresses of the pages by name, with jobs to show on them; one runs meanwhile."""
    with kantor.Client(server.url, server.api_key) as client:
        linear = client.submit(kantor.Program.from_file(shipped("25fv47")), name="25fv47", labels={"set": "netlib"})
        highs = client.submit(kantor.Program.from_file(shipped("p0548")), name="p0548", engine="highs", log=True)
        scip = client.submit(kantor.Program.from_file(shipped("p0548")), name="p0548 again", engine="scip", log=True)
        stuck = client.submit(kantor.Program.from_file(shipped("klein1")), name="klein1", iis=True)
        for job in (linear, highs, scip, stuck):
            job.result(120)
        study, taste, schedule, starts, front = other_kinds(server)
        runs = client.submit(
            kantor.Program.from_file(shipped("dcmulti")), name="dcmulti", relative_gap=0.0, engine="scip"
        )
        yield {
            "home": "/",
            "jobs": "/jobs",
            "submit": "/submit",
            "engines": "/engines",
            **{f"settings-{tab}": f"/settings?tab={tab}" for tab in SETTINGS_TABS},
            "live": f"/jobs/{runs.id}?tab=curves",
            "curves": f"/jobs/{highs.id}?tab=curves",
            "answer": f"/jobs/{linear.id}?tab=answer&x.nonzero=1",
            "certificate": f"/jobs/{linear.id}?tab=certificate",
            "contradiction": f"/jobs/{stuck.id}?tab=conflict",
            "log": f"/jobs/{scip.id}?tab=log",
            "problem": f"/jobs/{linear.id}?tab=model",
            "again": f"/submit?from={linear.id}",
            "compare": f"/compare?job={highs.id}&job={scip.id}",
            "optima": f"/jobs/{starts}?tab=optima",
            "front": f"/jobs/{front}",
            "studies": "/studies",
            **{f"study-{tab}": f"/studies/{study}?tab={tab}" for tab in STUDY_TABS},
            "study-rank": f"/studies/{taste}",
            "schedules": "/schedules",
            "schedule": f"/schedules/{schedule}",
        }
        runs.cancel()


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_its_screen(page: Any, server: Embedded, pages: dict[str, str], theme: str, size: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=theme)
    for name, path in pages.items():
        page.goto(server.url + path)
        page.locator("main h1").first.wait_for(state="attached")
        page.wait_for_timeout(900)
        page.screenshot(path=FOLDER / f"{name}-{theme}-{size}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"
        assert page.get_by_role("alert").count() == 0, f"{name}: {page.get_by_role('alert').all_inner_texts()}"


@pytest.mark.slow
def test_nothing_jumps_while_a_page_loads(page: Any, server: Embedded, pages: dict[str, str]) -> None:
    """Cumulative layout shift, as browsers measure it; 0.1 is what people begin to notice (web.dev, "CLS")."""
    for name in (
        "home",
        "jobs",
        "engines",
        "answer",
        "certificate",
        "curves",
        "study-history",
        "study-surface",
        "schedule",
    ):
        page.goto(server.url + pages[name])
        page.wait_for_timeout(1200)
        shift = page.evaluate("""() => new Promise((resolve) => {
            let sum = 0;
            const add = (entry) => { if (!entry.hadRecentInput) sum += entry.value; };
            const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
            observer.observe({ type: "layout-shift", buffered: true });
            setTimeout(() => resolve(sum), 100);
        })""")
        assert shift < 0.1, (name, shift)
