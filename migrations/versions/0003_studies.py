"""Studies with their trials, and schedules with their versions, runs and observations."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Sent without parameters, hence as it stands: the text has colons and several statements.
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(
        "DROP TABLE schedule_observation, schedule_run, schedule_version, schedule,"
        " study_analysis, suggestion, trial_report, trial_change, trial, study;"
        "DROP FUNCTION trial_rules();"
    )
