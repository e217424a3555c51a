"""Every route of the OpenAPI document with another tenant's identifiers: nothing is told, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api_schemas.ids import new_uuid
from service import keys, projects
from service.app import create_app
from service.settings import Settings
from service.store.connect import connect
from tests.service.rest.living import LiveApi, TinyWorker

SCOPES = ["read", "write", "admin", "owner"]
PROBLEM = {"kind": "program", "objective": [1, 2], "lower": [3, 4]}
STUDY = {"name": "mine", "space": {"x": {"type": "float", "low": 0, "high": 1}}, "objectives": {"loss": "min"}}
SCHEDULE = {"name": "lr", "kind": "learning-rate", "horizon": 100, "policy": "refined", "warmup": 0.05}
LIVELY = ("/v1/status", "/v1/workers", "/v1/events", "/v1/audit", "/v1/jobs")  # the study makes jobs by itself
NO_KEY = ("/health/", "/metrics")


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    document = create_app(Settings.load({}, api_key_pepper="of the document, only")).openapi()
    return [
        (method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if not path.startswith(NO_KEY)
    ]


OPERATIONS = _operations()
NAMED = [entry for entry in OPERATIONS if "{" in entry[1]]


class Tenant:
    """A project with one of everything that has an identifier."""

    def __init__(self, api: LiveApi, settings: Settings, name: str) -> None:
        with connect(settings) as conn:
            project = projects.ensure(conn, f"{name} {new_uuid()}")
            self.secret = keys.create(conn, project, name=name, scopes=SCOPES, settings=settings).secret
        self.client = httpx.Client(base_url=api.url, headers={"X-API-Key": self.secret}, timeout=30)
        self.ids: dict[str, str] = {"number": "1", "version": "1", "run": "1", "change": "archive"}

    def fill(self) -> None:
        post = self.client.post
        job = post("/v1/jobs", json={"problem": PROBLEM}, headers={"Prefer": "wait=20"}).json()
        assert job["state"] == "succeeded"
        self.ids["job_id"] = job["id"]
        self.ids["artifact_id"] = post("/v1/artifacts", content=b"secret bytes").json()["id"]
        self.ids["key_id"] = post("/v1/keys", json={"name": "other", "scopes": ["read"]}).json()["id"]
        self.ids["project_id"] = post("/v1/projects", json={"name": "second"}).json()["id"]
        self.ids["member_id"] = post("/v1/members", json={"email": "a@example.org", "role": "owner"}).json()["id"]
        if any("{study_id}" in path for _, path, _ in OPERATIONS):
            made = post("/v1/studies", json=STUDY)
            assert made.status_code in (200, 201), made.text
            self.ids["study_id"] = made.json()["id"]
            post(f"/v1/studies/{made.json()['id']}/trials", json={"params": {"x": 0.5}})
        if any("{schedule_id}" in path for _, path, _ in OPERATIONS):
            made = post("/v1/schedules", json=SCHEDULE)
            assert made.status_code in (200, 201), made.text
            self.ids["schedule_id"] = made.json()["id"]
        if any("{webhook_id}" in path for _, path, _ in OPERATIONS):
            hook = post("/v1/webhooks", json={"url": "https://93.184.216.34/hook"})
            self.ids["webhook_id"] = hook.json()["id"]
            delivery = post(f"/v1/webhooks/{hook.json()['id']}/test", json={})
            self.ids["delivery_id"] = delivery.json()["id"]

    def everything(self) -> dict[str, Any]:
        """All that can be listed, to see whether anything changed."""
        seen: dict[str, Any] = {}
        for method, path, _ in OPERATIONS:
            known = all(self.ids.get(name) for name in _names(path))
            if method == "get" and known and path not in LIVELY:
                reply = self.client.get(path.format(**self.ids))
                seen[path] = reply.content if reply.status_code < 300 else reply.status_code
        return seen


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


@pytest.fixture(scope="module")
def tenants(settings: Settings) -> Iterator[tuple[Tenant, Tenant]]:
    with LiveApi(settings) as api, TinyWorker(settings):
        mine, theirs = Tenant(api, settings, "mine"), Tenant(api, settings, "theirs")
        mine.fill()
        yield mine, theirs
        mine.client.close()
        theirs.client.close()


def _send(client: httpx.Client, method: str, path: str, operation: dict[str, Any], **headers: str) -> httpx.Response:
    body = None
    if "requestBody" in operation:
        # One that fits the contract, so that it is the identifier and not the body that a route refuses.
        examples = operation["requestBody"]["content"].get("application/json", {}).get("examples", {})
        body = next((example["value"] for example in examples.values()), {})
    required = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query" and p.get("required")]
    return client.request(method, path, json=body, headers=headers, params=dict.fromkeys(required, "x") or None)


def test_every_identifier_in_a_path_has_a_thing_of_the_first_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    names = {name for _, path, _ in OPERATIONS for name in _names(path)}

    assert names <= {name for name, value in tenants[0].ids.items() if value}, "make one in Tenant.fill"


@pytest.mark.parametrize(("method", "path", "operation"), NAMED, ids=[f"{method} {path}" for method, path, _ in NAMED])
def test_an_identifier_of_another_tenant_opens_nothing(
    tenants: tuple[Tenant, Tenant], method: str, path: str, operation: dict[str, Any]
) -> None:
    mine, theirs = tenants
    address = path.format(**mine.ids)

    for accept in ("application/json", "text/event-stream"):
        reply = _send(theirs.client, method, address, operation, Accept=accept)
        assert reply.status_code in (404, 406), (reply.status_code, reply.text)
        if reply.status_code == 404:
            assert reply.json()["code"] == "not-found"
    unknown = {name: _unknown(value) for name, value in mine.ids.items()}
    never = _send(theirs.client, method, path.format(**unknown), operation)
    assert never.status_code == 404, "whether another tenant has it must not be told"


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=[f"{method} {path}" for method, path, _ in OPERATIONS]
)
def test_without_a_key_nothing_is_told(
    tenants: tuple[Tenant, Tenant], method: str, path: str, operation: dict[str, Any]
) -> None:
    client = httpx.Client(base_url=tenants[0].client.base_url)
    with client:
        reply = _send(client, method, path.format(**tenants[0].ids), operation)
    assert reply.status_code == 401, reply.text


def test_lists_show_nothing_of_another_tenant_and_nothing_was_changed(tenants: tuple[Tenant, Tenant]) -> None:
    mine, theirs = tenants
    before = mine.everything()
    for method, path, operation in NAMED:
        _send(theirs.client, method, path.format(**mine.ids), operation)

    assert mine.everything() == before
    ours = [value for value in mine.ids.values() if value.partition("_")[1]]
    for method, path, _ in OPERATIONS:
        if method == "get" and "{" not in path and path != "/v1/events":
            text = theirs.client.get(path).text
            assert not [value for value in ours if value in text], path


def test_an_artifact_of_another_tenant_cannot_be_submitted(tenants: tuple[Tenant, Tenant]) -> None:
    mine, theirs = tenants
    problem = {**PROBLEM, "lower": {"artifact": mine.ids["artifact_id"]}}

    reply = theirs.client.post("/v1/jobs", json={"problem": problem})

    assert (reply.status_code, reply.json()["code"]) == (422, "artifact-missing")


def test_a_key_for_another_tenants_project_or_member_is_not_made(tenants: tuple[Tenant, Tenant]) -> None:
    mine, theirs = tenants

    for field in ("project", "member"):
        reply = theirs.client.post("/v1/keys", json={"name": "k", field: mine.ids[f"{field}_id"]})
        assert reply.status_code == 404, reply.text


def _unknown(identifier: str) -> str:
    prefix, underscore, _ = identifier.partition("_")
    return f"{prefix}_{'0' * 26}" if underscore else identifier
