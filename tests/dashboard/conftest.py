"""The built dashboard in a real browser, on a real embedded Kantor; skipped with a reason where a machine lacks one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kantor
import pytest
from kantor.embedded import Embedded

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "service" / "_dashboard"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="package")
def built() -> Path:
    """The folder of the dashboard as it is now; built if something has changed."""
    spec = importlib.util.spec_from_file_location("dashboard_build", ROOT / "dashboard" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    try:
        build.build()
    except build.CannotBuildError as error:
        pytest.skip(f"the dashboard cannot be built here: {str(error)[:300]}")
    return BUILT


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A Kantor of these tests' own, which found the dashboard when it started."""
    with Embedded(tmp_path_factory.mktemp("dashboard")) as running:
        yield running


@pytest.fixture
def client(server: Embedded) -> Iterator[kantor.Client]:
    """A client of the same server."""
    with kantor.Client(server.url, server.api_key) as client:
        yield client


@pytest.fixture
def context(chromium: Any) -> Iterator[Any]:
    """A browser's profile; any error of a page fails the test, and so does anything that the policy forbids."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))
    context.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    context.faults = faults
    yield context
    context.close()
    assert not faults, faults


@pytest.fixture
def page(context: Any, server: Embedded) -> Any:
    """A page that is signed in."""
    page = context.new_page()
    page.goto(f"{server.url}/#key={server.api_key}")
    page.get_by_text("live", exact=True).wait_for()
    return page


@pytest.fixture
def faults_of(built: Path) -> Callable[[Any], list[Any]]:
    """What axe finds on a page that is serious or critical."""
    source = (built.parents[1] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js").read_text()
    program = """axe.run().then((result) => result.violations.map((fault) =>
        [fault.impact, fault.id, fault.nodes.map((node) => node.html + node.failureSummary)]))"""

    def look(page: Any) -> list[Any]:
        page.evaluate(source)
        return [fault for fault in page.evaluate(program) if fault[0] in {"serious", "critical"}]

    return look
