"""Jobs are found by the beginning of their names: the index of names serves equality and ``LIKE 'x%'`` alike."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "DROP INDEX job_of_name; "
        # text_pattern_ops: in the order of bytes, whatever the collation of the database
        "CREATE INDEX job_of_name ON job (project_id, name text_pattern_ops, id) WHERE name <> ''"
    )


def downgrade() -> None:
    op.execute("DROP INDEX job_of_name; CREATE INDEX job_of_name ON job (project_id, name, id) WHERE name <> ''")
