"""Keys, webhooks, members, projects, usage and the audit log, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import kantor
import pytest
from kantor.embedded import Embedded

expect: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
TABS = ("usage", "keys", "webhooks", "members", "projects", "audit")


def open_tab(page: Any, server: Embedded, tab: str) -> None:
    page.goto(f"{server.url}/settings?tab={tab}")
    page.get_by_role("heading", name="Settings").wait_for()


def secret_of(page: Any) -> str:
    text: str = page.locator(".verdict pre").inner_text()
    page.get_by_role("button", name="I have kept it").click()
    expect(page.locator(".verdict")).to_have_count(0)
    return text


def scopes_of(server: Embedded, secret: str) -> list[str]:
    with kantor.Client(server.url, secret) as client:
        return list(client.status().scopes)


def test_a_key_is_made_shown_once_rotated_and_revoked(page: Any, server: Embedded) -> None:
    open_tab(page, server, "keys")
    page.get_by_text("New key", exact=True).click()
    page.get_by_label("Name").fill("nightly")
    page.get_by_label("write").uncheck()
    page.get_by_label("Expires").select_option("in 30 days")
    page.get_by_role("button", name="Make the key").click()
    first = secret_of(page)
    assert scopes_of(server, first) == ["read"]

    row = page.locator("tr", has_text=f"…{first[-4:]}")
    row.get_by_role("button", name="Rotate").click()
    row.get_by_label("The old one").select_option("works an hour longer")
    row.get_by_role("button", name="Rotate").click()
    second = secret_of(page)
    expect(row).to_contain_text(re.compile(r"replaced, ends in (59 min|1 h)"))
    assert scopes_of(server, first) == scopes_of(server, second) == ["read"]

    newer = page.locator("tr", has_text=f"…{second[-4:]}")
    newer.get_by_role("button", name="Revoke").click()
    page.get_by_role("group", name="End nightly for good?").get_by_role("button", name="Revoke").click()
    expect(newer).to_contain_text("revoked")
    with pytest.raises(kantor.Unauthenticated):
        scopes_of(server, second)


def test_a_webhook_is_added_tested_replayed_switched_off_and_deleted(page: Any, server: Embedded) -> None:
    open_tab(page, server, "webhooks")
    page.get_by_text("New webhook", exact=True).click()
    page.get_by_label("Address").fill("https://127.0.0.1/hook")
    page.get_by_role("button", name="Add the webhook").click()
    assert "may not go to" in page.get_by_role("alert").inner_text()
    page.context.faults.clear()  # the browser itself reports the 422
    page.get_by_label("Address").fill("https://93.184.216.34/hook")
    page.get_by_label("job.cancelled").uncheck()
    page.get_by_role("button", name="Add the webhook").click()
    assert secret_of(page).startswith("whsec_")

    card = page.get_by_role("article", name="https://93.184.216.34/hook")
    assert "job.cancelled" not in card.inner_text()
    card.get_by_role("button", name="Send a test").click()
    delivery = card.locator("tr", has_text="webhook.test")
    delivery.wait_for()
    delivery.get_by_role("button", name="Replay").click()
    card.get_by_role("button", name="Rotate the secret").click()
    card.get_by_role("button", name="Rotate", exact=True).click()
    assert secret_of(page).startswith("whsec_")
    card.get_by_role("button", name="Switch off").click()
    card.get_by_role("button", name="Switch on").wait_for()
    card.get_by_role("button", name="Delete").click()
    card.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)


def test_members_and_projects_get_keys_of_their_own(page: Any, server: Embedded, client: kantor.Client) -> None:
    open_tab(page, server, "members")
    page.get_by_text("New member", exact=True).click()
    page.get_by_label("Email").fill("ada@example.org")
    page.get_by_role("button", name="Add the member").click()
    role = page.get_by_label("Role of ada@example.org")
    role.select_option("viewer")
    page.get_by_role("tab", name="API keys").click()
    page.get_by_text("New key", exact=True).click()
    page.get_by_label("Name").fill("Ada's laptop")
    page.get_by_label("Whose").select_option("ada@example.org")
    page.get_by_role("button", name="Make the key").click()
    assert scopes_of(server, secret_of(page)) == ["read"], "no more than a viewer may"

    page.get_by_role("tab", name="Projects").click()
    page.get_by_label("New project").fill("routing")
    page.get_by_role("button", name="Make it").click()
    row = page.get_by_role("row", name=re.compile("routing"))
    row.get_by_role("button", name="Make a key").click()
    with kantor.Client(server.url, secret_of(page)) as other:
        assert other.status().project == "routing"
    row.get_by_role("button", name="Archive").click()
    row.get_by_role("button", name="Archive").click()
    expect(row).to_contain_text("archived")

    page.get_by_role("tab", name="Audit log").click()
    page.get_by_role("cell", name="projects_create").first.wait_for()
    assert page.get_by_role("cell", name="members_create").count() >= 1
    ada = next(member for member in client.organisation.members.list() if member.email == "ada@example.org")
    client.organisation.members.remove(ada.id)


def test_who_may_not_is_told_so(context: Any, server: Embedded, client: kantor.Client) -> None:
    key = client.keys.create("reader", ["read"])
    page = context.new_page()
    page.goto(f"{server.url}/settings#key={key.secret}")
    page.get_by_role("region", name="Usage").wait_for()
    for tab, scope in (("API keys", "admin"), ("Members", "owner")):
        page.get_by_role("tab", name=tab).click()
        page.get_by_text(f"keys with the scope {scope}").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(
    page: Any, server: Embedded, client: kantor.Client, faults_of: Callable[[Any], list[Any]], theme: str
) -> None:
    hook = client.webhooks.create("https://93.184.216.34/axe")
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in TABS:
        open_tab(page, server, tab)
        page.wait_for_timeout(400)
        for summary in page.locator("summary").all():
            summary.click()
        page.wait_for_timeout(300)
        assert not faults_of(page), tab
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{tab} is wider than a phone"
    client.webhooks.delete(hook.id)
