"""POST /v1/jobs, up to the stored job: the body is parsed once, checked against the catalogue, and stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic_core import from_json
from starlette.requests import Request

from api_schemas.errors import KantorError
from api_schemas.ids import ARTIFACT, decode
from api_schemas.jobs import JobRequest
from service import artifacts, jobs
from service.jobs import Submission, Submitted
from service.keys import Principal
from service.rest import bodies, catalogue, parsing
from service.rest.state import State
from service.settings import Settings
from service.store.connect import Database

_SHARED_COMMIT_BYTES = 1 << 20
"""Larger documents are stored by a connection of the pool, so that nobody waits behind them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that fits the contract.

    Attributes:
        request: of a large one without the problem's data, which ``document`` has.
        document: JSON ``{"problem": …, "options": …}``: what was given, normalised, without defaults.
        references: (JSON pointer, artifact id) of all artifacts that the problem refers to.
    """

    request: JobRequest
    document: bytes
    references: tuple[tuple[str, str], ...]


async def read(state: State, request: Request) -> Draft:
    """Read and parse the body of a request. Of large ones one is decompressed and parsed at a time; the others wait
    outside of the memory.

    Raises:
        KantorError: as ``bodies.receive``, ``bodies.Body.text`` and ``draft``.
    """
    with await bodies.receive(request, state.settings.body_limit_bytes) as body:
        text = body.small()
        if text is not None:
            return draft(text)
        async with state.large_bodies:
            return await asyncio.to_thread(lambda: draft(body.text()))


async def parsed(state: State, body: bytes) -> Draft:
    """Parse a body; a large one in a thread.

    Raises:
        KantorError: as ``draft``.
    """
    if len(body) <= bodies.SMALL:
        return draft(body)
    async with state.large_bodies:
        return await asyncio.to_thread(draft, body)


def draft(body: bytes) -> Draft:
    """Parse a body.

    Raises:
        KantorError: as ``parsing.parse``; ``malformed-json``.
    """
    request = parsing.parse(JobRequest, body)
    request.problem.__pydantic_fields_set__.add("kind")  # who reads the document finds the family by it
    problem = request.problem.model_dump_json(exclude_unset=True).encode()
    document = b'{"problem":%s,"options":%s}' % (problem, request.options.model_dump_json(exclude_unset=True).encode())
    references = tuple(_references(from_json(document), "")) if b'"art_' in document else ()
    if len(document) > bodies.SMALL:
        # The parsed problem takes up to 20 times the document's memory, and from here on only its kind is asked for.
        request = request.model_copy(
            update={"problem": type(request.problem).model_construct(kind=request.problem.kind)}
        )
    return Draft(request, document, references)


async def check(state: State, draft: Draft) -> tuple[str, list[str]]:
    """The pool of a request, checked against what live workers announced, and warnings: what will not be granted.

    Raises:
        KantorError: ``unknown-engine``, ``invalid-option``.
    """
    offer = state.catalogue.fresh()
    if offer is None:
        offer = await state.database(state.catalogue.read)
    pool = catalogue.check(draft.request, offer)
    return pool, catalogue.cuts(draft.request, pool, offer)


async def store(
    state: State, principal: Principal, draft: Draft, *, pool: str, idempotency_key: str | None
) -> Submitted:
    """Store the job and ring for it.

    Raises:
        KantorError: ``idempotency-mismatch``, ``artifact-missing``, ``quota-exceeded``, ``unavailable``.
    """
    item = Submission(
        principal.project_id,
        draft.request,
        draft.document,
        pool,
        idempotency_key,
        b"" if idempotency_key is None else _fingerprint(draft.request, draft.document),
        key_id=principal.key_id,
        limits=principal.limits,
    )
    if not draft.references and len(draft.document) <= _SHARED_COMMIT_BYTES:
        return await state.writer.submit(item)
    submitted = await state.database(_store_alone, item, draft.references, state.settings)
    if not submitted.replayed:
        state.writer.ring(submitted)
    return submitted


async def require_artifacts(state: State, project_id: UUID, draft: Draft) -> None:
    """Raises ``KantorError`` "artifact-missing" if one is missing, without storing anything."""
    if draft.references:
        existing = await state.database(_existing, project_id, [name for _, name in draft.references])
        artifacts.require(draft.references, existing)


def _fingerprint(request: JobRequest, document: bytes) -> bytes:
    """Of everything in the request, whatever its spacing and order of fields; only requests with an idempotency key are
    ever compared. Artifacts count by what they hold, as far as that is known: a file that is uploaded anew is the same
    request."""
    digest = hashlib.sha256(document)
    digest.update(request.model_dump_json(exclude={"problem", "options"}).encode())
    return digest.digest()


def _store_alone(
    conn: Database, item: Submission, references: tuple[tuple[str, str], ...], settings: Settings
) -> Submitted:
    if references and item.idempotency_key is not None:
        names = {decode(ARTIFACT, name): name.encode() for _, name in references}
        by_content = item.document
        for artifact_id, digest in artifacts.digests(conn, item.project_id, list(names)).items():
            by_content = by_content.replace(names[artifact_id], digest.hex().encode())
        item = replace(item, fingerprint=_fingerprint(item.request, by_content))
    with conn.transaction():
        outcome = jobs.submit_many(conn, [item], settings=settings)[0]
        if isinstance(outcome, KantorError):
            raise outcome
        if references and not outcome.replayed:
            artifacts.use(conn, item.project_id, outcome.job_id, references)
    return outcome


def _existing(conn: Database, project_id: UUID, names: list[str]) -> set[str]:
    by_id = {decode(ARTIFACT, name): name for name in names}
    rows = conn.execute(
        "SELECT id FROM artifact WHERE project_id = %s AND id = ANY(%s)", (project_id, list(by_id))
    ).fetchall()
    return {by_id[row[0]] for row in rows}


def _references(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Artifact ids in a document. Lists of numbers are passed over by their first entry."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "artifact" and isinstance(inner, str):
                yield f"{pointer}/artifact", inner
            elif isinstance(inner, dict | list):
                yield from _references(inner, f"{pointer}/{name}")
    elif isinstance(value, list) and value and isinstance(value[0], dict | list):
        for k, inner in enumerate(value):
            yield from _references(inner, f"{pointer}/{k}")


__all__ = ["Draft", "check", "draft", "require_artifacts", "store"]
