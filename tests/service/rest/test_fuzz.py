"""Schemathesis over the OpenAPI against the live API: nothing sent ends in a 5xx or in an undocumented reply."""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, Phase

from api_schemas.keys import NewKey
from service.settings import Settings
from service.store.connect import Database
from tests.service.rest.conftest import PROGRAM
from tests.service.rest.living import LiveApi, TinyWorker

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.specs.openapi import checks

EXAMPLES = 25
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def existing(client: httpx.Client, conn: Database, project: UUID) -> dict[str, Iterator[str]]:
    """Identifiers of things that are there: jobs of several states, an artifact, keys."""
    made = [client.post("/v1/jobs", json={"problem": PROGRAM, "name": f"job {k}"}).json()["id"] for k in range(40)]
    for job in made[::2]:
        client.post(f"/v1/jobs/{job}/cancel")
    artifacts = [client.post("/v1/artifacts", content=b"some bytes").json()["id"] for _ in range(10)]
    keys = [client.post("/v1/keys", json={"name": "k"}).json()["id"] for _ in range(10)]
    return {
        "job_id": itertools.cycle([*made, "job_00000000000000000000000000"]),
        "artifact_id": itertools.cycle(artifacts),
        "key_id": itertools.cycle(keys),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("with_worker", [False, True], ids=["no worker", "a worker"])
def test_whatever_is_sent_gets_a_documented_reply(
    api: LiveApi, settings: Settings, key: NewKey, existing: dict[str, Iterator[str]], with_worker: bool
) -> None:
    schema: Any = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    seen: Counter[tuple[str, int]] = Counter()
    headers = {"Authorization": f"Bearer {key.secret}"}
    with TinyWorker(settings) if with_worker else nullcontext():
        for found in schema.get_all_operations():
            _probe(found.ok(), headers, existing, seen)
    assert seen["GET /v1/jobs/{job_id}", 200], "no request reached a job"
    assert seen["POST /v1/jobs", 202] + seen["POST /v1/jobs", 200], "no submit was accepted"
    assert {status for _, status in seen} >= {200, 201, 202, 204, 404, 422}


def _probe(
    operation: Any, headers: dict[str, str], existing: dict[str, Iterator[str]], seen: Counter[tuple[str, int]]
) -> None:
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
        for name, identifiers in existing.items():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = next(identifiers)
        _hurry(case)
        reply = case.call(headers=headers, timeout=30)
        seen[operation.label, reply.status_code] += 1
        case.validate_response(reply, checks=CHECKS)

    probe()


def _hurry(case: Any) -> None:
    """No waiting and no endless streams: these have tests of their own."""
    if "wait" in (case.query or {}):
        case.query["wait"] = min(float(case.query["wait"]), 0.05) if _is_number(case.query["wait"]) else "x"
    for name, value in dict(case.headers or {}).items():
        if name.lower() == "accept" and "event-stream" in str(value):
            case.headers[name] = "application/json"
        if name.lower() == "prefer" and "wait" in str(value):
            case.headers[name] = "wait=0.05"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
