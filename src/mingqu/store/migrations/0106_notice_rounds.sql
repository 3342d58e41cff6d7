-- Notices of one kind to many borrowers of a cell, planned by one chunk of a morning: one row for all of them instead of
-- one each, with three indexes. Each becomes a row of `work` when it was sent, or could not be and waits by itself; a
-- round is gone when all of it has. So the table is never larger than what waits, and needs no index but its key.
CREATE TABLE notice_round (
    cell        smallint    NOT NULL,
    round_id    uuid        NOT NULL,
    template    text        NOT NULL,
    on_date     date        NOT NULL, -- on which it happened to the loans
    run_at      timestamptz NOT NULL,
    fence       bigint      NOT NULL DEFAULT 0, -- a lease, as in `work`
    told        integer     NOT NULL DEFAULT 0, -- so many of the list, from its start, are rows of `work` by now
    loan_ids    uuid[]      NOT NULL,
    marks       integer[]   NOT NULL, -- which instalment, a loan: with the template it names the notice beside its day
    amounts_fen bigint[]    NOT NULL,
    PRIMARY KEY (cell, round_id),
    CHECK (told BETWEEN 0 AND cardinality(loan_ids)),
    CHECK (cardinality(marks) = cardinality(loan_ids) AND cardinality(amounts_fen) = cardinality(loan_ids))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
