"""Asking for trials: those that the evaluator still holds, then returned ones, then prepared ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api_schemas.errors import FieldError, KantorError
from api_schemas.studies import AskRequest
from api_schemas.study_spaces import point_fault
from service.store.connect import Database
from service.studies import changes, points
from service.studies.lookup import study_row
from service.studies.rows import TRIAL, TRIAL_COLUMNS, StudyRow, TrialRow


@dataclass
class Asked:
    """What an ask has got so far.

    Attributes:
        done: there will be no more.
        low: fewer suggestions are left than the evaluators at work will soon want.
    """

    study: StudyRow
    trials: list[TrialRow] = field(default_factory=list)
    done: bool = False
    reason: str = ""
    low: bool = False


# Two asks of one client at once would each find nothing that it holds.
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))"

_STICKY = f"""
UPDATE trial SET lease_until = now() + lease WHERE id IN (
    SELECT id FROM trial WHERE study_id = %(study)s AND client_id = %(client)s AND state = 'running'
        AND params @> %(fixed)s::text::jsonb
    ORDER BY number LIMIT %(count)s FOR UPDATE)
RETURNING {TRIAL}
"""  # noqa: S608

# Rows that others are about to take are skipped: asks never wait for each other here. The study's row, which numbers
# the trials, is locked by the last step only.
_TAKE = f"""
WITH returned AS MATERIALIZED (
    SELECT id FROM trial WHERE study_id = %(study)s AND state = 'waiting' AND params @> %(fixed)s::text::jsonb
    ORDER BY number LIMIT %(count)s FOR UPDATE SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT id FROM suggestion WHERE study_id = %(study)s AND fixed = %(fixed)s::text AND told >= %(least)s
        AND (%(noisy)s OR NOT EXISTS (
            SELECT FROM trial WHERE trial.study_id = %(study)s AND trial.params = suggestion.params
                AND jsonb_hash(trial.params) = jsonb_hash(suggestion.params)))
    ORDER BY id LIMIT least(%(room)s, greatest(0, %(count)s - (SELECT count(*) FROM returned))) FOR UPDATE SKIP LOCKED
), taken AS MATERIALIZED (
    DELETE FROM suggestion WHERE id IN (SELECT id FROM picked) RETURNING id, params, made
), bumped AS (
    UPDATE study SET asked = asked + (SELECT count(*) FROM taken), updated_at = now(),
        watermark = watermark + (SELECT count(*) FROM taken) + (SELECT count(*) FROM returned)
    WHERE id = %(study)s AND state = 'active' AND ((SELECT count(*) FROM taken) + (SELECT count(*) FROM returned)) > 0
    RETURNING asked - (SELECT count(*) FROM taken) AS asked,
        watermark - (SELECT count(*) FROM taken) - (SELECT count(*) FROM returned) AS watermark
), again AS (
    UPDATE trial SET state = 'running', attempt = attempt + 1, client_id = %(client)s,
        lease = make_interval(secs => %(lease)s), lease_until = now() + make_interval(secs => %(lease)s),
        started_at = now(), reason = ''
    FROM bumped WHERE trial.id IN (SELECT id FROM returned) RETURNING {TRIAL}
), made AS (
    INSERT INTO trial (project_id, study_id, number, state, params, attempt, client_id, lease, lease_until, origin,
        made, started_at)
    SELECT %(project)s, %(study)s, bumped.asked + row_number() OVER (ORDER BY taken.id), 'running', taken.params, 1,
        %(client)s, make_interval(secs => %(lease)s), now() + make_interval(secs => %(lease)s), 'engine',
        taken.made, now()
    FROM bumped, taken RETURNING {TRIAL}
), leased AS (
    SELECT * FROM again UNION ALL SELECT * FROM made
), kept AS (
    INSERT INTO trial_change (project_id, study_id, watermark, trial_id, type, state)
    SELECT %(project)s, %(study)s, bumped.watermark + row_number() OVER (ORDER BY leased.number), leased.id, 'asked',
        'running'
    FROM bumped, leased
)
SELECT {", ".join(TRIAL_COLUMNS)} FROM leased ORDER BY number
"""  # noqa: S608

_OPEN = """
SELECT (SELECT count(*) FROM trial WHERE study_id = %(study)s AND state = 'running'),
       (SELECT count(*) FROM suggestion WHERE study_id = %(study)s AND fixed = %(fixed)s::text AND told >= %(least)s)
"""

_KNOWN = """
SELECT EXISTS (SELECT FROM trial WHERE study_id = %(study)s AND jsonb_hash(params) = jsonb_hash(%(params)s::text::jsonb)
    AND params = %(params)s::text::jsonb)
"""
_PLACE = "SELECT nextval(pg_get_serial_sequence('trial', 'id'))"
"""A number that nobody else gets, without a lock."""
_NEAR = "SELECT params FROM trial WHERE study_id = %s ORDER BY number DESC LIMIT 8"
_MOST_KNOWN = 200
"""After so many points that were tried already, nothing new is looked for: the space is used up."""


def ask(
    conn: Database,
    project_id: UUID,
    study_id: UUID,
    request: AskRequest,
    *,
    got: Sequence[TrialRow] = (),
    stale: bool,
    waiting: int = 0,
) -> Asked:
    """Hand out what there is, without waiting for anything.

    Args:
        got: what the same request got before.
        stale: also suggestions that miss more of the newest results than evaluators at work explain.
        waiting: evaluators who wait for a trial now: they are as good as at work.

    Raises:
        KantorError: ``not-found``; ``conflict`` for a study that is paused or archived; ``invalid-request`` for fixed
            values that do not fit the space.
    """
    study = study_row(conn, project_id, study_id)
    _check(study, request)
    asked = Asked(study, list(got))
    fixed = points.canonical(request.fixed)
    parameters = {
        "study": study_id,
        "project": project_id,
        "client": request.client_id,
        "fixed": fixed,
        "noisy": study.request.noise is True,
    }
    running = conn.execute(_OPEN, {**parameters, "least": 0}, prepare=True).fetchone()
    assert running is not None
    # Of p evaluators at work, p/2 results on average came in since any of their suggestions was made.
    least = 0 if stale else max(0, study.told - (running[0] + waiting) // 2)
    with conn.transaction():
        if request.client_id:
            conn.execute(_ALONE, (f"{study_id} {request.client_id}",))
            if not got:
                held = conn.execute(_STICKY, {**parameters, "count": request.count}, prepare=True).fetchall()
                asked.trials = sorted((TrialRow(*row) for row in held), key=lambda trial: trial.number)
        short = request.count - len(asked.trials)
        if short > 0:
            room = short if study.budget is None else max(0, study.budget - study.asked)
            lease = request.lease_seconds or study.definition["lease_seconds"]
            found = conn.execute(
                _TAKE, {**parameters, "count": short, "room": room, "least": least, "lease": lease}, prepare=True
            ).fetchall()
            asked.trials += [TrialRow(*row) for row in found]
            _budget(asked, request, len(found))
    ready = max(0, running[1] - len(asked.trials) + len(got))
    asked.low = not asked.done and ready < min(running[0], 32) / 2
    return asked


def fall_back(conn: Database, asked: Asked, request: AskRequest, why: str) -> None:
    """Quasi-random points for what an ask still lacks: nobody waits for an engine longer than he wants."""
    study = asked.study
    while len(asked.trials) < request.count and not asked.done:
        found = _fresh(conn, study, request)
        if found is None:
            asked.done = not asked.trials
            asked.reason = "no point was found that is new" + (
                " and meets the constraints on the inputs"
                if study.request.input_constraints
                else ": every point of the space was tried"
            )
            return
        params, place = found
        trial = changes.insert_trial(
            conn,
            study,
            params,
            origin="quasi-random",
            made={"why": why, "explanation": {"method": "halton", "index": place}},
            state="running",
            client_id=request.client_id,
            lease=request.lease_seconds,
        )
        if trial is None:
            asked.done, asked.reason = True, _used(study)
            return
        asked.trials.append(trial)


def _fresh(conn: Database, study: StudyRow, request: AskRequest) -> tuple[dict[str, Any], int] | None:
    """A point that was not tried yet, and its place in the sequence; None if the space seems to be used up."""
    row = conn.execute(_PLACE, prepare=True).fetchone()
    start = 0 if row is None else int(row[0])
    near = (
        [found[0] for found in conn.execute(_NEAR, (study.id,)).fetchall()] if study.request.input_constraints else []
    )
    for k, params in enumerate(points.sequence(study.request, study.seed, start, request.fixed, near), start=1):
        wanted = {"study": study.id, "params": changes.dumps(params)}
        known = conn.execute(_KNOWN, wanted, prepare=False).fetchone()
        if request.fixed or study.request.noise is True or (known is not None and not known[0]):
            return params, start + k
        if k >= _MOST_KNOWN:
            break
    return None


def _check(study: StudyRow, request: AskRequest) -> None:
    if study.state != "active":
        raise KantorError(
            "conflict", f"The study {study.name!r} is {study.state}: it hands out no trials. Resume it first."
        )
    name, fault = point_fault(study.request.space, request.fixed, partial=True)
    if fault:
        raise KantorError(
            "invalid-request",
            f"/fixed/{name}: {fault}",
            errors=[FieldError(pointer=f"/fixed/{name}", detail=fault)],
        )


def _budget(asked: Asked, request: AskRequest, found: int) -> None:
    study = asked.study
    if study.budget is not None and len(asked.trials) < request.count and study.asked + found >= study.budget:
        asked.done, asked.reason = True, _used(study)


def _used(study: StudyRow) -> str:
    return f"the budget of {study.budget} trials is used"
