"""Leases that ran out: their trials go back to the pool, or have failed if no attempt is left."""

from __future__ import annotations

from service.store.connect import Database

BATCH = 200

_LAPSED = """
SELECT study_id FROM trial WHERE state = 'running' AND lease_until < now() GROUP BY study_id
ORDER BY min(lease_until) LIMIT %s
"""
# One study at a time: so that no transaction holds two studies' rows.
_RETURN = """
WITH study AS MATERIALIZED (
    SELECT id, project_id, (definition->>'max_attempts')::int AS most FROM study WHERE id = %(study)s
), lapsed AS MATERIALIZED (
    SELECT trial.id, trial.attempt >= study.most AS used FROM trial, study
    WHERE trial.study_id = study.id AND trial.state = 'running' AND trial.lease_until < now()
    ORDER BY trial.number LIMIT %(limit)s FOR UPDATE OF trial SKIP LOCKED
), bumped AS (
    UPDATE study AS target SET watermark = watermark + (SELECT count(*) FROM lapsed), updated_at = now(),
        told = told + (SELECT count(*) FROM lapsed WHERE used)
    WHERE target.id = %(study)s AND EXISTS (SELECT FROM lapsed)
    RETURNING watermark - (SELECT count(*) FROM lapsed) AS watermark
), changed AS (
    UPDATE trial SET lease_until = NULL, client_id = '', state = CASE WHEN used THEN 'failed' ELSE 'waiting' END,
        reason = CASE WHEN used THEN 'its evaluator was lost ' || trial.attempt || ' times' ELSE '' END,
        finished_at = CASE WHEN used THEN now() END
    FROM lapsed, bumped WHERE trial.id = lapsed.id
    RETURNING trial.id, trial.number, trial.state, trial.reason
)
INSERT INTO trial_change (project_id, study_id, watermark, trial_id, type, state, reason)
SELECT study.project_id, study.id, bumped.watermark + row_number() OVER (ORDER BY changed.number), changed.id,
    CASE changed.state WHEN 'waiting' THEN 'returned' ELSE 'failed' END, changed.state,
    CASE changed.state WHEN 'waiting' THEN 'the lease of its evaluator ran out' ELSE changed.reason END
FROM changed, bumped, study
"""


def reap(conn: Database) -> int:
    """Return the trials whose leases ran out; how many. Several may do it at once; call again if it returns ``BATCH``
    or more."""
    count = 0
    for (study_id,) in conn.execute(_LAPSED, (BATCH,), prepare=True).fetchall():
        count += conn.execute(_RETURN, {"study": study_id, "limit": BATCH}, prepare=True).rowcount
    return count
