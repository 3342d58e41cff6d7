-- Revolving accounts: terms and events, and how each stands in one snapshot that `verify` makes again. Terms, snapshots and
-- bills are JSON kept as text: they are written and read whole, a million in a night.
CREATE TABLE spend_account (
    cell            smallint    NOT NULL,
    account_id      uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    product_id      text        NOT NULL,
    product_version integer     NOT NULL,
    lender_id       uuid        NOT NULL,
    decision_id     uuid        NOT NULL,
    currency        text        NOT NULL,
    granted_fen     bigint      NOT NULL CHECK (granted_fen >= 0),
    terms           text        NOT NULL,
    opened_on       date        NOT NULL,
    opened_at       timestamptz NOT NULL,
    state           text        NOT NULL,
    used_fen        bigint      NOT NULL CHECK (used_fen >= 0),
    overdue_since   date,
    next_morning    date        NOT NULL,
    events          integer     NOT NULL CHECK (events >= 0),
    PRIMARY KEY (cell, account_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE UNIQUE INDEX spend_account_person ON spend_account (cell, person_id, product_id);
CREATE INDEX spend_account_morning ON spend_account (cell, next_morning, account_id);

CREATE TABLE spend_event (
    cell       smallint    NOT NULL,
    event_id   uuid        NOT NULL,
    account_id uuid        NOT NULL,
    number     integer     NOT NULL CHECK (number >= 1),
    kind       text        NOT NULL,
    on_date    date        NOT NULL,
    amount_fen bigint      NOT NULL CHECK (amount_fen >= 0),
    target     uuid,
    count      integer,
    posted_at  timestamptz NOT NULL,
    PRIMARY KEY (cell, event_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);
CREATE UNIQUE INDEX spend_event_account ON spend_event (cell, account_id, number);

-- Bills as they were issued: what was asked never changes.
CREATE TABLE spend_statement (
    cell         smallint NOT NULL,
    statement_id uuid     NOT NULL,
    account_id   uuid     NOT NULL,
    number       integer  NOT NULL CHECK (number >= 1),
    billed_on    date     NOT NULL,
    body         text     NOT NULL,
    PRIMARY KEY (cell, statement_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);
CREATE UNIQUE INDEX spend_statement_account ON spend_statement (cell, account_id, number);

CREATE FUNCTION spend_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened to a revolving account is neither changed nor deleted';
END
$$;
CREATE TRIGGER spend_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON spend_event
    FOR EACH STATEMENT EXECUTE FUNCTION spend_stays();
CREATE TRIGGER spend_statement_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON spend_statement
    FOR EACH STATEMENT EXECUTE FUNCTION spend_stays();

-- Purchases from authorization to capture or release, and what came back of them. The wallet's own number makes one
-- purchase of a request that is sent twice.
CREATE TABLE spend_purchase (
    cell          smallint    NOT NULL,
    purchase_id   uuid        NOT NULL,
    account_id    uuid        NOT NULL,
    merchant_id   text        NOT NULL,
    merchant_name text        NOT NULL,
    number        text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('held', 'captured', 'released')),
    held_fen      bigint      NOT NULL CHECK (held_fen > 0),
    captured_fen  bigint      NOT NULL DEFAULT 0 CHECK (captured_fen BETWEEN 0 AND held_fen),
    refunded_fen  bigint      NOT NULL DEFAULT 0 CHECK (refunded_fen BETWEEN 0 AND captured_fen),
    lapses_on     date        NOT NULL,
    authorized_at timestamptz NOT NULL,
    captured_on   date,
    PRIMARY KEY (cell, purchase_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);
CREATE UNIQUE INDEX spend_purchase_number ON spend_purchase (cell, account_id, merchant_id, number);
CREATE INDEX spend_purchase_held ON spend_purchase (cell, lapses_on) WHERE state = 'held';

-- Orders to a channel that are an account's and no loan's.
CREATE TABLE spend_order (
    cell       smallint NOT NULL,
    order_id   uuid     NOT NULL,
    account_id uuid     NOT NULL,
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);
CREATE INDEX spend_order_account ON spend_order (cell, account_id);

-- Rows that change with each purchase and bill: what is dead is swept early.
ALTER TABLE spend_account SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE spend_purchase SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
