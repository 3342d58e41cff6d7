-- What came from outside and was refused, or parked with a reason: notices, bills, answers of lenders, cards that are not
-- the person's own. One row for what is the same of a day, however often it came.
--
-- The words themselves are not kept, for they may bear personal data of people whom nobody knows here, and whoever means
-- them says them again. `facts` are those that bear none; `digest` tells whether a sender's own copy is what came.
CREATE TABLE refused_word (
    cell       smallint    NOT NULL,
    word_id    uuid        NOT NULL,
    kind       text        NOT NULL COLLATE "C" CHECK (kind IN ('notice', 'bill', 'lender', 'card')),
    source     text        NOT NULL COLLATE "C",
    reason     text        NOT NULL COLLATE "C",
    on_date    date        NOT NULL,
    -- The order, the question to a lender or the person that it is about; nothing for what is of nobody here.
    subject_id uuid,
    facts      json        NOT NULL,
    digest     bytea       CHECK (length(digest) = 32),
    times      bigint      NOT NULL CHECK (times > 0),
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL CHECK (last_at >= first_at),
    PRIMARY KEY (cell, word_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX refused_word_day ON refused_word (cell, on_date, kind, source, reason);
