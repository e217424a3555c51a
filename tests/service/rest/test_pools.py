"""Where jobs go that ask for a GPU, and pools that an autoscaler has emptied."""

from __future__ import annotations

from typing import Any

import pytest

from api_schemas.engines import Engine
from api_schemas.errors import KantorError
from api_schemas.ids import new_uuid
from api_schemas.jobs import JobRequest
from service import registry
from service.rest.catalogue import Catalogue, Offer, check, cuts
from service.settings import Settings
from service.store.connect import Database
from service.studies.pool import unserved

POINTS = {"kind": "transport", "x": [[0.0], [1.0]], "y": [[0.5], [2.0]]}


def _engine(name: str, *capabilities: str) -> Engine:
    return Engine(
        id=name, family="transport", version="1", title="", summary="", solves=[], capabilities=list(capabilities)
    )


ENGINES = [_engine("simplex"), _engine("sweeps", "cuda")]


def _pool(*pools: str, engine: str = "auto", **options: Any) -> str:
    request = JobRequest.model_validate({"problem": POINTS, "engine": engine, "options": options})
    return check(request, Offer(ENGINES, frozenset(pools)))


@pytest.mark.parametrize("engine", ["auto", "race", "sweeps"])
def test_a_job_that_asks_for_a_gpu_goes_to_its_pool(engine: str) -> None:
    assert _pool("cpu", "gpu", engine=engine, device="cuda") == "gpu"


@pytest.mark.parametrize("options", [{}, {"device": "auto"}, {"device": "cpu"}])
def test_every_other_job_does_not(options: dict[str, str]) -> None:
    assert _pool("cpu", "gpu", engine="sweeps", **options) == "cpu"


def test_without_a_gpu_it_is_said_at_submit_what_would_do() -> None:
    with pytest.raises(KantorError) as caught:
        _pool("cpu", device="cuda")
    (error,) = caught.value.errors
    assert (caught.value.code, error.pointer) == ("invalid-option", "/options/device")
    assert "no worker with a GPU" in error.detail
    assert "device cpu" in error.hint


def test_an_engine_that_cannot_use_one_is_refused_with_those_that_can() -> None:
    with pytest.raises(KantorError) as caught:
        _pool("cpu", "gpu", engine="simplex", device="cuda")
    assert caught.value.errors[0].hint == "device cpu, or engine sweeps"


def test_a_pool_that_an_autoscaler_has_emptied_takes_jobs(conn: Database, settings: Settings) -> None:
    registry.retire_all(conn)
    registry.announce(
        conn, new_uuid(), host="h", pid=1, version="0", pools=["cpu"], concurrency=1, engines=ENGINES, resources={}
    )
    request = JobRequest.model_validate({"problem": POINTS, "options": {"device": "cuda"}})
    with pytest.raises(KantorError):
        check(request, Catalogue(settings).read(conn))
    elastic = settings.model_copy(update={"elastic_pools": "botorch, gpu"})
    assert check(request, Catalogue(elastic).read(conn)) == "gpu"
    registry.retire_all(conn)


def test_a_limit_is_cut_only_where_every_worker_of_the_pool_says_that_it_gives_less(
    conn: Database, settings: Settings
) -> None:
    def announce(pool: str, **resources: int) -> None:
        registry.announce(
            conn,
            new_uuid(),
            host="h",
            pid=1,
            version="0",
            pools=[pool],
            concurrency=1,
            engines=ENGINES,
            resources=resources,
        )

    registry.retire_all(conn)
    announce("cpu", job_memory_most_mb=1000, job_threads_most=2)
    announce("cpu", job_memory_most_mb=2000, job_threads_most=1)
    announce("gpu", job_memory_most_mb=9000)
    assert registry.most(conn, settings) == {"cpu": registry.Most(2000, 2), "gpu": registry.Most(9000, None)}
    request = JobRequest.model_validate({"problem": POINTS, "options": {"memory_limit": 3000, "threads": 2}})
    (words,) = cuts(request, "cpu", Catalogue(settings).read(conn))
    assert "3000 MB; it gets 2000 MB" in words
    announce("cpu")  # of an earlier version
    assert cuts(request, "cpu", Catalogue(settings).read(conn)) == []
    registry.retire_all(conn)


def test_so_does_the_pool_of_an_engine_of_studies(conn: Database, settings: Settings) -> None:
    registry.retire_all(conn)
    assert "no worker" in unserved(conn, "botorch", settings)
    assert unserved(conn, "botorch", settings.model_copy(update={"elastic_pools": "botorch"})) == ""
    assert "no worker" in unserved(conn, "gp", settings.model_copy(update={"elastic_pools": "botorch"}))
