-- The rules of service/rules/states.py, repeated where no program can go around them.

CREATE TABLE project (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    id            uuid PRIMARY KEY,
    project_id    uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    secret_hmac   bytea NOT NULL UNIQUE CHECK (length(secret_hmac) = 32),
    last4         text NOT NULL CHECK (length(last4) = 4),
    scopes        text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz
);
CREATE INDEX api_key_project ON api_key (project_id, id);

CREATE TABLE job (
    id                   uuid PRIMARY KEY,
    project_id           uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    kind                 text NOT NULL,
    task                 text NOT NULL,
    name                 text NOT NULL DEFAULT '',
    engine               text NOT NULL,
    state                text NOT NULL DEFAULT 'queued',
    pool                 text NOT NULL,
    priority             smallint NOT NULL DEFAULT 0,
    labels               jsonb NOT NULL DEFAULT '{}',
    -- The fence: counts every claim and never goes back.
    attempt              integer NOT NULL DEFAULT 0,
    -- Attempts that were handed back (a worker that drains); they don't count against max_attempts.
    uncounted            integer NOT NULL DEFAULT 0,
    max_attempts         integer NOT NULL DEFAULT 3,
    created_at           timestamptz NOT NULL,
    started_at           timestamptz,
    finished_at          timestamptz,
    not_before           timestamptz,
    deadline_at          timestamptz,
    lease_until          timestamptz,
    worker_id            uuid,
    cancel_requested_at  timestamptz,
    expires_at           timestamptz,
    -- How long to keep it once it is finished.
    retention            interval NOT NULL,
    progress             jsonb,
    summary              jsonb,
    error                jsonb,
    last_seq             integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- Claims: the best queued job of a pool is the first entry.
CREATE INDEX job_queue ON job (pool, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_leases ON job (pool, lease_until) WHERE state = 'running';
CREATE INDEX job_deadline ON job (deadline_at) WHERE state = 'queued' AND deadline_at IS NOT NULL;
CREATE INDEX job_retention ON job (expires_at) WHERE expires_at IS NOT NULL;
-- Lists, newest first.
CREATE INDEX job_of_project ON job (project_id, id);
CREATE INDEX job_of_state ON job (project_id, state, id);
CREATE INDEX job_of_kind ON job (project_id, kind, id);
CREATE INDEX job_of_name ON job (project_id, name, id) WHERE name <> '';
CREATE INDEX job_of_engine ON job (project_id, engine, id) WHERE engine <> 'auto';
CREATE INDEX job_of_label ON job USING gin (labels jsonb_path_ops) WHERE labels <> '{}';

-- The rules of a row, as one function: PostgreSQL would read CHECK and WHEN expressions anew for each statement, which took
-- longer than the insert itself (48 and 38 microseconds; this takes 5).
CREATE FUNCTION job_rules() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    broken := CASE
        WHEN NEW.state NOT IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired') THEN 'job_state'
        WHEN (NEW.state = 'running') <> (NEW.lease_until IS NOT NULL) THEN 'job_lease'
        WHEN (NEW.state = 'running') <> (NEW.worker_id IS NOT NULL) THEN 'job_worker'
        WHEN (NEW.state IN ('queued', 'running')) <> (NEW.finished_at IS NULL) THEN 'job_finished'
        WHEN (NEW.finished_at IS NULL) <> (NEW.expires_at IS NULL) THEN 'job_expires'
        WHEN (NEW.attempt = 0) <> (NEW.started_at IS NULL) THEN 'job_started'
        WHEN NEW.state IN ('running', 'succeeded') AND NEW.attempt = 0 THEN 'job_attempted'
        WHEN NEW.state = 'queued' AND NEW.cancel_requested_at IS NOT NULL THEN 'job_cancel'
        WHEN NEW.max_attempts < 1 OR NEW.uncounted NOT BETWEEN 0 AND NEW.attempt
            OR NEW.attempt - NEW.uncounted > NEW.max_attempts THEN 'job_attempts'
        WHEN (NEW.state = 'failed' AND NEW.error IS NULL) OR (NEW.state = 'succeeded' AND NEW.error IS NOT NULL) THEN 'job_error'
        WHEN NEW.task NOT IN ('solve', 'inspect') OR length(NEW.name) > 255 OR NEW.priority NOT BETWEEN -100 AND 100
            OR jsonb_typeof(NEW.labels) <> 'object' OR NEW.retention <= interval '0' OR NEW.last_seq < 0 THEN 'job_values'
    END;
    IF broken IS NULL THEN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'queued' THEN broken := 'job_transition'; END IF;
        ELSIF (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
                ('queued', 'running'), ('queued', 'cancelled'), ('queued', 'expired'), ('queued', 'failed'), ('running', 'queued'),
                ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'expired')))
            OR NEW.attempt < OLD.attempt OR NEW.last_seq < OLD.last_seq
            OR NEW.id <> OLD.id OR NEW.project_id <> OLD.project_id
            OR (OLD.finished_at IS NOT NULL
                AND (NEW.finished_at, NEW.attempt, NEW.last_seq) IS DISTINCT FROM (OLD.finished_at, OLD.attempt, OLD.last_seq))
        THEN broken := 'job_transition';
        END IF;
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'job % cannot become % (attempt %): %', NEW.id, NEW.state, NEW.attempt, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'job';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_rules BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION job_rules();

CREATE TABLE job_input (
    job_id    uuid PRIMARY KEY REFERENCES job ON DELETE CASCADE,
    document  bytea NOT NULL
);
CREATE TABLE job_answer (
    job_id    uuid PRIMARY KEY REFERENCES job ON DELETE CASCADE,
    document  bytea NOT NULL
);

-- Compressing them took longer than everything else that a submission does.
ALTER TABLE job_input ALTER document SET STORAGE EXTERNAL;
ALTER TABLE job_answer ALTER document SET STORAGE EXTERNAL;

CREATE TABLE job_event (
    job_id   uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    seq      integer NOT NULL,
    attempt  integer NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    type     text NOT NULL CHECK (type IN ('queued', 'started', 'progress', 'log', 'cancel-requested', 'requeued', 'finished')),
    data     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (job_id, seq)
);

-- What must still be told to the outside. Topic "run": a queued job that no worker has claimed.
CREATE TABLE outbox (
    job_id        uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    topic         text NOT NULL DEFAULT 'run',
    pool          text NOT NULL,
    available_at  timestamptz NOT NULL,
    tries         integer NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, topic)
);
CREATE INDEX outbox_due ON outbox (available_at);

CREATE TABLE idempotency (
    project_id   uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint  bytea NOT NULL,
    job_id       uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, key)
);
CREATE INDEX idempotency_job ON idempotency (job_id);
CREATE INDEX idempotency_expires ON idempotency (expires_at);

CREATE TABLE artifact (
    id          uuid PRIMARY KEY,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    filename    text NOT NULL DEFAULT '' CHECK (length(filename) <= 255),
    media_type  text NOT NULL,
    size        bigint NOT NULL CHECK (size >= 0),
    sha256      bytea NOT NULL CHECK (length(sha256) = 32),
    origin      text NOT NULL CHECK (origin IN ('upload', 'answer')),
    -- The job that made it. The row outlives the job until its bytes are deleted.
    job_id      uuid REFERENCES job ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz
);
CREATE INDEX artifact_of_project ON artifact (project_id, id);
CREATE INDEX artifact_of_job ON artifact (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX artifact_expires ON artifact (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE worker (
    id            uuid PRIMARY KEY,
    host          text NOT NULL,
    pid           integer NOT NULL,
    version       text NOT NULL,
    pools         text[] NOT NULL CHECK (cardinality(pools) > 0),
    concurrency   integer NOT NULL CHECK (concurrency >= 1),
    running       integer NOT NULL DEFAULT 0 CHECK (running >= 0),
    engines       jsonb NOT NULL CHECK (jsonb_typeof(engines) = 'array'),
    resources     jsonb NOT NULL DEFAULT '{}',
    started_at    timestamptz NOT NULL DEFAULT now(),
    heartbeat_at  timestamptz NOT NULL DEFAULT now()
);
