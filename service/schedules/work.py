"""Between a schedule and a job that works on it: the data at its beginning, the results in its last transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson

from api_schemas.ids import SCHEDULE, decode
from service.hooks import Finish
from service.jobs import Claim
from service.schedules import rules
from service.settings import Settings
from service.store.connect import Database
from service.studies.changes import dumps

_RUNS = """
SELECT run.number, run.state, run.advice, run.final, version.curve
FROM schedule_run AS run JOIN schedule_version AS version USING (schedule_id, version)
WHERE run.schedule_id = %(schedule)s AND (%(runs)s::int[] IS NULL OR run.number = ANY(%(runs)s))
    AND (NOT %(finished)s OR run.state = 'finished')
ORDER BY run.finished_at, run.number LIMIT 10000
"""
_OBSERVATIONS = """
SELECT run, step, data FROM schedule_observation WHERE schedule_id = %s AND run = ANY(%s) ORDER BY run, step
LIMIT 2000000
"""
_ADVISE = """
UPDATE schedule_run SET advice = %s::jsonb WHERE schedule_id = %s AND number = %s AND state = 'running'
"""


def load(conn: Database, claim: Claim) -> bytes:
    """The document for the runner: the job's, with the schedule and what its runs have seen by now.

    Raises:
        KantorError: ``not-found``: the schedule is gone, or another project's.
    """
    document = orjson.loads(claim.document)
    work = document["problem"]
    schedule = rules.get(conn, claim.project_id, decode(SCHEDULE, work["schedule"]))
    wanted = {
        "schedule": schedule.id,
        "runs": work.get("runs"),
        "finished": work["work"] == "refine" and work.get("runs") is None,
    }
    data: dict[int, dict[str, Any]] = {}
    for number, state, advice, final, curve in conn.execute(_RUNS, wanted).fetchall():
        data[number] = {"number": number, "state": state, "advice": advice, "final": final, "curve": curve}
        data[number]["observations"] = []
    if schedule.policy != "sor-bandit":
        for number, step, seen in conn.execute(_OBSERVATIONS, (schedule.id, list(data))).fetchall():
            data[number]["observations"].append({"step": step, **seen})
    definition = {**schedule.definition, "policy": schedule.policy, "horizon": schedule.horizon}
    document["problem"] = {**work, "definition": definition, "data": list(data.values())}
    return orjson.dumps(document)


def on_finish(conn: Database, claim: Claim, finished: Finish, settings: Settings) -> UUID | None:  # noqa: ARG001
    """Store a new version, advice, and what the policy keeps, in the transaction that finishes the job."""
    if finished.answer is None or finished.state != "succeeded":
        return None
    result = orjson.loads(finished.answer)
    schedule = rules.get(conn, claim.project_id, decode(SCHEDULE, result["schedule"]), lock=True)
    if result["curve"] is not None:
        number = schedule.versions + 1
        provenance = {**result["provenance"], "parent": schedule.current, "job": claim.job_id.hex}
        rules.add_version(conn, schedule, number, result["curve"], provenance)
        conn.execute(
            "UPDATE schedule SET versions = %s, current = CASE WHEN %s THEN %s ELSE current END, updated_at = now()"
            " WHERE id = %s",
            (number, result["promote"], number, schedule.id),
        )
    for run, advice in result["advice"].items():
        conn.execute(_ADVISE, (dumps(advice), schedule.id, int(run)))
    if result["memory"] is not None:
        conn.execute("UPDATE schedule SET memory = %s::jsonb WHERE id = %s", (dumps(result["memory"]), schedule.id))
    return None
