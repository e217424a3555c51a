"""Changes of studies and their trials that may call for new suggestions: the same for REST and gRPC."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from api_schemas.engines import Engine
from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import EditRequest, StudyRequest, TellRequest, TrialRequest
from service import registry, studies
from service.rest import study_asks
from service.rest.catalogue import check_options
from service.rest.state import State
from service.settings import Settings
from service.store.connect import Database
from service.studies import TrialRow, lookup, pool
from service.studies.pool import OWN_POOLS, Pending
from service.studies.read import Details


async def create(state: State, project_id: UUID, wanted: StudyRequest) -> tuple[Details, bool]:
    """The study, and whether it is new; suggestions for a new one are on their way.

    Raises:
        KantorError: as ``studies.create``; ``unknown-engine``: there are workers, and none knows this engine;
            ``invalid-option``: it has no such option.
    """
    await state.database(_known, wanted, state.settings)
    row, new = await state.database(studies.create, project_id, wanted)
    if new:
        await study_asks.prepare(state, row, wanted.prefetch or min(wanted.parallel, 32))
    details = await state.database(studies.get, project_id, row.id)
    if wanted.engine in OWN_POOLS:
        why = await state.database(pool.unserved, wanted.engine, state.settings)
        if why:
            details = replace(details, warnings=(f"{why}. Until then its points are quasi-random",))
    return details, new


def _known(conn: Database, wanted: StudyRequest, settings: Settings) -> None:
    """While no worker is there any name will do: one may come that knows it."""
    engine = wanted.engine
    family = [known for known in registry.engines(conn, settings) if known.family == "study"]
    offered = sorted(known.id for known in family)
    if engine in offered or engine == "auto":
        chosen = [known for known in family if engine in (known.id, "auto")]
        check_options(wanted.engine_options, chosen, "/engine_options")
        _fits(wanted, family)
    elif offered and engine not in OWN_POOLS:
        near = difflib.get_close_matches(engine, offered, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(offered)}"
        detail = f"no live worker offers an engine {engine!r} for studies"
        raise KantorError(
            "unknown-engine",
            f"/engine: {detail}",
            errors=[FieldError(pointer="/engine", detail=detail, hint=hint)],
        )


def _fits(wanted: StudyRequest, family: Sequence[Engine]) -> None:
    """Say now what the engine would say at its first suggestion, when nobody may be looking."""
    needed = studies.features(wanted)
    lacking = sorted(
        needed[name] for known in family if known.id == wanted.engine for name in needed.keys() - set(known.solves)
    )
    if lacking:
        able = sorted(
            known.id
            for known in family
            if needed.keys() <= set(known.solves)
            and (wanted.preference or "comparisons" not in known.solves or "objectives" in known.solves)
        )
        detail = f"{wanted.engine} does not take {lacking[0]}"
        raise KantorError(
            "unsupported-problem",
            f"/engine: {detail}",
            errors=[FieldError(pointer="/engine", detail=detail, hint=f"engines that do: {', '.join(able)}")],
        )


async def set_state(state: State, project_id: UUID, study_id: UUID, wanted: str) -> Details:
    """The study in its new state: active, paused, archived."""
    await state.database(studies.set_state, project_id, study_id, wanted)
    return await state.database(studies.get, project_id, study_id)


async def add(state: State, project_id: UUID, study_id: UUID, wanted: TrialRequest) -> TrialRow:
    """A point of the user's own."""
    row, pending = await state.database(_add, project_id, study_id, wanted, state.settings)
    ring(state, pending)
    return row


async def tell(state: State, project_id: UUID, study_id: UUID, number: int, wanted: TellRequest) -> TrialRow:
    """The end of an evaluation."""
    row, pending = await state.database(_tell, project_id, study_id, number, wanted, state.settings)
    ring(state, pending)
    return row


async def edit(
    state: State, project_id: UUID, study_id: UUID, number: int, wanted: EditRequest, *, key_id: UUID
) -> TrialRow:
    """A correction by the owner of a key."""
    by = f"key {key_id.hex}"
    row, pending = await state.database(_edit, project_id, study_id, number, wanted, by, state.settings)
    ring(state, pending)
    return row


def _tell(
    conn: Database, project_id: UUID, study_id: UUID, number: int, wanted: TellRequest, settings: Settings
) -> tuple[TrialRow, Pending | None]:
    row, again = studies.tell(conn, project_id, study_id, number, wanted)
    return row, None if again else refill(conn, project_id, study_id, settings)


def _add(
    conn: Database, project_id: UUID, study_id: UUID, wanted: TrialRequest, settings: Settings
) -> tuple[TrialRow, Pending | None]:
    row = studies.add(conn, project_id, study_id, wanted)
    return row, refill(conn, project_id, study_id, settings) if row.finished_at is not None else None


def _edit(
    conn: Database, project_id: UUID, study_id: UUID, number: int, wanted: EditRequest, by: str, settings: Settings
) -> tuple[TrialRow, Pending | None]:
    row = studies.edit(conn, project_id, study_id, number, wanted, by=by)
    return row, refill(conn, project_id, study_id, settings)


def refill(conn: Database, project_id: UUID, study_id: UUID, settings: Settings) -> Pending | None:
    """After a commit of its own: if it fails, the next ask sees to it."""
    study = lookup.study_row(conn, project_id, study_id)
    if study.state != "active" or (study.budget is not None and study.asked >= study.budget):
        return None
    return pool.prepare(conn, study, settings=settings)


def ring(state: State, pending: Pending | None) -> None:
    if pending is not None and pending.submitted is not None:
        state.writer.ring(pending.submitted)
