"""A job remembers the request that made it: its id, and its place in a distributed trace."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE job ADD COLUMN request_id text NOT NULL DEFAULT '', "
        # W3C Trace Context: the header traceparent of the span that the job's own spans belong to
        "ADD COLUMN traceparent text"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE job DROP COLUMN request_id, DROP COLUMN traceparent")
