-- Offers, disclosures, contracts, loans with their events, and the accrual groups they are added up in.

-- A product's line (额度) of a person. Its limit is in the ledger, under the facility's id.
CREATE TABLE facility (
    cell            smallint    NOT NULL,
    facility_id     uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    product_id      text        NOT NULL,
    product_version integer     NOT NULL,
    lender_id       uuid        NOT NULL,
    decision_id     uuid        NOT NULL,
    currency        text        NOT NULL,
    granted_fen     bigint      NOT NULL CHECK (granted_fen > 0),
    rate_year_ppm   integer     NOT NULL CHECK (rate_year_ppm >= 0),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (cell, facility_id),
    UNIQUE (cell, person_id, product_id),
    FOREIGN KEY (cell, decision_id) REFERENCES decision (cell, decision_id)
);

CREATE TABLE offer (
    cell          smallint    NOT NULL,
    offer_id      uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    facility_id   uuid        NOT NULL,
    terms         jsonb       NOT NULL,
    created_on    date        NOT NULL,
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, offer_id),
    FOREIGN KEY (cell, facility_id) REFERENCES facility (cell, facility_id)
);
CREATE INDEX offer_person ON offer (cell, person_id);

-- The cost table (综合融资成本明示表) as it was shown: its exact text, when, and how long it was read.
CREATE TABLE disclosure (
    cell          smallint    NOT NULL,
    disclosure_id uuid        NOT NULL,
    offer_id      uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    body          bytea       NOT NULL,
    shown_at      timestamptz NOT NULL,
    confirmed_at  timestamptz,
    PRIMARY KEY (cell, disclosure_id),
    FOREIGN KEY (cell, offer_id) REFERENCES offer (cell, offer_id),
    CHECK (confirmed_at >= shown_at)
);
CREATE INDEX disclosure_offer ON disclosure (cell, offer_id);

CREATE TABLE contract (
    cell          smallint    NOT NULL,
    contract_id   uuid        NOT NULL,
    offer_id      uuid        NOT NULL,
    disclosure_id uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    loan_id       uuid        NOT NULL,
    body          bytea       NOT NULL,
    signed_at     timestamptz NOT NULL,
    PRIMARY KEY (cell, contract_id),
    UNIQUE (cell, offer_id),
    FOREIGN KEY (cell, offer_id) REFERENCES offer (cell, offer_id),
    FOREIGN KEY (cell, disclosure_id) REFERENCES disclosure (cell, disclosure_id)
);

-- One row a loan: the snapshot. Nothing is written for a day on which nothing happens to the loan.
CREATE TABLE loan (
    cell                   smallint NOT NULL,
    loan_id                uuid     NOT NULL,
    person_id              uuid     NOT NULL,
    contract_id            uuid     NOT NULL,
    facility_id            uuid     NOT NULL,
    product_id             text     NOT NULL,
    lender_id              uuid     NOT NULL,
    group_id               uuid     NOT NULL,
    currency               text     NOT NULL,
    terms                  jsonb    NOT NULL,
    state                  jsonb    NOT NULL,
    stage                  text     NOT NULL CHECK (stage IN ('planned', 'active', 'settled', 'cancelled')),
    as_of                  date,
    next_event             date,
    overdue_since          date,
    principal_unbilled_fen bigint   NOT NULL CHECK (principal_unbilled_fen >= 0),
    payable_principal_fen  bigint   NOT NULL CHECK (payable_principal_fen >= 0),
    payable_interest_fen   bigint   NOT NULL CHECK (payable_interest_fen >= 0),
    payable_penalty_fen    bigint   NOT NULL CHECK (payable_penalty_fen >= 0),
    payable_fee_fen        bigint   NOT NULL CHECK (payable_fee_fen >= 0),
    overpayment_fen        bigint   NOT NULL CHECK (overpayment_fen >= 0),
    interest_daily_micro   bigint   NOT NULL,
    interest_base_micro    bigint   NOT NULL,
    interest_on            date,
    penalty_daily_micro    bigint   NOT NULL,
    penalty_base_micro     bigint   NOT NULL,
    penalty_on             date,
    PRIMARY KEY (cell, loan_id)
) WITH (fillfactor = 80);
-- What the close looks for; a settled loan is not in it.
CREATE INDEX loan_next_event ON loan (cell, next_event) WHERE next_event IS NOT NULL;
CREATE INDEX loan_person ON loan (cell, person_id);

CREATE TABLE loan_event (
    cell       smallint    NOT NULL,
    loan_id    uuid        NOT NULL,
    event_id   uuid        NOT NULL,
    kind       text        NOT NULL,
    value_date date        NOT NULL,
    posted_on  date        NOT NULL,
    posted_at  timestamptz NOT NULL,
    amount_fen bigint,
    intent     text,
    target     uuid,
    PRIMARY KEY (cell, loan_id, event_id)
);

CREATE FUNCTION loan_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened to a loan is neither changed nor deleted; it is reversed by another event';
END
$$;
CREATE TRIGGER loan_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_event
    FOR EACH STATEMENT EXECUTE FUNCTION loan_event_stays();

-- What a repayment order was meant for, until its channel says that it was paid.
CREATE TABLE repayment (
    cell         smallint NOT NULL,
    order_id     uuid     NOT NULL,
    loan_id      uuid     NOT NULL,
    intent       text     NOT NULL CHECK (intent IN ('due', 'prepay', 'payoff')),
    agreement_id uuid,    -- of a deduction: the agreement it rests on, for its whole life
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

-- The person lets us deduct what is due from a card of theirs. The channel's token is in the vault.
CREATE TABLE repayment_agreement (
    cell          smallint    NOT NULL,
    agreement_id  uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    instrument_id uuid        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('pending', 'active', 'ended')),
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, agreement_id),
    FOREIGN KEY (cell, instrument_id) REFERENCES instrument (cell, instrument_id)
);
CREATE UNIQUE INDEX repayment_agreement_active ON repayment_agreement (cell, person_id) WHERE state = 'active';

CREATE TABLE certificate (
    cell           smallint    NOT NULL,
    certificate_id uuid        NOT NULL,
    loan_id        uuid        NOT NULL,
    person_id      uuid        NOT NULL,
    history        uuid        NOT NULL, -- the loan's last event then: settled anew, it gets another certificate
    body           bytea       NOT NULL,
    issued_at      timestamptz NOT NULL,
    PRIMARY KEY (cell, certificate_id),
    UNIQUE (cell, loan_id, history),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id)
);

-- Accrual of all loans of one product, lender, currency and stage together: one row a kind, changed by the close alone.
CREATE TABLE accrual_group (
    cell                 smallint NOT NULL,
    group_id             uuid     NOT NULL,
    kind                 text     NOT NULL CHECK (kind IN ('interest', 'penalty')),
    product_id           text     NOT NULL,
    lender_id            uuid     NOT NULL,
    currency             text     NOT NULL,
    stage                text     NOT NULL,
    slope_micro          bigint   NOT NULL DEFAULT 0,
    income_carry_micro   bigint   NOT NULL DEFAULT 0,
    rounding_carry_micro bigint   NOT NULL DEFAULT 0,
    accrued_to           date     NOT NULL,
    PRIMARY KEY (cell, group_id, kind)
);

-- What writes between two closes add to a group; the close of the day adds them up. Nobody updates the group meanwhile.
CREATE TABLE accrual_delta (
    cell           smallint NOT NULL,
    on_date        date     NOT NULL,
    delta_id       uuid     NOT NULL,
    kind           text     NOT NULL,
    group_id       uuid     NOT NULL,
    slope_micro    bigint   NOT NULL,
    income_micro   bigint   NOT NULL,
    rounding_micro bigint   NOT NULL,
    PRIMARY KEY (cell, on_date, delta_id, kind)
);
