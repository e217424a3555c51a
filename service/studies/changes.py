"""Writing trials: each change raises the watermark of its study, and is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from service.store.connect import Database
from service.studies.rows import TRIAL, StudyRow, TrialRow

# The study's row is locked from here to the end of the transaction: so watermarks have no holes, and who sees one sees
# all that is below it.
_INSERT = f"""
WITH bumped AS (
    UPDATE study SET asked = asked + 1, watermark = watermark + 1, told = told + %(told)s, updated_at = now()
    WHERE id = %(study)s AND project_id = %(project)s AND (budget IS NULL OR asked < budget OR NOT %(bounded)s)
    RETURNING asked, watermark
), trial AS (
    INSERT INTO trial (project_id, study_id, number, state, params, values, reason, feasible, attempt, client_id, lease,
        lease_until, origin, made, started_at, finished_at)
    SELECT %(project)s, %(study)s, asked, %(state)s, %(params)s::jsonb, %(values)s::jsonb, %(reason)s, %(feasible)s,
        CASE WHEN %(state)s = 'running' THEN 1 ELSE 0 END, %(client)s, make_interval(secs => %(lease)s),
        CASE WHEN %(state)s = 'running' THEN now() + make_interval(secs => %(lease)s) END, %(origin)s, %(made)s::jsonb,
        CASE WHEN %(state)s = 'running' THEN now() END,
        CASE WHEN %(state)s NOT IN ('waiting', 'running') THEN now() END
    FROM bumped RETURNING {TRIAL}
), kept AS (
    INSERT INTO trial_change (project_id, study_id, watermark, trial_id, type, state, values, reason)
    SELECT %(project)s, %(study)s, bumped.watermark, trial.id, %(type)s, trial.state, trial.values, trial.reason
    FROM bumped, trial
)
SELECT {TRIAL} FROM trial
"""  # noqa: S608

_KEEP = """
WITH bumped AS (
    UPDATE study SET watermark = watermark + 1, told = told + %(told)s, updated_at = now() WHERE id = %(study)s
    RETURNING watermark
)
INSERT INTO trial_change (project_id, study_id, watermark, trial_id, type, state, values, reason, before, by)
SELECT %(project)s, %(study)s, watermark, %(trial)s, %(type)s, %(state)s, %(values)s::jsonb, %(reason)s,
    %(before)s::jsonb, %(by)s
FROM bumped
"""


def insert_trial(
    conn: Database,
    study: StudyRow,
    params: Mapping[str, Any],
    *,
    origin: str,
    made: Mapping[str, Any],
    state: str = "waiting",
    values: Mapping[str, Any] | None = None,
    reason: str = "",
    feasible: bool | None = None,
    client_id: str = "",
    lease: float | None = None,
) -> TrialRow | None:
    """A new trial, in one statement. None if the study's budget is used (trials of the user's own do not count)."""
    found = conn.execute(
        _INSERT,
        {
            "study": study.id,
            "project": study.project_id,
            "bounded": origin != "user",
            "told": int(state not in ("waiting", "running")),
            "type": {"waiting": "added", "running": "asked"}.get(state, state),
            "state": state,
            "params": dumps(params),
            "values": None if values is None else dumps(values),
            "reason": reason,
            "feasible": feasible,
            "client": client_id,
            "lease": lease if lease is not None else study.definition["lease_seconds"],
            "origin": origin,
            "made": dumps(made),
        },
        prepare=True,
    ).fetchone()
    return None if found is None else TrialRow(*found)


def keep(
    conn: Database,
    study: StudyRow,
    trial_id: int,
    type_: str,
    *,
    state: str,
    result: bool,
    values: Mapping[str, Any] | None = None,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    by: str = "",
) -> None:
    """Raise the watermark for a trial that this transaction has changed, and keep what it is now."""
    conn.execute(
        _KEEP,
        {
            "project": study.project_id,
            "study": study.id,
            "trial": trial_id,
            "told": int(result),
            "type": type_,
            "state": state,
            "values": None if values is None else dumps(values),
            "reason": reason,
            "before": None if before is None else dumps(before),
            "by": by,
        },
        prepare=True,
    )


def dumps(value: object) -> str:
    """JSON for the tables: NaN and infinities are the contract's strings; PostgreSQL's jsonb has no U+0000."""
    return orjson.dumps(_plain(value)).decode().replace("\\u0000", "\\ufffd")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return "NaN"
        return value if abs(value) != float("inf") else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
