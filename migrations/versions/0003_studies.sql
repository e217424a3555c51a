-- The rules of service/studies and service/schedules, repeated where no program can go around them.

CREATE TABLE study (
    id          uuid PRIMARY KEY,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'archived')),
    -- As validated; json, not jsonb: the order of parameters is the user's.
    definition  json NOT NULL,
    fingerprint bytea NOT NULL,
    labels      jsonb NOT NULL DEFAULT '{}',
    seed        bigint NOT NULL CHECK (seed >= 0),
    budget      integer CHECK (budget >= 1),
    -- How many trials there are: the newest one's number.
    asked       integer NOT NULL DEFAULT 0 CHECK (asked >= 0),
    -- Number of the newest change of a trial, and how many of them were results.
    watermark   bigint NOT NULL DEFAULT 0 CHECK (watermark >= 0),
    told        bigint NOT NULL DEFAULT 0 CHECK (told BETWEEN 0 AND watermark),
    -- The job that makes suggestions, if one is under way (or was: then a new one may be made). No foreign key: it may be gone.
    suggesting  uuid,
    problem     text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX study_of_project ON study (project_id, id);

CREATE TABLE trial (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id   uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id     uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    number       integer NOT NULL,
    state        text NOT NULL,
    params       jsonb NOT NULL,
    values       jsonb,
    reason       text NOT NULL DEFAULT '',
    feasible     boolean,
    -- The fence: counts every lease and never goes back.
    attempt      integer NOT NULL DEFAULT 0,
    client_id    text NOT NULL DEFAULT '',
    lease        interval NOT NULL,
    lease_until  timestamptz,
    origin       text NOT NULL,
    -- Where the point comes from: engine, version, seed, watermark, place in the batch, words.
    made         jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    UNIQUE (study_id, number)
) WITH (fillfactor = 70);
CREATE INDEX trial_project ON trial (project_id);
CREATE INDEX trial_open ON trial (study_id, state, number) WHERE state IN ('waiting', 'running');
CREATE INDEX trial_finished ON trial (study_id, state, id) WHERE finished_at IS NOT NULL;
-- Whether a point was tried already.
CREATE INDEX trial_point ON trial (study_id, jsonb_hash(params));
CREATE INDEX trial_leases ON trial (lease_until) WHERE state = 'running';
CREATE INDEX trial_client ON trial (study_id, client_id) WHERE state = 'running' AND client_id <> '';

CREATE FUNCTION trial_rules() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken text;
BEGIN
    broken := CASE
        WHEN NEW.state NOT IN ('waiting', 'running', 'completed', 'stopped', 'failed', 'infeasible') THEN 'trial_state'
        WHEN (NEW.state = 'running') <> (NEW.lease_until IS NOT NULL) THEN 'trial_lease'
        WHEN (NEW.state IN ('waiting', 'running')) <> (NEW.finished_at IS NULL) THEN 'trial_finished'
        WHEN NEW.state = 'running' AND NEW.attempt = 0 THEN 'trial_attempted'
        WHEN (NEW.state IN ('completed', 'stopped')) <> (NEW.feasible IS NOT NULL) THEN 'trial_feasible'
        WHEN NEW.state IN ('completed', 'stopped') AND NEW.values IS NULL THEN 'trial_values'
        WHEN NEW.state IN ('failed', 'infeasible') AND NEW.reason = '' THEN 'trial_reason'
        WHEN NEW.origin NOT IN ('engine', 'quasi-random', 'user') OR NEW.number < 1 OR NEW.attempt < 0
            OR NEW.lease <= interval '0' OR jsonb_typeof(NEW.params) <> 'object' OR length(NEW.client_id) > 100 THEN 'trial_columns'
    END;
    IF broken IS NULL AND TG_OP = 'UPDATE' THEN
        broken := CASE
            WHEN NEW.attempt < OLD.attempt OR NEW.attempt > OLD.attempt + 1 THEN 'trial_fence'
            WHEN NEW.study_id <> OLD.study_id OR NEW.project_id <> OLD.project_id OR NEW.number <> OLD.number
                OR NEW.params <> OLD.params OR NEW.origin <> OLD.origin OR NEW.made <> OLD.made THEN 'trial_fixed'
            WHEN OLD.finished_at IS NOT NULL AND NEW.finished_at IS NULL THEN 'trial_transition'
        END;
    END IF;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'trial % of study % breaks the rule %', NEW.number, NEW.study_id, broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'trial';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trial_rules BEFORE INSERT OR UPDATE ON trial FOR EACH ROW EXECUTE FUNCTION trial_rules();

-- What engines see, in order, without holes: the data of any moment are the newest change of each trial up to its watermark.
-- It is also the audit trail: rows are never changed.
CREATE TABLE trial_change (
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id    uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    watermark   bigint NOT NULL,
    trial_id    bigint NOT NULL REFERENCES trial ON DELETE CASCADE,
    at          timestamptz NOT NULL DEFAULT now(),
    type        text NOT NULL
        CHECK (type IN ('added', 'asked', 'returned', 'completed', 'stopped', 'failed', 'infeasible', 'edited')),
    state       text NOT NULL,
    values      jsonb,
    reason      text NOT NULL DEFAULT '',
    before      jsonb,
    by          text NOT NULL DEFAULT '',
    PRIMARY KEY (study_id, watermark)
);
CREATE INDEX trial_change_trial ON trial_change (trial_id, watermark);
CREATE INDEX trial_change_project ON trial_change (project_id);

CREATE TABLE trial_report (
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id    uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    trial_id    bigint NOT NULL REFERENCES trial ON DELETE CASCADE,
    attempt     integer NOT NULL,
    step        bigint NOT NULL CHECK (step >= 0),
    values      jsonb NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (trial_id, attempt, step)
);
CREATE INDEX trial_report_study ON trial_report (study_id, step);
CREATE INDEX trial_report_project ON trial_report (project_id);

-- Points that are ready to be asked for. Who takes one deletes its row.
CREATE TABLE suggestion (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id    uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    -- The values that an ask fixed, as canonical JSON; '{}' for none.
    fixed       text NOT NULL DEFAULT '{}',
    params      jsonb NOT NULL CHECK (jsonb_typeof(params) = 'object'),
    made        jsonb NOT NULL,
    -- Results that were known.
    told        bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX suggestion_of_study ON suggestion (study_id, fixed, id);
CREATE INDEX suggestion_project ON suggestion (project_id);

-- The newest analysis of each kind.
CREATE TABLE study_analysis (
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id    uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    -- What was asked: the work and its arguments.
    question    text NOT NULL CHECK (length(question) <= 100),
    watermark   bigint NOT NULL,
    document    bytea,
    job_id      uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (study_id, question)
);
CREATE INDEX study_analysis_project ON study_analysis (project_id);

CREATE TABLE schedule (
    id          uuid PRIMARY KEY,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    state       text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'archived')),
    kind        text NOT NULL,
    policy      text NOT NULL,
    horizon     bigint NOT NULL CHECK (horizon >= 1),
    definition  json NOT NULL,
    fingerprint bytea NOT NULL,
    labels      jsonb NOT NULL DEFAULT '{}',
    -- The newest version's number.
    versions    integer NOT NULL DEFAULT 0 CHECK (versions >= 0),
    -- The version that new runs get.
    current     integer NOT NULL DEFAULT 1 CHECK (current >= 1),
    -- State of policies that learn from all runs (bandits, populations): plain numbers.
    memory      jsonb NOT NULL DEFAULT '{}',
    runs        integer NOT NULL DEFAULT 0 CHECK (runs >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (project_id, name)
);
CREATE INDEX schedule_of_project ON schedule (project_id, id);

CREATE TABLE schedule_version (
    project_id   uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    schedule_id  uuid NOT NULL REFERENCES schedule ON DELETE CASCADE,
    version      integer NOT NULL CHECK (version >= 1),
    -- Knots [[step, value], ...] of a piecewise linear curve.
    curve        jsonb NOT NULL CHECK (jsonb_typeof(curve) = 'array'),
    -- How it came about: policy, runs, filter, bounds before and after, job.
    provenance   jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule_id, version)
);
CREATE INDEX schedule_version_project ON schedule_version (project_id);

CREATE TABLE schedule_run (
    project_id   uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    schedule_id  uuid NOT NULL REFERENCES schedule ON DELETE CASCADE,
    number       integer NOT NULL CHECK (number >= 1),
    version      integer NOT NULL,
    client_id    text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'failed')),
    -- What the policy said to this run: the current value, the arm, whom to copy.
    advice       jsonb NOT NULL DEFAULT '{}',
    final        jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz CHECK ((state = 'running') = (finished_at IS NULL)),
    PRIMARY KEY (schedule_id, number),
    FOREIGN KEY (schedule_id, version) REFERENCES schedule_version ON DELETE CASCADE
);
CREATE INDEX schedule_run_project ON schedule_run (project_id);
CREATE UNIQUE INDEX schedule_run_client ON schedule_run (schedule_id, client_id) WHERE client_id <> '';

CREATE TABLE schedule_observation (
    project_id   uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    schedule_id  uuid NOT NULL REFERENCES schedule ON DELETE CASCADE,
    run          integer NOT NULL,
    step         bigint NOT NULL CHECK (step >= 0),
    data         jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schedule_id, run, step),
    FOREIGN KEY (schedule_id, run) REFERENCES schedule_run ON DELETE CASCADE
);
CREATE INDEX schedule_observation_project ON schedule_observation (project_id);
