"""Projects, keys, jobs, events, outbox, artifacts, workers."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Sent without parameters, hence as it stands: the text has colons and several statements.
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(
        "DROP TABLE worker, artifact, idempotency, outbox, job_event, job_answer, job_input, job, api_key, project;"
        "DROP FUNCTION job_rules();"
    )
