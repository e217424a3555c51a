"""Schemathesis with keys of two tenants: whatever one sends to the other's addresses, it learns and changes nothing."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, Phase

from api_schemas.keys import NewKey
from service import keys, projects
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.living import LiveApi, TinyWorker
from tests.service.rest.test_fuzz import _hurry

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis

EXAMPLES = 10
MARK = "nobody-else-may-read-this"
PROGRAM = {"kind": "program", "objective": [1, 2], "lower": [3, 4]}
SPACE = {"x": {"type": "float", "low": 0, "high": 1}}


@pytest.fixture
def owned(client: httpx.Client, settings: Settings) -> dict[str, str]:
    """One of everything, each with the mark in it."""

    def made(path: str, **body: Any) -> str:
        reply = client.post(path, json=body)
        assert reply.status_code in (200, 201, 202), reply.text
        return str(reply.json()["id"])

    with TinyWorker(settings):
        job = client.post("/v1/jobs", json={"problem": PROGRAM, "name": MARK}, headers={"Prefer": "wait=20"}).json()
    study = made("/v1/studies", name=MARK, space=SPACE, objectives={"loss": "min"})
    client.post(f"/v1/studies/{study}/trials", json={"params": {"x": 0.5}, "values": {"loss": 1.0}})
    schedule = made("/v1/schedules", name=MARK, horizon=100, policy="refined")
    client.post(f"/v1/schedules/{schedule}/runs", json={"client_id": MARK})
    return {
        "job_id": job["id"],
        "artifact_id": client.post(f"/v1/artifacts?filename={MARK}", content=MARK.encode()).json()["id"],
        "study_id": study,
        "schedule_id": schedule,
        "webhook_id": made("/v1/webhooks", url=f"https://93.184.216.34/{MARK}"),
        "key_id": made("/v1/keys", name=MARK, scopes=["read"]),
        "number": "1",
    }


def _seen_by_owner(client: httpx.Client, owned: dict[str, str]) -> list[Any]:
    places = [f"/v1/jobs/{owned['job_id']}?include=answer", f"/v1/artifacts/{owned['artifact_id']}/content"]
    places += [f"/v1/studies/{owned['study_id']}", f"/v1/studies/{owned['study_id']}/trials/1/history"]
    places += [f"/v1/schedules/{owned['schedule_id']}", f"/v1/schedules/{owned['schedule_id']}/runs"]
    places += ["/v1/webhooks", "/v1/keys"]
    replies = [client.get(place) for place in places]
    assert {reply.status_code for reply in replies} == {200}
    return [reply.text for reply in replies[:-1]] + [[key["revoked_at"] for key in replies[-1].json()["keys"]]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_stranger_who_sends_anything_learns_and_changes_nothing(
    api: LiveApi, client: httpx.Client, settings: Settings, conn: Database, owned: dict[str, str]
) -> None:
    stranger = keys.create(
        conn, projects.ensure(conn, "a stranger"), name="s", scopes=["read", "write", "admin"], settings=settings
    )
    before = _seen_by_owner(client, owned)
    schema: Any = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    statuses: Counter[int] = Counter()
    foreign = {name: itertools.cycle([value]) for name, value in owned.items()}
    for found in schema.get_all_operations():
        operation = found.ok()
        if owned.keys() & {name for name in owned if f"{{{name}}}" in operation.path} - {"number"}:
            _probe(operation, stranger, foreign, statuses)

    assert sum(statuses.values()) > 300
    assert statuses[404] > 100
    assert {status for status in statuses if status < 400 or status >= 500} == set(), statuses
    assert _seen_by_owner(client, owned) == before


def _probe(operation: Any, key: NewKey, foreign: dict[str, Iterator[str]], statuses: Counter[int]) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def probe(case: Any) -> None:
        for name in case.path_parameters or {}:
            if name in foreign:
                case.path_parameters[name] = next(foreign[name])
        _hurry(case)
        reply = case.call(headers={"Authorization": f"Bearer {key.secret}"}, timeout=30)
        statuses[reply.status_code] += 1
        assert MARK not in reply.text, operation.label

    probe()
