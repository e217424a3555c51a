"""Webhooks and their deliveries; a job that ends leaves a delivery for each webhook that wants to hear of it."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(
        "DROP TRIGGER job_webhooks ON job; DROP FUNCTION job_webhooks(); DROP TABLE delivery, webhook;"
    )
