-- What someone said of trials that he compared; numbered by the watermark of its study, like every change that engines see.
CREATE TABLE comparison (
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    study_id    uuid NOT NULL REFERENCES study ON DELETE CASCADE,
    watermark   bigint NOT NULL,
    -- Numbers of trials: best first; then those that are worse than all of them.
    best        integer[] NOT NULL CHECK (cardinality(best) >= 1),
    others      integer[] NOT NULL,
    key         text NOT NULL DEFAULT '' CHECK (length(key) <= 100),
    by          text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT now(),
    -- The watermark from which on it no longer counts: the data of any moment can be had again.
    retracted   bigint CHECK (retracted > watermark),
    PRIMARY KEY (study_id, watermark),
    CHECK (cardinality(best) + cardinality(others) >= 2)
);
CREATE UNIQUE INDEX comparison_key ON comparison (study_id, key) WHERE key <> '';
CREATE INDEX comparison_project ON comparison (project_id);
