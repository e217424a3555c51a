"""Why a run failed: a training whose loss was not a number did not finish, whatever its process says."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE schedule_run ADD COLUMN reason text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE schedule_run DROP COLUMN reason")
