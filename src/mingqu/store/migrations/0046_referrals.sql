-- People sent to a bank for cash out of their own credit card, and how far it came. No column is owed to anybody here:
-- the bank decides, pays out and charges, and what it paid is told for the person's information alone.
CREATE TABLE referral (
    cell            smallint    NOT NULL,
    referral_id     uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    bank            text        NOT NULL,
    entry_version   integer     NOT NULL CHECK (entry_version >= 1),
    entry_hash      bytea       NOT NULL CHECK (octet_length(entry_hash) = 32),
    instrument_id   uuid        NOT NULL,
    amount_fen      bigint      NOT NULL CHECK (amount_fen > 0),
    repayment       text        NOT NULL CHECK (repayment IN ('single', 'instalments')),
    months          smallint    NOT NULL CHECK (months >= 1),
    consent_id      uuid        NOT NULL,
    guidance_hash   bytea       NOT NULL CHECK (octet_length(guidance_hash) = 32),
    state           text        NOT NULL
                    CHECK (state IN ('referred', 'visited', 'applied', 'paid', 'refused', 'lapsed')),
    made_on         date        NOT NULL,
    made_at         timestamptz NOT NULL,
    heard_at        timestamptz NOT NULL,
    amount_paid_fen bigint      CHECK (amount_paid_fen > 0),
    refusal_code    text,
    address         text,
    PRIMARY KEY (cell, referral_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, consent_id) REFERENCES consent (cell, consent_id),
    FOREIGN KEY (cell, instrument_id) REFERENCES instrument (cell, instrument_id),
    CHECK ((state = 'paid') = (amount_paid_fen IS NOT NULL)),
    CHECK ((state = 'refused') = (refusal_code IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX referral_person ON referral (cell, person_id, made_at);
