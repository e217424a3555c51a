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
    task                 text NOT NULL CHECK (task IN ('solve', 'inspect')),
    name                 text NOT NULL DEFAULT '' CHECK (length(name) <= 255),
    engine               text NOT NULL,
    state                text NOT NULL DEFAULT 'queued',
    pool                 text NOT NULL,
    priority             smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    labels               jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    -- The fence: counts every claim and never goes back.
    attempt              integer NOT NULL DEFAULT 0,
    -- Attempts that were handed back (a worker that drains); they don't count against max_attempts.
    uncounted            integer NOT NULL DEFAULT 0 CHECK (uncounted BETWEEN 0 AND attempt),
    max_attempts         integer NOT NULL DEFAULT 3 CHECK (max_attempts >= 1),
    created_at           timestamptz NOT NULL,
    started_at           timestamptz,
    finished_at          timestamptz,
    not_before           timestamptz,
    deadline_at          timestamptz,
    lease_until          timestamptz,
    worker_id            uuid,
    cancel_requested_at  timestamptz,
    expires_at           timestamptz,
    retention            interval NOT NULL CHECK (retention > interval '0'),
    progress             jsonb,
    summary              jsonb,
    error                jsonb,
    last_seq             integer NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    CONSTRAINT job_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
    CONSTRAINT job_lease CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CONSTRAINT job_worker CHECK ((state = 'running') = (worker_id IS NOT NULL)),
    CONSTRAINT job_started CHECK (started_at IS NOT NULL OR state NOT IN ('running', 'succeeded')),
    CONSTRAINT job_attempts CHECK (attempt - uncounted BETWEEN 0 AND max_attempts),
    CONSTRAINT job_attempted CHECK ((started_at IS NULL) = (attempt = 0)),
    CONSTRAINT job_finished CHECK ((state IN ('queued', 'running')) = (finished_at IS NULL)),
    CONSTRAINT job_expires CHECK ((finished_at IS NULL) = (expires_at IS NULL)),
    CONSTRAINT job_error CHECK (CASE state WHEN 'failed' THEN error IS NOT NULL WHEN 'succeeded' THEN error IS NULL ELSE true END)
) WITH (fillfactor = 70);
COMMENT ON COLUMN job.retention IS 'how long to keep the job once it is finished';

-- Claims: the best queued job of a pool is the first entry.
CREATE INDEX job_queue ON job (pool, priority DESC, id) WHERE state = 'queued';
-- Leases. Without lease_until, so that extending a lease touches no index.
CREATE INDEX job_running ON job (pool, id) WHERE state = 'running';
CREATE INDEX job_deadline ON job (deadline_at) WHERE state = 'queued' AND deadline_at IS NOT NULL;
CREATE INDEX job_retention ON job (expires_at) WHERE expires_at IS NOT NULL;
-- Lists, newest first.
CREATE INDEX job_of_project ON job (project_id, id);
CREATE INDEX job_of_state ON job (project_id, state, id);
CREATE INDEX job_of_kind ON job (project_id, kind, id);
CREATE INDEX job_of_name ON job (project_id, name, id) WHERE name <> '';
CREATE INDEX job_of_engine ON job (project_id, engine, id) WHERE engine <> 'auto';
CREATE INDEX job_of_label ON job USING gin (labels jsonb_path_ops) WHERE labels <> '{}';

CREATE FUNCTION job_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'job %: % -> % (attempt % -> %, last_seq % -> %) is not allowed',
        NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state ELSE 'nothing' END, NEW.state,
        CASE TG_OP WHEN 'UPDATE' THEN OLD.attempt END, NEW.attempt, CASE TG_OP WHEN 'UPDATE' THEN OLD.last_seq END, NEW.last_seq
        USING ERRCODE = 'check_violation', CONSTRAINT = 'job_transition';
END $$;

-- The conditions stand in WHEN, so that an allowed change calls no function.
CREATE TRIGGER job_transition BEFORE UPDATE ON job FOR EACH ROW WHEN (
    (OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('queued', 'running'), ('queued', 'cancelled'), ('queued', 'expired'), ('queued', 'failed'),
        ('running', 'queued'), ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'expired')))
    OR NEW.attempt < OLD.attempt OR NEW.last_seq < OLD.last_seq
    OR (OLD.finished_at IS NOT NULL AND (NEW.finished_at, NEW.attempt, NEW.last_seq) IS DISTINCT FROM (OLD.finished_at, OLD.attempt, OLD.last_seq))
    OR NEW.project_id <> OLD.project_id OR NEW.id <> OLD.id
) EXECUTE FUNCTION job_refuse();
CREATE TRIGGER job_begin BEFORE INSERT ON job FOR EACH ROW WHEN (NEW.state <> 'queued') EXECUTE FUNCTION job_refuse();

CREATE TABLE job_input (
    job_id    uuid PRIMARY KEY REFERENCES job ON DELETE CASCADE,
    document  bytea NOT NULL
);
CREATE TABLE job_answer (
    job_id    uuid PRIMARY KEY REFERENCES job ON DELETE CASCADE,
    document  bytea NOT NULL
);

CREATE TABLE job_event (
    job_id   uuid NOT NULL REFERENCES job ON DELETE CASCADE,
    seq      integer NOT NULL CHECK (seq >= 1),
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
