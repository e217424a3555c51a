CREATE TABLE organisation (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Projects of before are tenants of their own.
INSERT INTO organisation (id, name, created_at) SELECT id, name, created_at FROM project;

ALTER TABLE project
    ADD COLUMN organisation_id     uuid REFERENCES organisation ON DELETE CASCADE,
    ADD COLUMN archived_at         timestamptz,
    -- Its share of a pool when others want it too, beside theirs.
    ADD COLUMN weight              smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),
    -- Quotas; NULL: none.
    ADD COLUMN max_running         integer CHECK (max_running BETWEEN 1 AND 10000),
    ADD COLUMN max_queued          integer CHECK (max_queued >= 0),
    ADD COLUMN max_solver_seconds  double precision CHECK (max_solver_seconds >= 0),
    ADD COLUMN max_bytes           bigint CHECK (max_bytes >= 0),
    ADD COLUMN max_requests        integer CHECK (max_requests >= 1);
UPDATE project SET organisation_id = id;
ALTER TABLE project ALTER organisation_id SET NOT NULL,
    DROP CONSTRAINT project_name_key, ADD CONSTRAINT project_name UNIQUE (organisation_id, name);

CREATE TABLE member (
    id               uuid PRIMARY KEY,
    organisation_id  uuid NOT NULL REFERENCES organisation ON DELETE CASCADE,
    email            text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
    name             text NOT NULL DEFAULT '' CHECK (length(name) <= 255),
    -- In every project of the organisation; NULL: only in those of project_role.
    role             text CHECK (role IN ('viewer', 'editor', 'admin', 'owner')),
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX member_email ON member (organisation_id, lower(email));

CREATE TABLE project_role (
    member_id   uuid NOT NULL REFERENCES member ON DELETE CASCADE,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    PRIMARY KEY (member_id, project_id)
);
CREATE INDEX project_role_project ON project_role (project_id);

ALTER TABLE api_key
    -- Whose key it is: it goes with the member, and does no more than the member may. NULL: a machine's.
    ADD COLUMN member_id    uuid REFERENCES member ON DELETE CASCADE,
    ADD COLUMN replaced_by  uuid,
    DROP CONSTRAINT api_key_scopes_check,
    ADD CONSTRAINT api_key_scopes
        CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin', 'owner']);
CREATE INDEX api_key_member ON api_key (member_id) WHERE member_id IS NOT NULL;

-- Without references to keys, members and things: it tells of them when they are gone.
CREATE TABLE audit (
    id               uuid PRIMARY KEY,
    organisation_id  uuid NOT NULL REFERENCES organisation ON DELETE CASCADE,
    project_id       uuid,
    key_id           uuid,
    member_id        uuid,
    at               timestamptz NOT NULL DEFAULT now(),
    action           text NOT NULL,
    target           text NOT NULL DEFAULT '',
    request_id       text NOT NULL DEFAULT '',
    data             jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_of_project ON audit (project_id, id);
CREATE INDEX audit_of_organisation ON audit (organisation_id, id);

-- What was used up. Charges are only ever added, so that jobs that end together don't wait for each other; the
-- dispatcher sums them up.
CREATE TABLE charge (
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    at          timestamptz NOT NULL DEFAULT now(),
    seconds     double precision NOT NULL
);
CREATE INDEX charge_project ON charge (project_id);
CREATE TABLE spent (
    project_id      uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    month           date NOT NULL,
    jobs            bigint NOT NULL,
    solver_seconds  double precision NOT NULL,
    PRIMARY KEY (project_id, month)
);

-- How far each project has come in each pool: the least goes first. Lost in a crash, which only begins the round anew.
CREATE UNLOGGED TABLE turn (
    project_id  uuid NOT NULL,
    pool        text NOT NULL,
    passed      double precision NOT NULL,
    served_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, pool)
) WITH (fillfactor = 50);

ALTER TABLE job
    -- Of a project with a quota of running jobs: its place among them.
    ADD COLUMN slot          smallint,
    -- Begin of the newest attempt.
    ADD COLUMN claimed_at    timestamptz,
    -- The key.
    ADD COLUMN submitted_by  uuid;
