"""What a webhook is told is what the job was when it ended; of Kantor's own jobs nobody is told."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TRIGGER = """
CREATE OR REPLACE FUNCTION job_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL{condition} THEN
        INSERT INTO delivery (id, webhook_id, project_id, type, job_id{column})
        SELECT gen_random_uuid(), webhook.id, webhook.project_id, 'job.' || NEW.state, NEW.id{value}
        FROM webhook WHERE webhook.project_id = NEW.project_id AND webhook.active
            AND ('job.' || NEW.state) = ANY(webhook.events);
    END IF;
    RETURN NULL;
END $$;
"""

_PAYLOAD = """,
            jsonb_build_object('state', NEW.state, 'name', NEW.name, 'labels', NEW.labels, 'kind', NEW.kind,
                'engine', NEW.engine, 'summary', NEW.summary, 'error', NEW.error)"""


def upgrade() -> None:
    op.execute("ALTER TABLE delivery ADD COLUMN payload jsonb")
    ours = "\n        AND NEW.kind NOT IN ('study', 'schedule') AND NOT NEW.labels ? 'kantor.dry-run'"
    _define(_TRIGGER.format(condition=ours, column=", payload", value=_PAYLOAD))


def downgrade() -> None:
    _define(_TRIGGER.format(condition="", column="", value=""))
    op.execute("ALTER TABLE delivery DROP COLUMN payload")


def _define(function: str) -> None:
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(function)
