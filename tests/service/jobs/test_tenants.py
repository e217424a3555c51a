"""No function of a project reaches another project's rows."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from typing import Any

import pytest

from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, KEY, decode
from service import artifacts, jobs, keys, projects, registry
from service.jobs import JobFilters
from service.settings import Settings
from tests.service.work import DOCUMENT, Desk, request


def _takes_a_project(function: Callable[..., Any]) -> bool:
    return list(inspect.signature(function).parameters)[1:2] == ["project_id"]


def _functions() -> set[str]:
    found = {f"jobs.{name}" for name in jobs.__all__ if callable(getattr(jobs, name)) and not name[0].isupper()}
    kept = {name for name in found if _takes_a_project(getattr(jobs, name.partition(".")[2]))}
    for module in (keys, artifacts):
        label = module.__name__.rpartition(".")[2]
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and _takes_a_project(function):
                kept.add(f"{label}.{name}")
    return kept


# Functions that read or change one row by its id.
BY_ID = {
    "jobs.get",
    "jobs.get_with_answer",
    "jobs.answer",
    "jobs.input_document",
    "jobs.events",
    "jobs.cancel",
    "jobs.delete",
}
# Functions with a test of their own below, or that only make rows.
OTHERS = {
    "jobs.submit",
    "jobs.list_page",
    "keys.create",
    "keys.list_keys",
    "keys.revoke",
    "keys.rotate",
    "artifacts.use",
    "artifacts.digests",
}


def test_every_function_that_takes_a_project_is_walked_here() -> None:
    missing = _functions() - BY_ID - OTHERS
    assert not {name for name in missing if not name.startswith("jobs.history")}, f"add these: {missing}"


@pytest.fixture
def stranger(desk: Desk) -> Any:
    return projects.ensure(desk.conn, f"stranger to {desk.project}")


@pytest.mark.parametrize("name", sorted(BY_ID))
@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_another_projects_job_is_not_found(desk: Desk, stranger: Any, name: str, state: str) -> None:
    job_id = desk.submit().job_id
    if state != "queued":
        claim = desk.claim()
        assert claim is not None
        if state == "succeeded":
            desk.finish(claim)
    before = jobs.get(desk.conn, desk.project, job_id)

    with pytest.raises(KantorError) as caught:
        getattr(jobs, name.partition(".")[2])(desk.conn, stranger, job_id)

    assert caught.value.code == "not-found"
    assert jobs.get(desk.conn, desk.project, job_id) == before


def test_a_list_shows_the_projects_own_jobs_only(desk: Desk, stranger: Any) -> None:
    desk.submit(name="n", labels={"a": "b"}, engine="scip")
    for filters in (
        JobFilters(),
        JobFilters(states=("queued",)),
        JobFilters(states=("queued", "running")),
        JobFilters(kind="program"),
        JobFilters(name="n"),
        JobFilters(labels={"a": "b"}),
        JobFilters(engine="scip"),
    ):
        assert jobs.list_page(desk.conn, stranger, filters, settings=desk.settings) == ([], "")
        assert len(jobs.list_page(desk.conn, desk.project, filters, settings=desk.settings)[0]) == 1


def test_an_idempotency_key_of_another_project_tells_nothing(desk: Desk, stranger: Any) -> None:
    mine = desk.submit(key="k", fingerprint=b"mine")

    theirs = jobs.submit(
        desk.conn,
        stranger,
        request(),
        DOCUMENT,
        pool=desk.pool,
        idempotency_key="k",
        fingerprint=b"theirs",
        settings=desk.settings,
    )

    assert not theirs.replayed
    assert theirs.job_id != mine.job_id


def test_keys_of_another_project_are_neither_seen_nor_revoked(desk: Desk, stranger: Any) -> None:
    made = keys.create(desk.conn, desk.project, name="mine", settings=desk.settings)

    assert keys.list_keys(desk.conn, stranger) == []
    with pytest.raises(KantorError) as caught:
        keys.revoke(desk.conn, stranger, decode(KEY, made.id))

    assert caught.value.code == "not-found"
    assert keys.authenticate(desk.conn, made.secret, desk.settings).project_id == desk.project


def test_artifacts_of_another_project_are_not_found(desk: Desk, stranger: Any, settings: Settings) -> None:
    store = artifacts.ArtifactStore(settings)
    artifact = store.put(desk.conn, desk.project, io.BytesIO(b"bytes"))
    artifact_id = decode(ARTIFACT, artifact.id)

    for act in (store.get, store.open, store.delete):
        with pytest.raises(KantorError) as caught:
            act(desk.conn, stranger, artifact_id)
        assert caught.value.code in ("not-found", "artifact-missing")
    assert artifacts.digests(desk.conn, stranger, [artifact_id]) == {}
    assert list(artifacts.digests(desk.conn, desk.project, [artifact_id])) == [artifact_id]
    with store.open(desk.conn, desk.project, artifact_id) as file:
        assert file.read() == b"bytes"


def test_queue_depths_count_the_projects_own_jobs(desk: Desk, stranger: Any) -> None:
    desk.submit()

    assert registry.queue_depths(desk.conn, stranger) == []
    assert [depth.queued for depth in registry.queue_depths(desk.conn, desk.project)] == [1]
