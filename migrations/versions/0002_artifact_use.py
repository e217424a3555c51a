"""Which jobs refer to which uploaded artifacts: these are not deleted before the jobs are finished."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE artifact_use (
            artifact_id  uuid NOT NULL REFERENCES artifact ON DELETE CASCADE,
            job_id       uuid NOT NULL REFERENCES job ON DELETE CASCADE,
            PRIMARY KEY (artifact_id, job_id)
        )
    """)
    op.execute("CREATE INDEX artifact_use_job ON artifact_use (job_id)")


def downgrade() -> None:
    op.execute("DROP TABLE artifact_use")
