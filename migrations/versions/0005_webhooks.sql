CREATE TABLE webhook (
    id                uuid PRIMARY KEY,
    project_id        uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    url               text NOT NULL CHECK (length(url) <= 2000),
    events            text[] NOT NULL CHECK (cardinality(events) > 0),
    active            boolean NOT NULL DEFAULT true,
    disabled_reason   text NOT NULL DEFAULT '',
    secret            bytea NOT NULL CHECK (length(secret) BETWEEN 24 AND 64),
    -- Signs beside the new one until then.
    old_secret        bytea,
    old_secret_until  timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_of_project ON webhook (project_id, id);

CREATE TABLE delivery (
    id            uuid PRIMARY KEY,
    webhook_id    uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
    project_id    uuid NOT NULL,
    type          text NOT NULL,
    -- Not a reference: it is told of jobs that are deleted meanwhile.
    job_id        uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),
    attempts      integer NOT NULL DEFAULT 0,
    -- When to try (again); NULL: delivered, or given up.
    next_at       timestamptz DEFAULT now(),
    delivered_at  timestamptz,
    last_at       timestamptz,
    last_status   integer,
    last_error    text NOT NULL DEFAULT ''
);
CREATE INDEX delivery_due ON delivery (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_of_webhook ON delivery (webhook_id, id);
CREATE INDEX delivery_age ON delivery (created_at) WHERE next_at IS NULL;

-- In the transaction that ends the job, whichever of them it is. Fires only for updates that name the state, hence
-- neither for leases nor for progress.
CREATE FUNCTION job_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.finished_at IS NOT NULL AND OLD.finished_at IS NULL THEN
        INSERT INTO delivery (id, webhook_id, project_id, type, job_id)
        SELECT gen_random_uuid(), webhook.id, webhook.project_id, 'job.' || NEW.state, NEW.id
        FROM webhook WHERE webhook.project_id = NEW.project_id AND webhook.active
            AND ('job.' || NEW.state) = ANY(webhook.events);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER job_webhooks AFTER UPDATE OF state ON job FOR EACH ROW EXECUTE FUNCTION job_webhooks();
