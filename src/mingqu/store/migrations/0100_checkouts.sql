-- An order at a merchant's checkout, as its merchant signed it. It lies where its merchant's number routes, for nobody
-- is known yet; whoever takes it is named once.
CREATE TABLE checkout (
    cell         smallint    NOT NULL,
    checkout_id  uuid        NOT NULL,
    merchant     text        NOT NULL COLLATE "C",
    number       text        NOT NULL COLLATE "C",
    body         bytea       NOT NULL, -- canonical JSON: what is agreed to by its hash
    amount_fen   bigint      NOT NULL CHECK (amount_fen > 0),
    currency     text        NOT NULL,
    opened_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL CHECK (expires_at > opened_at),
    cancelled_at timestamptz,
    person_id    uuid,
    taken_at     timestamptz,
    PRIMARY KEY (cell, checkout_id),
    UNIQUE (cell, merchant, number),
    CHECK ((person_id IS NULL) = (taken_at IS NULL)),
    CHECK (cancelled_at IS NULL OR person_id IS NULL)
);

-- An offer for an order, with its person; one of an order's offers is signed, and then names its loan.
CREATE TABLE checkout_offer (
    cell        smallint    NOT NULL,
    offer_id    uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    checkout_id uuid        NOT NULL,
    merchant    text        NOT NULL COLLATE "C",
    order_hash  bytea       NOT NULL CHECK (octet_length(order_hash) = 32),
    amount_fen  bigint      NOT NULL CHECK (amount_fen > 0),
    expires_at  timestamptz NOT NULL, -- of the order: later than that none of its offers is signed
    loan_id     uuid,
    PRIMARY KEY (cell, offer_id),
    FOREIGN KEY (cell, offer_id) REFERENCES offer (cell, offer_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX checkout_offer_signed ON checkout_offer (cell, checkout_id) WHERE loan_id IS NOT NULL;
CREATE INDEX checkout_offer_loan ON checkout_offer (cell, loan_id) WHERE loan_id IS NOT NULL;
CREATE INDEX checkout_offer_person ON checkout_offer (cell, person_id, checkout_id);

-- What a merchant gives back of an order: the collection by which it pays, and the merchant's own number for it.
CREATE TABLE checkout_refund (
    cell        smallint    NOT NULL,
    order_id    uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    checkout_id uuid        NOT NULL,
    loan_id     uuid        NOT NULL,
    number      text        NOT NULL COLLATE "C",
    amount_fen  bigint      NOT NULL CHECK (amount_fen > 0),
    asked_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, order_id),
    UNIQUE (cell, checkout_id, number),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX checkout_refund_person ON checkout_refund (cell, person_id);

-- An order is what it was when it was signed; taken or cancelled it stays so.
CREATE FUNCTION checkout_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.checkout_id, NEW.merchant, NEW.number, NEW.body, NEW.amount_fen, NEW.currency,
        NEW.opened_at, NEW.expires_at) IS DISTINCT FROM (OLD.checkout_id, OLD.merchant, OLD.number, OLD.body,
        OLD.amount_fen, OLD.currency, OLD.opened_at, OLD.expires_at)
        OR OLD.person_id IS NOT NULL OR OLD.cancelled_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'an order at a checkout does not change';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER checkout_stays BEFORE UPDATE OR DELETE ON checkout FOR EACH ROW EXECUTE FUNCTION checkout_stays();
