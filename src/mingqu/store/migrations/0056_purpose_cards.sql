-- Money bound to a purpose: contracts as they were published, cards that were agreed on them, and each word of the
-- issuer's network with what was answered.
CREATE TABLE purpose_contract (
    hash         text        PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    contract_id  text        NOT NULL,
    version      integer     NOT NULL CHECK (version >= 1),
    body         bytea       NOT NULL CHECK (encode(sha256(body), 'hex') = hash),
    published_at timestamptz NOT NULL,
    UNIQUE (contract_id, version)
);

CREATE TABLE purpose_card (
    cell              smallint    NOT NULL,
    card_id           uuid        NOT NULL,
    person_id         uuid        NOT NULL,
    contract_hash     text        NOT NULL,
    limit_fen         bigint      NOT NULL CHECK (limit_fen > 0),
    agreed_at         timestamptz NOT NULL,
    frozen_for        text,
    first_captured_on date,
    PRIMARY KEY (cell, card_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX purpose_card_person ON purpose_card (cell, person_id);

CREATE TABLE purpose_spend (
    cell         smallint NOT NULL,
    spend_id     uuid     NOT NULL,
    card_id      uuid     NOT NULL,
    merchant     text     NOT NULL,
    category     text     NOT NULL,
    currency     text     NOT NULL,
    amount_fen   bigint   NOT NULL CHECK (amount_fen > 0),
    clause       text     NOT NULL,
    spent_on     date     NOT NULL,
    expires_on   date     NOT NULL,
    state        text     NOT NULL CHECK (state IN ('held', 'captured', 'released', 'reversed')),
    captured_fen bigint   NOT NULL DEFAULT 0 CHECK (captured_fen BETWEEN 0 AND amount_fen),
    returned_fen bigint   NOT NULL DEFAULT 0 CHECK (returned_fen BETWEEN 0 AND captured_fen),
    PRIMARY KEY (cell, spend_id),
    FOREIGN KEY (cell, card_id) REFERENCES purpose_card (cell, card_id)
);
CREATE INDEX purpose_spend_card ON purpose_spend (cell, card_id, spent_on);

CREATE TABLE purpose_message (
    cell       smallint    NOT NULL,
    message_id uuid        NOT NULL,
    card_id    uuid        NOT NULL,
    kind       text        NOT NULL,
    body_hash  bytea       NOT NULL,
    said       jsonb       NOT NULL,
    answer     jsonb       NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (cell, message_id),
    FOREIGN KEY (cell, card_id) REFERENCES purpose_card (cell, card_id)
);
CREATE INDEX purpose_message_card ON purpose_message (cell, card_id, at);

CREATE TABLE purpose_evidence (
    cell        smallint    NOT NULL,
    evidence_id uuid        NOT NULL,
    card_id     uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('invoice', 'registration', 'insurance')),
    -- Of the number of the paper, keyed: who asks whether a paper was used before needs no more.
    number_hash bytea       NOT NULL,
    brought_at  timestamptz NOT NULL,
    PRIMARY KEY (cell, evidence_id),
    UNIQUE (cell, card_id, kind),
    FOREIGN KEY (cell, card_id) REFERENCES purpose_card (cell, card_id)
);

CREATE FUNCTION purpose_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was published, said and brought of money with a purpose is neither changed nor deleted';
END
$$;
CREATE TRIGGER purpose_contract_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON purpose_contract
    FOR EACH STATEMENT EXECUTE FUNCTION purpose_stays();
CREATE TRIGGER purpose_message_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON purpose_message
    FOR EACH STATEMENT EXECUTE FUNCTION purpose_stays();
CREATE TRIGGER purpose_evidence_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON purpose_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION purpose_stays();

-- Rows that change with each message of the network.
ALTER TABLE purpose_card SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE purpose_spend SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
