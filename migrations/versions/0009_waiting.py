"""The projects that wait in each pool, kept by a trigger: a claim takes the same time for ten as for a thousand."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    # Nothing may enter a queue between the first fill and the trigger.
    connection.exec_driver_sql("LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE")
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(
        "DROP TRIGGER job_waits_new ON job; DROP TRIGGER job_waits_again ON job; DROP FUNCTION job_waits(); "
        "DROP FUNCTION tidy_waiting(interval); DROP TABLE waiting;"
    )
