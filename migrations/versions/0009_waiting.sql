-- Who waits: the projects with jobs in the queue of a pool, so that a claim need not look for them in the queue. A row is
-- made by the trigger below whenever a job enters a queue, and removed by tidy_waiting() some time after the queue has
-- run empty: an empty queue here is passed over, a full one that is missing would never be served.
CREATE TABLE waiting (
    pool        text NOT NULL,
    project_id  uuid NOT NULL REFERENCES project ON DELETE CASCADE,
    since       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (pool, project_id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

CREATE FUNCTION job_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Held until this transaction ends: until then nobody takes the row for one of an empty queue.
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.pool || NEW.project_id, 9));
    INSERT INTO waiting (pool, project_id) VALUES (NEW.pool, NEW.project_id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER job_waits_new AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION job_waits();
CREATE TRIGGER job_waits_again AFTER UPDATE OF state ON job FOR EACH ROW
    WHEN (NEW.state = 'queued' AND OLD.state <> 'queued') EXECUTE FUNCTION job_waits();

-- Remove rows of queues that have run empty; how many. Each statement has a snapshot of its own, and the second begins
-- when the lock is held: it sees every job of those who had the lock before, and who comes later makes the row anew.
CREATE FUNCTION tidy_waiting(patience interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    idle record;
    removed integer := 0;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR idle IN
        SELECT waiting.pool, waiting.project_id FROM waiting
        WHERE waiting.since < now() - patience AND NOT EXISTS (
            SELECT FROM job WHERE job.state = 'queued' AND job.pool = waiting.pool
                AND job.project_id = waiting.project_id)
    LOOP
        IF pg_try_advisory_xact_lock(hashtextextended(idle.pool || idle.project_id, 9)) THEN
            DELETE FROM waiting WHERE waiting.pool = idle.pool AND waiting.project_id = idle.project_id
                AND NOT EXISTS (SELECT FROM job WHERE job.state = 'queued' AND job.pool = idle.pool
                                AND job.project_id = idle.project_id);
            IF FOUND THEN removed := removed + 1; END IF;
        END IF;
    END LOOP;
    RETURN removed;
END $$;

INSERT INTO waiting (pool, project_id) SELECT DISTINCT pool, project_id FROM job WHERE state = 'queued';
