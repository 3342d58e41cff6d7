-- Orders given to channels, and what was said to and heard from them. No personal data in either table.

CREATE TABLE channel_order (
    cell          smallint    NOT NULL,
    order_id      uuid        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('payout', 'collection', 'return')),
    state         text        NOT NULL CHECK (state IN ('RESERVED', 'SENT', 'UNKNOWN', 'PAID', 'FAILED')),
    person_id     uuid        NOT NULL,
    loan_id       uuid,
    instrument_id uuid,
    amount_fen    bigint      NOT NULL CHECK (amount_fen > 0),
    currency      text        NOT NULL,
    channel       text        NOT NULL,
    run_at        timestamptz NOT NULL,
    next_at       timestamptz NOT NULL,
    sent_at       timestamptz,
    attempts      integer     NOT NULL CHECK (attempts >= 0),
    asks          integer     NOT NULL CHECK (asks >= 0),
    missing       boolean     NOT NULL,
    alerted_at    timestamptz,
    conflict_code text,
    paid_at       timestamptz,
    value_date    date,
    reference     text,
    refusal_code  text,
    version       integer     NOT NULL CHECK (version >= 0),
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, instrument_id) REFERENCES instrument (cell, instrument_id),
    CHECK ((sent_at IS NULL) = (attempts = 0)),
    CHECK ((state = 'PAID') = (paid_at IS NOT NULL)),
    CHECK ((state = 'PAID') = (value_date IS NOT NULL)),
    CHECK ((state = 'PAID') = (reference IS NOT NULL)),
    CHECK ((state = 'FAILED') = (refusal_code IS NOT NULL))
) WITH (fillfactor = 70);
-- What a chaser looks for: few rows at any time, whatever the book's age.
CREATE INDEX channel_order_open ON channel_order (cell, next_at) WHERE state IN ('RESERVED', 'SENT', 'UNKNOWN');
CREATE INDEX channel_order_loan ON channel_order (cell, loan_id) WHERE loan_id IS NOT NULL;
CREATE INDEX channel_order_person ON channel_order (cell, person_id);

CREATE TABLE channel_word (
    cell       smallint    NOT NULL,
    order_id   uuid        NOT NULL,
    seq        integer     NOT NULL CHECK (seq > 0),
    at         timestamptz NOT NULL,
    direction  text        NOT NULL CHECK (direction IN ('said', 'heard', 'noted')),
    word       text        NOT NULL,
    amount_fen bigint,
    currency   text,
    reference  text,
    code       text,
    -- The order's state once this word had been taken in: the order's history reads from here.
    state      text        NOT NULL CHECK (state IN ('RESERVED', 'SENT', 'UNKNOWN', 'PAID', 'FAILED')),
    PRIMARY KEY (cell, order_id, seq),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id)
);

CREATE FUNCTION channel_word_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was said and heard is neither changed nor deleted';
END
$$;
CREATE TRIGGER channel_word_stays BEFORE UPDATE OR DELETE ON channel_word
    FOR EACH ROW EXECUTE FUNCTION channel_word_stays();
CREATE TRIGGER channel_word_stays_whole BEFORE TRUNCATE ON channel_word
    FOR EACH STATEMENT EXECUTE FUNCTION channel_word_stays();
