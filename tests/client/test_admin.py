"""What administrators do, by both clients and the command, against a whole Kantor; the shop is closed again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kantor
import pytest

from service import keys, projects
from service.store.connect import connect
from tests.client.conftest import Command
from tests.service.grpc.living import beside


@pytest.fixture(scope="module")
def owner(live_kantor: dict[str, str]) -> str:
    """A key with every scope, of an organisation of its own."""
    settings = beside(Path(live_kantor["home"]))
    with connect(settings) as conn:
        project = projects.ensure(conn, "of an owner")
        scopes = ["read", "write", "admin", "owner"]
        return keys.create(conn, project, name="owner", scopes=scopes, settings=settings).secret


@pytest.fixture
def boss(live_kantor: dict[str, str], owner: str) -> Iterator[kantor.Client]:
    with kantor.Client(live_kantor["url"], owner) as client:
        yield client


def test_a_key_is_made_used_rotated_and_revoked(boss: kantor.Client) -> None:
    made = boss.keys.create("ci", ["read"], expires_in=3600)
    assert made.expires_at is not None
    with kantor.Client(boss.url, made.secret) as reader:
        assert list(reader.jobs()) == []
        with pytest.raises(kantor.Forbidden):
            reader.submit(kantor.Program(objective=[1]))

    newer = boss.keys.rotate(made.id, overlap=600)

    old = next(key for key in boss.keys.list() if key.id == made.id)
    assert (old.replaced_by, newer.scopes, newer.name) == (newer.id, ["read"], "ci")
    for secret in (made.secret, newer.secret):
        with kantor.Client(boss.url, secret) as reader:
            assert reader.status().scopes == ["read"]
    boss.keys.revoke(newer.id)
    with kantor.Client(boss.url, newer.secret) as reader, pytest.raises(kantor.Unauthenticated):
        reader.status()


def test_projects_and_members_and_their_keys(boss: kantor.Client) -> None:
    organisation = boss.organisation
    project = organisation.projects.create("routes")
    ada = organisation.members.add("ada@example.org", name="Ada", role="viewer")
    hers = boss.keys.create("Ada's", member=ada.id)
    with kantor.Client(boss.url, hers.secret) as client:
        assert client.status().scopes == ["read"], "a key does no more than its member may"
        organisation.members.update(ada.id, role="editor")
        deadline = time.monotonic() + 20
        while client.status().scopes != ["read", "write"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    elsewhere = boss.keys.create("robot", project=project.id)
    with kantor.Client(boss.url, elsewhere.secret) as client:
        assert client.status().project == "routes"
    organisation.members.remove(ada.id)
    organisation.projects.archive(project.id)

    assert [member.email for member in organisation.members.list()] == []
    assert {item.name: item.archived_at is not None for item in organisation.projects.list()}["routes"] is True
    actions = [entry.action for entry in organisation.audit(limit=200)]
    assert {"projects_create", "members_create", "members_update", "keys_create", "projects_archive"} <= {*actions}
    assert organisation.usage().running == 0
    with pytest.raises(kantor.NotFound, match="no member 'ada'"):
        organisation.members.get("ada")
    with pytest.raises(kantor.InvalidRequest):
        organisation.members.add("no address")


def test_webhooks(boss: kantor.Client) -> None:
    made = boss.webhooks.create("https://93.184.216.34/hook", ["job.failed"])
    assert made.secret.startswith("whsec_")
    assert boss.webhooks.get(made.id).events == ["job.failed"]
    sent = boss.webhooks.test(made.id)
    assert [item.id for item in boss.webhooks.deliveries(made.id)] == [sent.id]
    assert boss.webhooks.replay(made.id, sent.id).id == sent.id
    assert boss.webhooks.rotate(made.id, overlap=60).secret != made.secret
    assert boss.webhooks.update(made.id, active=False).active is False
    boss.webhooks.delete(made.id)

    assert made.id not in [hook.id for hook in boss.webhooks.list()]
    with pytest.raises(kantor.InvalidRequest, match=r"127\.0\.0\.1"):
        boss.webhooks.create("https://127.0.0.1/hook")


def test_the_same_without_blocking(live_kantor: dict[str, str], owner: str) -> None:
    async def act() -> list[Any]:
        async with kantor.AsyncClient(live_kantor["url"], owner) as client:
            key = await client.keys.create("async", ["read"])
            newer = await client.keys.rotate(key.id, overlap=0)
            project = await client.organisation.projects.create("async")
            hook = await client.webhooks.create("https://93.184.216.34/hook")
            await client.webhooks.delete(hook.id)
            entries = [entry async for entry in client.organisation.audit(limit=4)]
            return [newer.name, project.name, [entry.action for entry in entries]]

    done = ["webhooks_delete", "webhooks_create", "projects_create", "keys_rotate"]
    assert asyncio.run(act()) == ["async", "async", done]


def test_by_command(command: Command, owner: str) -> None:
    def run(*arguments: str) -> Any:
        done = command(*arguments, "--json", KANTOR_API_KEY=owner)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    project = run("admin", "projects", "create", "by command")
    key = run("keys", "create", "deploy", "--scope", "read", "--project", project["id"])
    assert key["secret"].startswith("kt_")
    member = run("admin", "members", "add", "grace@example.org", "--role", "viewer")
    assert run("admin", "members", "role", member["id"], "editor")["role"] == "editor"
    hook = run("webhooks", "create", "https://93.184.216.34/hook", "--event", "job.failed")
    assert run("webhooks", "deliveries", hook["id"]) == []
    assert run("admin", "usage")["queued"] == 0
    assert run("admin", "audit", "--limit", "1")[0]["action"] == "webhooks_create"
    shown = command("admin", "audit", KANTOR_API_KEY=owner)
    assert "webhooks_create" in shown.stdout
