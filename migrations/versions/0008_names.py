"""Jobs are found by the beginning of their names: the index of names serves equality and ``LIKE 'x%'`` alike."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # text_pattern_ops: in the order of bytes, whatever the collation of the database
    _make("ON job (project_id, name text_pattern_ops, id) WHERE name <> ''")


def downgrade() -> None:
    _make("ON job (project_id, name, id) WHERE name <> ''")


def _make(definition: str) -> None:
    """Beside the old one, without a lock that anybody notices; then in its place."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS job_of_name_new")  # of a try that broke off
        op.execute(f"CREATE INDEX CONCURRENTLY job_of_name_new {definition}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS job_of_name")
        op.execute("ALTER INDEX job_of_name_new RENAME TO job_of_name")
