-- A loan's mornings in columns: the snapshot stays as its last event left it, and is not written for a morning.

-- Nobody writes a loan between the copy of its snapshot and the end of the column it was in.
LOCK TABLE loan IN ACCESS EXCLUSIVE MODE;

-- What a morning does not write lies in a table of its own, so that a new version of a loan's row is a few hundred bytes
-- and finds room on its page. Terms and snapshot are read whole and never searched: as `json` they are neither parsed
-- when they are written nor printed when they are read. `plan` is the instalments that are not billed, in rows of 24
-- bytes; without it a morning opens the snapshot.
CREATE TABLE loan_snapshot (
    cell    smallint NOT NULL,
    loan_id uuid     NOT NULL,
    terms   json     NOT NULL,
    state   json     NOT NULL,
    plan    bytea,
    PRIMARY KEY (cell, loan_id)
) WITH (fillfactor = 80);
INSERT INTO loan_snapshot SELECT cell, loan_id, terms::text::json, state::text::json, NULL FROM loan;

-- `plain` says that there is a plan, `passed` how many of its rows the loan has left behind, `terms_kind` by which terms
-- its mornings go. See mingqu.domain.batch.standing.
ALTER TABLE loan DROP COLUMN terms, DROP COLUMN state,
                 ADD COLUMN plain                boolean  NOT NULL DEFAULT false,
                 ADD COLUMN terms_kind           bigint   NOT NULL DEFAULT 0,
                 ADD COLUMN passed               smallint NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_number       integer  NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_due          date,
                 ADD COLUMN waiting_principal_fen bigint  NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_unpaid_fen   bigint   NOT NULL DEFAULT 0,
                 ADD COLUMN suspends_on          date;

-- On which day which loan has its next event. An index over `next_event` would be the same and make every morning write
-- all indexes of the loan anew: a version of a row whose indexed columns stay touches none of them. A row here is a
-- hint. It is looked at on its day, counts if the loan still says so, and goes when its chunk is done. `plain` says
-- that the loan had a plan then: chunks of the others are smaller.
CREATE TABLE loan_diary (
    cell    smallint NOT NULL,
    on_date date     NOT NULL,
    loan_id uuid     NOT NULL,
    plain   boolean  NOT NULL,
    PRIMARY KEY (cell, on_date, loan_id)
);
INSERT INTO loan_diary SELECT cell, next_event, loan_id, false FROM loan WHERE next_event IS NOT NULL;
DROP INDEX loan_next_event;

-- What a deduction belongs to is proved by `verify` for the whole book. Asked for row by row, these keys cost more than
-- everything else a close does for a loan; and nothing that they name is ever deleted.
ALTER TABLE channel_order DROP CONSTRAINT channel_order_cell_person_id_fkey,
                          DROP CONSTRAINT channel_order_cell_instrument_id_fkey;
ALTER TABLE channel_word DROP CONSTRAINT channel_word_cell_order_id_fkey;
ALTER TABLE repayment DROP CONSTRAINT repayment_cell_order_id_fkey,
                      DROP CONSTRAINT repayment_cell_loan_id_fkey;

-- Whose collection has not ended: few rows at any time. Said the other way round than in channel_order_open, which has no
-- loan in it: only a query that says it this way can use this index, and none that does can walk along that one.
CREATE INDEX channel_order_collecting ON channel_order (cell, loan_id)
    WHERE kind = 'collection' AND state NOT IN ('PAID', 'FAILED');
