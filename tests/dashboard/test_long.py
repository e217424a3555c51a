"""A job with 100,000 events: drawn thinned at once, whole on demand, and the page stays alive meanwhile."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from api_schemas.ids import JOB, encode
from api_schemas.keys import NewKey
from service import jobs
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.living import LiveApi

EVENTS = 100_000


@pytest.mark.slow
def test_a_hundred_thousand_events_are_drawn_without_freezing(
    context: Any, built: Path, settings: Settings, conn: Database, key: NewKey
) -> None:
    with LiveApi(settings, dashboard=built) as api:
        request = {"problem": {"objective": [1]}, "name": "long"}
        httpx.post(f"{api.url}/v1/jobs", json=request, headers={"X-API-Key": key.secret}).raise_for_status()
        claim = jobs.claim(conn, pools=["cpu"], engines=["program:some"], worker_id=UUID(int=1), lease_seconds=600)
        assert claim is not None
        for start in range(0, EVENTS, 10_000):
            data = [
                {"t": k / 100, "objective": 1000 + 1e6 / (k + 1), "bound": 900.0, "gap": 1e3 / (k + 1e4), "nodes": k}
                for k in range(start, start + 10_000)
            ]
            events = [{"type": "progress", "data": one} for one in data]
            jobs.add_events(conn, claim.job_id, claim.attempt, events, progress=data[-1])
        page = context.new_page()
        page.goto(f"{api.url}/#key={key.secret}")
        page.get_by_text("live", exact=True).wait_for()
        begin = time.monotonic()
        page.goto(f"{api.url}/jobs/{encode(JOB, claim.job_id)}")
        page.get_by_text(re.compile(r"1\s?50\d points, thinned")).wait_for()
        assert time.monotonic() - begin < 10
        page.evaluate("""() => {
            window.longest = 0;
            let last = performance.now();
            const tick = () => {
                const now = performance.now();
                window.longest = Math.max(window.longest, now - last);
                last = now;
            };
            setInterval(tick, 20);
        }""")
        page.get_by_role("button", name="Load all").click()
        page.get_by_text(re.compile(r"100\s000 points")).wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        assert page.evaluate("window.longest") < 4000, "the page did not answer for seconds"
        jobs.finish(conn, claim.job_id, claim.attempt, state="cancelled")
        page.locator("h1 .state-cancelled").wait_for()
        page.close()
