-- The loan behind a card whose money is bound to a purpose: what was quoted for a car, and what was signed of it. Its
-- line is its own: no assessment prices it, so it stands apart from those that an assessment opened.
ALTER TABLE facility ADD COLUMN purpose_bound boolean NOT NULL DEFAULT false;
-- An assessment gives one line a product; of a car a line is quoted for each wish.
ALTER TABLE facility DROP CONSTRAINT facility_cell_person_id_product_id_key;
CREATE UNIQUE INDEX facility_product ON facility (cell, person_id, product_id) WHERE NOT purpose_bound;

CREATE TABLE purpose_loan (
    cell             smallint    NOT NULL,
    offer_id         uuid        NOT NULL,
    person_id        uuid        NOT NULL,
    facility_id      uuid        NOT NULL,
    product_id       text        NOT NULL,
    product_version  integer     NOT NULL CHECK (product_version >= 1),
    way              text        NOT NULL CHECK (way IN ('card', 'dealer')),
    contract_hash    text        NOT NULL CHECK (contract_hash ~ '^[0-9a-f]{64}$'),
    merchant         text        NOT NULL,
    price_fen        bigint      NOT NULL CHECK (price_fen > 0),
    down_payment_fen bigint      NOT NULL CHECK (down_payment_fen BETWEEN 0 AND price_fen - 1),
    amount_fen       bigint      NOT NULL CHECK (amount_fen = price_fen - down_payment_fen),
    rate_year_ppm    bigint      NOT NULL CHECK (rate_year_ppm >= 0),
    papers           text[]      NOT NULL,
    quoted_at        timestamptz NOT NULL,
    loan_id          uuid,
    PRIMARY KEY (cell, offer_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, facility_id) REFERENCES facility (cell, facility_id)
);
CREATE UNIQUE INDEX purpose_loan_loan ON purpose_loan (cell, loan_id) WHERE loan_id IS NOT NULL;
CREATE INDEX purpose_loan_person ON purpose_loan (cell, person_id);
ALTER TABLE purpose_loan SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

-- May a card of this kind be used in a wallet? Each decision with what it rests on.
CREATE TABLE wallet_binding (
    cell            smallint    NOT NULL,
    binding_id      uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    card_id         uuid        NOT NULL,
    wallet          text        NOT NULL,
    outcome         text        NOT NULL CHECK (outcome IN ('allowed', 'limited', 'refused')),
    record          bytea       NOT NULL,
    table_version   integer     NOT NULL,
    decided_at      timestamptz NOT NULL,
    PRIMARY KEY (cell, binding_id),
    FOREIGN KEY (cell, card_id) REFERENCES purpose_card (cell, card_id)
);
CREATE INDEX wallet_binding_person ON wallet_binding (cell, person_id, decided_at);
