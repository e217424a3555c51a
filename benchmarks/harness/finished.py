"""Many finished jobs at once, by SQL: what a table looks like after a year of work."""

from __future__ import annotations

from uuid import UUID

from service.store.connect import Database

# Of every 100 jobs 91 succeeded, 4 failed, 3 were cancelled, 2 expired; every tenth has labels; every fifth belongs to
# another project. Ids begin with the milliseconds of created_at (UUID version 7), one job a second back from now.
_JOBS = """
INSERT INTO job (id, project_id, kind, task, name, engine, state, pool, priority, labels, attempt, max_attempts,
                 created_at, started_at, finished_at, expires_at, retention, summary, error, last_seq)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(k::text), 1, 3)
        || '8' || substr(md5(k::text), 4, 15))::uuid,
    CASE WHEN k %% 5 = 4 THEN %(other)s ELSE %(project)s END, 'program', 'solve',
    CASE WHEN k %% 3 = 0 THEN 'model-' || k %% 1000 ELSE '' END, (ARRAY['auto', 'highs', 'scip', 'race'])[1 + k %% 4],
    CASE WHEN k %% 100 < 91 THEN 'succeeded' WHEN k %% 100 < 95 THEN 'failed' WHEN k %% 100 < 98 THEN 'cancelled'
         ELSE 'expired' END, 'cpu', 0,
    CASE WHEN k %% 10 = 0 THEN jsonb_build_object('team', 't' || k %% 70, 'run', k::text) ELSE '{}' END, 1, 3, at,
    at + interval '1 second', at + interval '2 seconds', now() + interval '1 year', interval '1 year',
    '{"status": "optimal", "objective": 1.5, "bound": 1.5, "gap": 0.0, "verified": true, "engine": "highs"}',
    CASE WHEN k %% 100 BETWEEN 91 AND 94 THEN '{"code": "engine-failure", "status": 500, "title": "x"}'::jsonb END, 3
FROM (SELECT k, now() - make_interval(secs => k) AS at
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS k) AS source
"""
_OTHERS = (
    "INSERT INTO job_input (job_id, document) SELECT id, '{}'::bytea FROM job ON CONFLICT DO NOTHING",
    "INSERT INTO job_answer (job_id, document) SELECT id, '{}'::bytea FROM job WHERE state = 'succeeded'"
    " ON CONFLICT DO NOTHING",
    "INSERT INTO job_event (job_id, seq, attempt, type)"
    " SELECT id, seq, 1, (ARRAY['queued', 'started', 'finished'])[seq] FROM job, generate_series(1, 3) AS seq"
    " ON CONFLICT DO NOTHING",
)


def add_finished(conn: Database, project: UUID, other: UUID, first: int, last: int) -> None:
    """Add finished jobs number ``first`` to ``last`` (the number is the age in seconds), with all of their rows."""
    if last < first:
        return
    with conn.transaction():
        # Switches the trigger off that lets no job begin its life finished; needs a superuser.
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("SET LOCAL synchronous_commit = off")
        conn.execute(_JOBS, {"project": project, "other": other, "first": first, "last": last})
        for statement in _OTHERS:
            conn.execute(statement)
    conn.execute("VACUUM (ANALYZE)")
