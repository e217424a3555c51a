"""Organisations, members, roles, keys that rotate, and the audit log, by REST."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api_schemas.ids import PROJECT, decode, new_uuid
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.living import ROOT, LiveApi, environment


@pytest.fixture(scope="module")
def settings(servers) -> Settings:
    return servers.settings(servers.fresh_database(), key_cache_seconds=0.0)


@pytest.fixture(scope="module")
def operate(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs the operator's command."""

    def run(*arguments: str, status: int = 0) -> Any:
        command = [sys.executable, "-m", "service.tenants", *arguments, "--json"]
        done = subprocess.run(
            command, env=environment(settings, tmp_path_factory.getbasetemp()), cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 else done.stderr

    return run


@pytest.fixture
def open_with(api: LiveApi) -> Iterator[Callable[[str], httpx.Client]]:
    clients: list[httpx.Client] = []

    def make(secret: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=api.url, headers={"X-API-Key": secret}, timeout=30))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def owner(operate: Callable[..., Any], open_with: Callable[[str], httpx.Client]) -> httpx.Client:
    """The owner of an organisation of the test's own."""
    made = operate("create", f"org {new_uuid()}", "--owner", "ada@example.org")
    client = open_with(made["api_key"])
    client.headers["x-test-owner"] = made["owner"]
    return client


def _key(owner: httpx.Client, **fields: Any) -> dict[str, Any]:
    reply = owner.post("/v1/keys", json={"name": "k", **fields})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def test_a_members_keys_do_what_the_role_allows_and_follow_it(owner: httpx.Client, open_with: Any) -> None:
    member = owner.post("/v1/members", json={"email": "bob@example.org", "role": "editor"}).json()
    bob = open_with(_key(owner, member=member["id"], scopes=["read", "write", "admin"])["secret"])
    problem = {"problem": {"kind": "program", "objective": [1], "lower": [0]}}

    assert bob.get("/v1/status").json()["scopes"] == ["read", "write"]
    assert bob.post("/v1/jobs", json=problem).status_code == 202
    assert bob.get("/v1/keys").status_code == 403
    owner.patch(f"/v1/members/{member['id']}", json={"role": "viewer"})
    assert bob.post("/v1/jobs", json=problem).status_code == 403
    owner.patch(f"/v1/members/{member['id']}", json={"role": "none"})
    assert bob.get("/v1/jobs").status_code == 403
    assert owner.delete(f"/v1/members/{member['id']}").status_code == 204
    assert bob.get("/v1/jobs").status_code == 401


def test_a_role_in_one_project_opens_no_other(owner: httpx.Client, open_with: Any) -> None:
    first, second = (owner.post("/v1/projects", json={"name": name}).json() for name in ("one", "two"))
    member = owner.post("/v1/members", json={"email": "c@example.org", "project_roles": {first["id"]: "admin"}}).json()
    inside, outside = (_key(owner, member=member["id"], project=p["id"])["secret"] for p in (first, second))

    assert open_with(inside).get("/v1/jobs").status_code == 200
    assert open_with(outside).get("/v1/jobs").status_code == 403


def test_nobody_gives_away_more_than_they_have(owner: httpx.Client, open_with: Any) -> None:
    admin = open_with(_key(owner, scopes=["read", "write", "admin"])["secret"])
    other = owner.post("/v1/projects", json={"name": "other"}).json()

    assert admin.post("/v1/keys", json={"name": "k", "scopes": ["owner"]}).status_code == 403
    assert admin.post("/v1/keys", json={"name": "k", "project": other["id"]}).status_code == 403
    assert admin.get("/v1/members").status_code == 403
    assert admin.post("/v1/projects", json={"name": "p"}).status_code == 403
    assert admin.get("/v1/audit", params={"organisation": "true"}).status_code == 403


def test_only_an_owner_rotates_keys_of_owners_and_of_other_members(owner: httpx.Client, open_with: Any) -> None:
    admin = open_with(_key(owner, scopes=["read", "write", "admin"])["secret"])
    member = owner.post("/v1/members", json={"email": "d@example.org", "role": "editor"}).json()["id"]
    theirs = _key(owner, member=member, scopes=["read"])
    owners = _key(owner, scopes=["owner"])
    machines = _key(owner, scopes=["read"])

    def rotate(client: httpx.Client, key: dict[str, Any]) -> int:
        return client.post(f"/v1/keys/{key['id']}/rotate", json={"overlap": 0}).status_code

    assert admin.post("/v1/keys", json={"name": "k", "scopes": ["read"], "member": member}).status_code == 403
    assert [rotate(admin, key) for key in (owners, theirs, machines)] == [403, 403, 201]
    assert [rotate(owner, key) for key in (owners, theirs)] == [201, 201]
    assert open_with(theirs["secret"]).get("/v1/jobs").status_code == 401


def test_the_last_owner_stays(owner: httpx.Client) -> None:
    me = owner.headers["x-test-owner"]

    assert owner.delete(f"/v1/members/{me}").json()["code"] == "conflict"
    assert owner.patch(f"/v1/members/{me}", json={"role": "admin"}).json()["code"] == "conflict"
    owner.post("/v1/members", json={"email": "second@example.org", "role": "owner"})
    assert owner.patch(f"/v1/members/{me}", json={"role": "admin"}).status_code == 200


def test_a_key_rotates_with_overlap(owner: httpx.Client, open_with: Any) -> None:
    old = _key(owner, scopes=["read"])

    new = owner.post(f"/v1/keys/{old['id']}/rotate", json={"overlap": 3600}).json()

    assert open_with(old["secret"]).get("/v1/jobs").status_code == 200
    assert open_with(new["secret"]).get("/v1/jobs").status_code == 200
    listed = {key["id"]: key for key in owner.get("/v1/keys").json()["keys"]}
    assert listed[old["id"]]["replaced_by"] == new["id"]
    assert listed[old["id"]]["expires_at"] is not None
    assert listed[new["id"]]["scopes"] == ["read"]
    assert listed[new["id"]]["last_used_at"] is not None
    assert owner.post(f"/v1/keys/{old['id']}/rotate", json={}).status_code == 409
    last = owner.post(f"/v1/keys/{new['id']}/rotate", json={"overlap": 0}).json()
    assert open_with(new["secret"]).get("/v1/jobs").status_code == 401
    assert open_with(last["secret"]).get("/v1/jobs").status_code == 200


def test_an_archived_project_is_closed(owner: httpx.Client, open_with: Any) -> None:
    project = owner.post("/v1/projects", json={"name": "short"}).json()
    client = open_with(_key(owner, project=project["id"])["secret"])
    assert client.get("/v1/jobs").status_code == 200

    assert owner.delete(f"/v1/projects/{project['id']}").json()["archived_at"] is not None
    assert client.get("/v1/jobs").status_code == 401


def test_nobody_is_locked_out_by_archiving(
    owner: httpx.Client, open_with: Any, operate: Callable[..., Any], conn: Database
) -> None:
    (own,) = owner.get("/v1/projects").json()["projects"]
    assert owner.delete(f"/v1/projects/{own['id']}").status_code == 409
    other = owner.post("/v1/projects", json={"name": "other"}).json()
    inside = open_with(_key(owner, project=other["id"], scopes=["owner"])["secret"])
    assert inside.delete(f"/v1/projects/{own['id']}").status_code == 200
    assert owner.get("/v1/jobs").status_code == 401

    name = conn.execute(
        "SELECT organisation.name FROM organisation JOIN project ON organisation_id = organisation.id"
        " WHERE project.id = %s",
        (decode(PROJECT, own["id"]),),
    ).fetchone()
    assert name is not None
    again = operate("create", name[0], "--project", own["name"], "--owner", "ada@example.org")
    assert open_with(again["api_key"]).get("/v1/jobs").status_code == 200


def test_the_log_says_who_did_what_in_which_request(owner: httpx.Client) -> None:
    made = _key(owner, scopes=["read"])
    reply = owner.delete(f"/v1/keys/{made['id']}", headers={"X-Request-Id": "because-of-ticket-7"})
    assert reply.status_code == 204

    entries = owner.get("/v1/audit").json()["entries"]

    assert [(entry["action"], entry["target"]) for entry in entries[:2]] == [
        ("keys_delete", made["id"]),
        ("keys_create", made["id"]),
    ]
    assert entries[0]["request_id"] == "because-of-ticket-7"
    assert entries[0]["member"] == owner.headers["x-test-owner"]
    assert made["secret"] not in json.dumps(entries)
    first = owner.get("/v1/audit", params={"page_size": 1}).json()
    rest = owner.get("/v1/audit", params={"page_token": first["next_page_token"]}).json()
    assert [*first["entries"], *rest["entries"]] == entries


def test_what_fails_is_not_in_the_log(owner: httpx.Client) -> None:
    unknown = "key_" + "0" * 26
    assert owner.delete(f"/v1/keys/{unknown}").status_code == 404

    assert owner.get("/v1/audit").json()["entries"] == []


def test_the_operator_sets_quotas(operate: Callable[..., Any]) -> None:
    made = operate("create", f"org {new_uuid()}", "--owner", "o@example.org")

    operate("quota", made["project"], "--max-running", "4", "--max-solver-seconds", "3600", "--weight", "3")
    shown = operate("quota", made["project"], "--max-running", "none")

    assert (shown["max_running"], shown["max_solver_seconds"]) == (None, 3600.0)
    assert next(row["weight"] for row in operate("list") if row["id"] == made["project"]) == 3
    assert "no project" in operate("quota", "prj_" + "0" * 26, "--weight", "2", status=1)
    assert "1 to 100" in operate("quota", made["project"], "--weight", "0", status=1)
    assert "or none" in operate("quota", made["project"], "--max-queued", "many", status=2)
