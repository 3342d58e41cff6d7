-- A loan's mornings in columns: the snapshot stays as its last event left it, and is not written for a morning.

-- Read whole and never searched: as text it is neither parsed when it is written nor printed when it is read.
ALTER TABLE loan ALTER COLUMN state TYPE json USING state::text::json,
                 ALTER COLUMN terms TYPE json USING terms::text::json;

-- `plan` is the instalments that are not billed, in rows of 24 bytes; without it a morning opens the snapshot.
-- `passed` is how many of its rows the loan has left behind. See mingqu.domain.batch.standing.
ALTER TABLE loan ADD COLUMN terms_kind           bigint   NOT NULL DEFAULT 0,
                 ADD COLUMN passed               smallint NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_number       integer  NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_due          date,
                 ADD COLUMN waiting_principal_fen bigint  NOT NULL DEFAULT 0,
                 ADD COLUMN waiting_unpaid_fen   bigint   NOT NULL DEFAULT 0,
                 ADD COLUMN suspends_on          date,
                 ADD COLUMN plan                 bytea;

-- What a morning does not touch lies beside the row, so that a new version of the row is a few hundred bytes.
ALTER TABLE loan ALTER COLUMN plan SET STORAGE EXTERNAL;
ALTER TABLE loan SET (toast_tuple_target = 256);

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

-- Whose collection has not ended: few rows at any time.
CREATE INDEX channel_order_collecting ON channel_order (cell, loan_id)
    WHERE kind = 'collection' AND state IN ('RESERVED', 'SENT', 'UNKNOWN');
