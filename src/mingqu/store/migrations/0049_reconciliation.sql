-- Bills of channels, what stands on them, and the breaks between them and us.
--
-- A bill is what one source says of one day: 'bank', 'wechatpay', 'alipay', or 'lender:CODE' for a lender's own ledger.
-- Its row is there from the first try to fetch it; what could not be read says where it is broken.
CREATE TABLE bill (
    source        text        NOT NULL COLLATE "C",
    on_date       date        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('waiting', 'read')),
    tries         integer     NOT NULL CHECK (tries >= 0),
    next_at       timestamptz NOT NULL,
    fault         text,
    fault_row     integer,
    fault_column  text,
    hash          bytea       CHECK (length(hash) = 32),
    lines         bigint      NOT NULL DEFAULT 0 CHECK (lines >= 0),
    read_at       timestamptz,
    reconciled_at timestamptz,
    -- What the last comparison came to, as counts and sums.
    report        jsonb,
    PRIMARY KEY (source, on_date),
    CHECK ((state = 'read') = (hash IS NOT NULL AND read_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX bill_waiting ON bill (next_at) WHERE state = 'waiting' OR reconciled_at IS NULL;

-- A line lies in the cell of its order, and one of a strange number in that of its hash; in order of the number, as our
-- own orders are read, so that two sides are merged as they come. No personal data.
CREATE TABLE bill_line (
    cell         smallint    NOT NULL,
    source       text        NOT NULL COLLATE "C",
    on_date      date        NOT NULL,
    order_number text        NOT NULL COLLATE "C",
    line         integer     NOT NULL CHECK (line > 0),
    order_key    uuid        NOT NULL,
    direction    text        NOT NULL CHECK (direction IN ('in', 'out')),
    amount_fen   bigint      NOT NULL CHECK (amount_fen > 0),
    currency     text        NOT NULL COLLATE "C",
    reference    text        NOT NULL,
    fee_fen      bigint      NOT NULL CHECK (fee_fen >= 0),
    PRIMARY KEY (cell, source, on_date, order_number, line)
);

-- Breaks are worked for the whole book, and some are of nobody in it.
CREATE TABLE reconciliation_break (
    break_id     uuid        NOT NULL PRIMARY KEY,
    source       text        NOT NULL COLLATE "C",
    on_date      date        NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('long', 'short', 'amount', 'currency', 'shifted', 'duplicate',
                                                      'foreign')),
    order_number text        NOT NULL COLLATE "C",
    direction    text        NOT NULL CHECK (direction IN ('in', 'out')),
    currency     text        NOT NULL COLLATE "C",
    ours_fen     bigint,
    theirs_fen   bigint,
    ours_on      date,
    theirs_on    date,
    reference    text        NOT NULL,
    state        text        NOT NULL CHECK (state IN ('open', 'explained', 'closed')),
    cause        text        NOT NULL CHECK (cause IN ('unknown', 'other_day', 'channel_late', 'channel_wrong',
                                                       'ours_wrong', 'not_ours', 'written_off', 'mended')),
    opened_at    timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    -- The channel was asked about the order, and what it said: a word of ours, or why it could not be asked.
    asked_at     timestamptz,
    answer       text,
    proposal_id  uuid,
    CHECK (ours_fen IS NOT NULL OR theirs_fen IS NOT NULL),
    CHECK ((asked_at IS NULL) = (answer IS NULL))
);
CREATE INDEX reconciliation_break_day ON reconciliation_break (source, on_date);
CREATE INDEX reconciliation_break_left ON reconciliation_break (opened_at) WHERE state <> 'closed';

-- A break may be of nobody in the book. The deeds of the house are those there were, and this one.
DO $$
DECLARE
    deeds text := (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'proposal_of_house');
BEGIN
    ALTER TABLE proposal DROP CONSTRAINT proposal_of_house;
    EXECUTE 'ALTER TABLE proposal ADD CONSTRAINT proposal_of_house '
        || replace(deeds, '''publish_policy''::text', '''publish_policy''::text, ''work_break''::text');
END
$$;
