"""The count at the end: what users saw against what the tables hold. Every number must be 0."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg

from api_schemas.ids import ARTIFACT, JOB, SCHEDULE, STUDY, decode, encode
from tests.chaos.cluster import Cluster
from tests.chaos.ledger import Ledger

#: Name of a count to the query that makes it.
QUERIES = {
    "jobs not over": "SELECT count(*) FROM job WHERE finished_at IS NULL",
    "jobs failed": "SELECT count(*) FROM job WHERE state IN ('failed', 'expired')",
    "jobs succeeded without an answer": "SELECT count(*) FROM job WHERE state = 'succeeded' AND kind <> 'study'"
    " AND NOT EXISTS (SELECT FROM job_answer WHERE job_id = job.id)",
    "jobs that ended more than once": "SELECT count(*) FROM"
    " (SELECT FROM job_event WHERE type = 'finished' GROUP BY job_id HAVING count(*) > 1) AS twice",
    "jobs over without an event that says so": "SELECT count(*) FROM job WHERE finished_at IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM job_event WHERE job_id = job.id AND type = 'finished')",
    "jobs with events missing": "SELECT count(*) FROM (SELECT FROM job JOIN job_event ON job_id = id GROUP BY id"
    " HAVING max(seq) <> count(*) OR max(seq) <> max(last_seq)) AS holed",
    "jobs with events after the end": "SELECT count(*) FROM job_event"
    " JOIN job ON id = job_id WHERE type = 'finished' AND seq <> last_seq",
    "leases of jobs": "SELECT count(*) FROM job WHERE lease_until IS NOT NULL OR worker_id IS NOT NULL",
    "leases of trials": "SELECT count(*) FROM trial"
    " WHERE state = 'running' AND lease_until < now() - interval '10 seconds'",
    "outbox rows left": "SELECT count(*) FROM outbox WHERE topic = 'run'",
    "trials told twice": "SELECT count(*) FROM (SELECT FROM trial_change"
    " WHERE type IN ('completed', 'stopped', 'failed', 'infeasible')"
    " GROUP BY trial_id HAVING count(*) > 1) AS twice",
    "changes of trials missing": "SELECT count(*) FROM study"
    " WHERE watermark <> (SELECT count(*) FROM trial_change WHERE study_id = study.id)",
    "trials missing": "SELECT count(*) FROM study"
    " WHERE asked <> (SELECT count(*) FROM trial WHERE study_id = study.id)",
    "suggestions still under way": "SELECT count(*) FROM study"
    " JOIN job ON job.id = study.suggesting WHERE job.finished_at IS NULL",
    "transactions left open": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
}


def settle(cluster: Cluster, seconds: float) -> None:
    """Wait until all jobs are over and nobody holds anything, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
            left = sum(
                _number(conn, QUERIES[name]) for name in ("jobs not over", "outbox rows left", "leases of trials")
            )
        if left == 0:
            return
        time.sleep(0.5)


def count(cluster: Cluster, ledger: Ledger) -> dict[str, int]:
    """Everything that must be 0."""
    with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
        known = {row[0] for row in conn.execute("SELECT id FROM job").fetchall()}
        found = {name: _number(conn, query) for name, query in QUERIES.items()}
        told = dict(conn.execute("SELECT (study_id, number)::text, values->>'cost' FROM trial").fetchall())
        steps = dict(
            conn.execute("SELECT (schedule_id, run)::text, count(*) FROM schedule_observation GROUP BY 1").fetchall()
        )
        arrays = conn.execute(
            "SELECT artifact.id, document FROM artifact LEFT JOIN job_answer USING (job_id)"
            " WHERE origin = 'answer' AND expires_at IS NULL"
        ).fetchall()
        rows = {row[0]: row[1:] for row in conn.execute("SELECT id, project_id, sha256 FROM artifact").fetchall()}
    accepted = {decode(JOB, name) for name in ledger.jobs}
    unanswered = set(ledger.jobs) - ledger.answered - ledger.cancelled
    unanswered = {name for name in unanswered if ledger.jobs[name] != "probe"}
    files = {Path(path.parent.name, path.name) for path in cluster.artifacts.glob("*/*") if path.is_file()}
    named = {Path(project.hex, artifact.hex) for artifact, (project, _) in rows.items()}
    return {
        "jobs lost": len(accepted - known),
        "answers that users did not get": len(unanswered),
        **found,
        "results told and lost": sum(
            told.get(f"({decode(STUDY, study)},{number})") is None for study, number in ledger.told
        ),
        "observations lost": sum(
            steps.get(f"({decode(SCHEDULE, schedule)},{run})", 0) != most
            for (schedule, run), most in ledger.observed.items()
        ),
        "uploads lost": sum(
            (row := rows.get(decode(ARTIFACT, name))) is None or bytes(row[1]).hex() != digest
            for name, digest in ledger.uploaded.items()
        ),
        "arrays that no answer names": sum(
            document is None or encode(ARTIFACT, name).encode() not in bytes(document) for name, document in arrays
        ),
        "artifacts without bytes": len(named - files),
        "bytes without an artifact": len(files - named),
        "wrong answers and other faults": len(ledger.wrong),
    }


def failures(cluster: Cluster) -> list[tuple[Any, ...]]:
    """The jobs that failed, and why: for who looks for the reason."""
    with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
        return conn.execute(
            "SELECT id, kind, state, attempt, uncounted, error->>'code', left(error->>'detail', 200),"
            " (SELECT string_agg(concat_ws(' ', seq, attempt, to_char(at, 'HH24:MI:SS'), type, left(data::text, 150)),"
            "  '; ' ORDER BY seq) FROM job_event WHERE job_id = id AND type NOT IN ('progress', 'log')) FROM job"
            " WHERE state IN ('failed', 'expired') OR finished_at IS NULL ORDER BY id"
        ).fetchall()


def takeovers(cluster: Cluster) -> list[tuple[float, float]]:
    """(when, seconds) of every job that was begun again: from the last sign of the attempt before."""
    with psycopg.connect(cluster.postgres.url(), autocommit=True) as conn:
        rows = conn.execute(
            "SELECT extract(epoch FROM again.at)::float, extract(epoch FROM again.at - before.at)::float"
            " FROM job_event AS again CROSS JOIN LATERAL (SELECT max(at) AS at FROM job_event"
            "   WHERE job_id = again.job_id AND attempt < again.attempt"
            "   AND type NOT IN ('queued', 'requeued')) AS before"
            " WHERE again.type = 'started' AND again.attempt > 1 AND before.at IS NOT NULL"
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    return 0 if row is None else int(row[0])
