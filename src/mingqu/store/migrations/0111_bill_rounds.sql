-- What is to be said of the bills of one chunk of a morning: one row for all of them instead of a row of `work` each. A round
-- has the three moments of its bills one after the other. A reminder that waits by itself is a row of `work` from then on,
-- and its number here is 0, as is that of a bill of which nothing is to be said any more. The last moment ends the round.
CREATE TABLE bill_round (
    cell        smallint    NOT NULL,
    round_id    uuid        NOT NULL,
    template    text        NOT NULL,
    billed_on   date        NOT NULL,
    due         date        NOT NULL,
    run_at      timestamptz NOT NULL,
    fence       bigint      NOT NULL DEFAULT 0, -- a lease, as in `work`
    told        integer     NOT NULL DEFAULT 0, -- of so many of the list, from its start, this moment is over
    account_ids uuid[]      NOT NULL,
    numbers     integer[]   NOT NULL, -- which bill of the account
    PRIMARY KEY (cell, round_id),
    CHECK (told BETWEEN 0 AND cardinality(account_ids)),
    CHECK (cardinality(numbers) = cardinality(account_ids))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
CREATE INDEX bill_round_due ON bill_round (cell, run_at, round_id);
