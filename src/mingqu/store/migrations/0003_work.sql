-- What was answered to a request, so that the same request gets the same answer; kept as long as the money.
CREATE TABLE idempotency (
    cell      smallint NOT NULL,
    caller    text     NOT NULL COLLATE "C",
    key       text     NOT NULL COLLATE "C",
    body_hash bytea    NOT NULL,
    response  jsonb,
    PRIMARY KEY (cell, caller, key)
);

-- Work to do. A lease moves run_at to its own end and raises the fence: a worker that died is followed by
-- another when the lease is over, and one that was only slow finds its fence outdated.
CREATE TABLE work (
    cell       smallint    NOT NULL,
    work_id    uuid        NOT NULL,
    kind       text        NOT NULL COLLATE "C",
    subject_id uuid        NOT NULL,
    run_at     timestamptz NOT NULL,
    fence      bigint      NOT NULL DEFAULT 0,
    done_at    timestamptz,
    payload    jsonb       NOT NULL,
    PRIMARY KEY (cell, work_id)
);

CREATE INDEX work_open ON work (cell, kind, run_at) WHERE done_at IS NULL;
