-- A hold may lapse on a business date. The date stands in the transfer that made the hold, which never changes, and
-- once more beside the hold's state, where the job that looks for lapsed holds finds it. State 4: expired.

ALTER TABLE transfer ADD COLUMN expires_on date;
ALTER TABLE hold ADD COLUMN expires_on date;
ALTER TABLE hold DROP CONSTRAINT hold_state_check;
ALTER TABLE hold ADD CONSTRAINT hold_state_check CHECK (state IN (1, 2, 3, 4));
CREATE INDEX hold_expiring ON hold (cell, expires_on) WHERE state = 1 AND expires_on IS NOT NULL;

-- Limits of the whole book (a lender's capital, a concentration, a partner's share), handed out to cells in slices.
-- limit_fen is what holds now; wanted_fen is what was decided. They differ only while a limit that was lowered waits
-- for cells to give back what they do not use. Always: sum of slices = handed_out_fen <= limit_fen.
CREATE TABLE headroom (
    headroom_id    uuid   PRIMARY KEY,
    name           text   NOT NULL UNIQUE COLLATE "C",
    wanted_fen     bigint NOT NULL CHECK (wanted_fen >= 0),
    limit_fen      bigint NOT NULL CHECK (limit_fen >= wanted_fen),
    handed_out_fen bigint NOT NULL DEFAULT 0 CHECK (handed_out_fen BETWEEN 0 AND limit_fen)
);

CREATE TABLE headroom_slice (
    cell        smallint NOT NULL,
    headroom_id uuid     NOT NULL, -- of the global table, which may be on another machine: `verify` compares them
    slice_fen   bigint   NOT NULL DEFAULT 0,
    used_fen    bigint   NOT NULL DEFAULT 0 CHECK (used_fen BETWEEN 0 AND slice_fen),
    PRIMARY KEY (cell, headroom_id)
);

-- Who uses how much of a cell's slice: an amount that is set, so that setting it again changes nothing.
CREATE TABLE headroom_use (
    cell        smallint NOT NULL,
    headroom_id uuid     NOT NULL,
    use_id      uuid     NOT NULL,
    amount_fen  bigint   NOT NULL CHECK (amount_fen >= 0),
    PRIMARY KEY (cell, headroom_id, use_id),
    FOREIGN KEY (cell, headroom_id) REFERENCES headroom_slice
);
