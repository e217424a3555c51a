"""Organisations, members, quotas, the audit log, what projects have used, and turns between projects."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


# Each would take seconds on a large table, in which nobody could write to it: so they are made beside the service. The
# queue's old index stays until the new one is there: without any, every claim would read the whole table meanwhile.
INDEXES = (
    "DROP INDEX CONCURRENTLY IF EXISTS job_queue_new",
    "CREATE INDEX CONCURRENTLY job_queue_new ON job (pool, project_id, priority DESC, id) WHERE state = 'queued'",
    "DROP INDEX CONCURRENTLY IF EXISTS job_queue",
    "ALTER INDEX job_queue_new RENAME TO job_queue",
    "DROP INDEX CONCURRENTLY IF EXISTS job_running",
    "CREATE INDEX CONCURRENTLY job_running ON job (project_id, pool) WHERE state = 'running'",
    "DROP INDEX CONCURRENTLY IF EXISTS job_slot",
    # what makes the quota exact, however many claim at once
    "CREATE UNIQUE INDEX CONCURRENTLY job_slot ON job (project_id, slot) WHERE state = 'running' AND slot IS NOT NULL",
)


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    # autocommit_block ends the transaction: were it to break off after that, the tables would be there already
    there = connection.exec_driver_sql("SELECT to_regclass('organisation')").scalar_one() is not None
    if not there:
        connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
    with op.get_context().autocommit_block():
        for statement in INDEXES:
            op.execute(statement)


def downgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql("""
        DROP TABLE turn, charge, spent, audit, project_role;
        ALTER TABLE api_key DROP COLUMN member_id, DROP COLUMN replaced_by, DROP CONSTRAINT api_key_scopes;
        DELETE FROM api_key WHERE 'owner' = ANY(scopes);
        ALTER TABLE api_key ADD CONSTRAINT api_key_scopes_check
            CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']);
        DROP TABLE member;
        ALTER TABLE project DROP CONSTRAINT project_name;
        UPDATE project SET name = left(name, 200) || ' (' || id || ')' WHERE EXISTS (
            SELECT FROM project AS other WHERE other.name = project.name AND other.id <> project.id);
        ALTER TABLE project DROP COLUMN organisation_id, DROP COLUMN archived_at, DROP COLUMN weight,
            DROP COLUMN max_running, DROP COLUMN max_queued, DROP COLUMN max_solver_seconds, DROP COLUMN max_bytes,
            DROP COLUMN max_requests, ADD CONSTRAINT project_name_key UNIQUE (name);
        DROP TABLE organisation;
        DROP INDEX job_queue, job_running, job_slot;
        ALTER TABLE job DROP COLUMN slot, DROP COLUMN claimed_at, DROP COLUMN submitted_by;
        CREATE INDEX job_queue ON job (pool, priority DESC, id) WHERE state = 'queued';
    """)
