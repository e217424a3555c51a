"""Runs of a schedule: trainings that follow its curve and tell what they see."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from api_schemas.errors import FieldError, KantorError
from api_schemas.ids import SCHEDULE, encode
from api_schemas.jobs import JobRequest
from api_schemas.options import SolveOptions
from api_schemas.schedules import ADVISED, FinishRequest, Observation, RefineRequest, RunRequest, ScheduleWork
from service import jobs
from service.jobs import Submitted
from service.schedules import rules
from service.schedules.rules import ScheduleRow
from service.settings import Settings
from service.store.connect import Database
from service.studies.changes import dumps
from service.studies.pool import DEADLINE_SECONDS, POOL, RETENTION_SECONDS


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run. The fields are those of the table, in the order of ``COLUMNS``; then the curve of its version."""

    number: int
    version: int
    client_id: str
    state: str
    advice: dict[str, Any]
    final: dict[str, Any] | None
    reason: str
    created_at: datetime
    finished_at: datetime | None
    curve: list[list[float]]


COLUMNS = ", ".join(f"run.{name}" for name in RunRow.__slots__ if name != "curve") + ", version.curve"
_FROM = """
FROM schedule_run AS run JOIN schedule_version AS version USING (schedule_id, version)
WHERE run.project_id = %(project)s AND run.schedule_id = %(schedule)s
"""
_GET = f"SELECT {COLUMNS} {_FROM} AND run.number = %(number)s"
_LIST = f"SELECT {COLUMNS} {_FROM} ORDER BY run.number DESC LIMIT 1000"
_STICKY = f"SELECT {COLUMNS} {_FROM} AND run.client_id = %(client)s"
_START = """
INSERT INTO schedule_run (project_id, schedule_id, number, version, client_id, advice)
VALUES (%(project)s, %(schedule)s, %(number)s, %(version)s, %(client)s, %(advice)s::jsonb)
"""
_OBSERVE = """
INSERT INTO schedule_observation (project_id, schedule_id, run, step, data)
SELECT %(project)s, %(schedule)s, %(run)s, (item->>'step')::bigint, item - 'step'
FROM jsonb_array_elements(%(items)s::jsonb) AS item
ON CONFLICT (schedule_id, run, step) DO NOTHING
"""
_ODD = """
UPDATE schedule_run SET reason = %(reason)s
WHERE project_id = %(project)s AND schedule_id = %(schedule)s AND number = %(run)s AND reason = ''
"""
_LAST_LOSS = """
SELECT step, data->>'loss' FROM schedule_observation WHERE schedule_id = %s AND run = %s AND data ? 'loss'
ORDER BY step DESC LIMIT 1
"""
_KNOWN = "SELECT step FROM schedule_observation WHERE schedule_id = %s AND run = %s AND step = ANY(%s)"
_LOCK = """
SELECT state FROM schedule_run WHERE project_id = %s AND schedule_id = %s AND number = %s FOR SHARE
"""
_FINISH = """
UPDATE schedule_run SET state = %(state)s, final = %(final)s::jsonb, reason = %(reason)s, finished_at = now()
WHERE project_id = %(project)s AND schedule_id = %(schedule)s AND number = %(number)s AND state = 'running'
"""
_UNDER_WAY = """
SELECT EXISTS (SELECT FROM job WHERE project_id = %s AND kind = 'schedule' AND state = 'queued' AND labels @> %s::jsonb)
"""


def run(conn: Database, project_id: UUID, schedule_id: UUID, number: int) -> RunRow:
    """One run with its curve.

    Raises:
        KantorError: ``not-found``.
    """
    row = rules.get(conn, project_id, schedule_id)
    found = conn.execute(
        _GET, {"project": project_id, "schedule": schedule_id, "number": number}, prepare=True
    ).fetchone()
    if found is None:
        raise KantorError("not-found", f"The schedule {row.name!r} has no run {number}; it has {row.runs}.")
    return RunRow(*found)


def runs(conn: Database, project_id: UUID, schedule_id: UUID) -> list[RunRow]:
    """Runs, newest first, at most 1000.

    Raises:
        KantorError: ``not-found``.
    """
    rules.get(conn, project_id, schedule_id)
    return [RunRow(*row) for row in conn.execute(_LIST, {"project": project_id, "schedule": schedule_id}).fetchall()]


def start(conn: Database, project_id: UUID, schedule_id: UUID, request: RunRequest) -> RunRow:
    """A new run, or the one that this client has.

    Raises:
        KantorError: ``not-found``; ``conflict`` for an archived schedule; ``invalid-request`` without the context
            that a bandit needs.
    """
    with conn.transaction():
        schedule = rules.get(conn, project_id, schedule_id, lock=True)
        values = {"project": project_id, "schedule": schedule_id, "client": request.client_id}
        if request.client_id:
            found = conn.execute(_STICKY, values).fetchone()
            if found is not None:
                return RunRow(*found)
        if schedule.state != "active":
            raise KantorError("conflict", f"The schedule {schedule.name!r} is archived: it takes no new runs.")
        wanted = request.version or schedule.current
        rules.version(conn, project_id, schedule_id, wanted)
        number = schedule.runs + 1
        advice = _first_advice(schedule, number, request.context)
        conn.execute("UPDATE schedule SET runs = %s, updated_at = now() WHERE id = %s", (number, schedule_id))
        conn.execute(_START, {**values, "number": number, "version": wanted, "advice": dumps(advice)})
    return run(conn, project_id, schedule_id, number)


def observe(
    conn: Database, project_id: UUID, schedule_id: UUID, number: int, observations: Sequence[Observation]
) -> tuple[RunRow, int]:
    """Store what a run has seen; steps that are there already are left as they are. Returns the run, and how many were
    new.

    Raises:
        KantorError: ``not-found``; ``conflict`` for something new of a run that has ended.
    """
    row = run(conn, project_id, schedule_id, number)
    items = [item.model_dump(mode="json", exclude_none=True) for item in observations]
    values = {"project": project_id, "schedule": schedule_id, "run": number}
    with conn.transaction():
        # shared: observations of one run don't wait for each other, but its end waits for them
        state = conn.execute(_LOCK, (project_id, schedule_id, number)).fetchone()
        if state is not None and state[0] != "running":
            steps = [item.step for item in observations]
            known = {step for (step,) in conn.execute(_KNOWN, (schedule_id, number, steps)).fetchall()}
            new = next((step for step in steps if step not in known), None)
            if new is not None:
                raise KantorError(
                    "conflict",
                    f"Run {number} is {state[0]}: it takes no new observations (step {new}). Start another run, or end "
                    "a run after its last step only.",
                )
            return row, 0
        stored = conn.execute(_OBSERVE, {**values, "items": dumps(items)}).rowcount
        odd = next((item for item in observations if not _finite(item.loss) or not _finite(item.score)), None)
        if odd is not None and stored:
            name, value = ("loss", odd.loss) if not _finite(odd.loss) else ("score", odd.score)
            conn.execute(_ODD, {**values, "reason": f"{name} is {_what(value)} at step {odd.step}"})
    return row, stored


def finish(conn: Database, project_id: UUID, schedule_id: UUID, number: int, request: FinishRequest) -> RunRow:
    """End a run. Ending it twice is the same as once. With final values or a last loss that are no numbers it has
    failed.

    Raises:
        KantorError: ``not-found``; ``conflict`` if it ended otherwise before.
    """
    values = {"project": project_id, "schedule": schedule_id, "number": number}
    state, reason = _judged(conn, schedule_id, number, request)
    conn.execute(_FINISH, {**values, "state": state, "final": dumps(request.final), "reason": reason})
    row = run(conn, project_id, schedule_id, number)
    if (row.state, row.final) != (state, orjson.loads(dumps(request.final))):
        raise KantorError("conflict", f"Run {number} is {row.state} already, with other values.")
    return row


def refine(
    conn: Database, project_id: UUID, schedule_id: UUID, request: RefineRequest, settings: Settings
) -> Submitted:
    """A job that makes a new version from the gradient norms of runs.

    Raises:
        KantorError: ``not-found``; ``invalid-request`` for a run that does not exist; ``quota-exceeded``.
    """
    schedule = rules.get(conn, project_id, schedule_id)
    for k, number in enumerate(request.runs or []):
        if number > schedule.runs:
            error = FieldError(pointer=f"/runs/{k}", detail=f"there are {schedule.runs} runs")
            raise KantorError("invalid-request", f"There is no run {number}.", errors=[error])
    return _submit(conn, schedule, {"work": "refine", **request.model_dump(mode="json")}, settings)


def advise(conn: Database, project_id: UUID, schedule_id: UUID, settings: Settings) -> Submitted | None:
    """See that a job works out new advice: None if the policy gives none, one waits already (it will read the newest
    data), or the project's quotas do not allow it now (the next observations see to it)."""
    schedule = rules.get(conn, project_id, schedule_id)
    if schedule.policy not in ADVISED:
        return None
    labels = {"schedule": encode(SCHEDULE, schedule_id)}
    waits = conn.execute(_UNDER_WAY, (project_id, orjson.dumps(labels).decode())).fetchone()
    if waits is not None and waits[0]:
        return None
    try:
        return _submit(conn, schedule, {"work": "advise"}, settings)
    except KantorError as error:
        if error.code != "quota-exceeded":
            raise
        return None


def _submit(conn: Database, schedule: ScheduleRow, work: dict[str, Any], settings: Settings) -> Submitted:
    name = encode(SCHEDULE, schedule.id)
    problem = ScheduleWork.model_validate({"schedule": name, **work})
    request = JobRequest(
        problem=problem,
        options=SolveOptions(),
        name=f"{problem.work}: {schedule.name}"[:255],
        labels={"schedule": name},
        deadline=DEADLINE_SECONDS,
        retention=RETENTION_SECONDS,
    )
    document = b'{"problem":%s,"options":{}}' % problem.model_dump_json().encode()
    return jobs.submit(conn, schedule.project_id, request, document, pool=POOL, settings=settings)


def _judged(conn: Database, schedule_id: UUID, number: int, request: FinishRequest) -> tuple[str, str]:
    """State and reason of a run that ends."""
    odd = next((name for name, value in request.final.items() if not _finite(value)), None)
    if odd is not None:
        return "failed", request.reason or f"{odd} is {_what(request.final[odd])}"
    if request.state == "failed":
        return "failed", request.reason or "no reason was given"
    last = conn.execute(_LAST_LOSS, (schedule_id, number)).fetchone()
    if last is not None and not _finite(float(last[1])):
        return "failed", request.reason or f"the last loss, at step {last[0]}, is {_what(float(last[1]))}"
    return request.state, request.reason


def _finite(value: float | None) -> bool:
    return value is None or math.isfinite(value)


def _what(value: float | None) -> str:
    return "not a number" if value is None or math.isnan(value) else "infinite"


def _first_advice(schedule: ScheduleRow, number: int, context: float | None) -> dict[str, Any]:
    definition = schedule.definition
    if schedule.policy == "adaptive-batch":
        return {"batch": int(definition["low"]), "value": int(definition["low"])}
    # The seed and the number of the run decide: what was drawn can be drawn again.
    chance = random.Random(f"{definition['seed']} {number}")  # noqa: S311
    if schedule.policy == "pb2":
        value = _between(definition, chance.random())
        return {"value": value, "path": [[0, value]], "time": 0}
    if schedule.policy == "sor-bandit":
        return _draw(schedule, context, chance)
    return {}


def _draw(schedule: ScheduleRow, context: float | None, chance: random.Random) -> dict[str, Any]:
    definition, count = schedule.definition, int(schedule.definition["arms"])
    bounds = definition.get("context")
    if bounds is not None and context is None:
        error = FieldError(pointer="/context", detail="is missing", hint="the number on which the best value depends")
        raise KantorError("invalid-request", "This schedule needs the context of each run.", errors=[error])
    table = schedule.memory.get("probabilities") or [[1.0 / count] * count]
    place = 0
    if bounds is not None and context is not None and len(table) > 1:
        share = (context - bounds["low"]) / (bounds["high"] - bounds["low"])
        place = round(min(max(share, 0.0), 1.0) * (len(table) - 1))
    weights = table[place]
    arm = chance.choices(range(count), weights=weights)[0]
    advice = {"value": _between(definition, arm / (count - 1)), "arm": arm, "probability": weights[arm]}
    return advice if context is None else {**advice, "context": context}


def _between(definition: dict[str, Any], share: float) -> float:
    low, high = float(definition["low"]), float(definition["high"])
    return low * math.pow(high / low, share) if definition["log"] else low + share * (high - low)
