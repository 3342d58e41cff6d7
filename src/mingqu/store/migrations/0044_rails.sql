-- To whom the contract of a loan says that its money goes: then to nobody else. Account and name are in the vault.
CREATE TABLE contract_payee (
    cell         smallint    NOT NULL,
    loan_id      uuid        NOT NULL,
    person_id    uuid        NOT NULL,
    contract_id  uuid        NOT NULL,
    account_hash bytea       NOT NULL,
    bank         text        NOT NULL,
    purpose      text        NOT NULL,
    named_at     timestamptz NOT NULL,
    PRIMARY KEY (cell, loan_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX contract_payee_person ON contract_payee (cell, person_id);

CREATE FUNCTION contract_payee_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the payee of a contract is neither changed nor deleted';
END
$$;
CREATE TRIGGER contract_payee_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON contract_payee
    FOR EACH STATEMENT EXECUTE FUNCTION contract_payee_stays();

-- Which payment a return gives back on, where it goes back the way it came and not to a card.
CREATE TABLE refund_of (
    cell      smallint NOT NULL,
    order_id  uuid     NOT NULL,
    paid_by   uuid     NOT NULL,
    total_fen bigint   NOT NULL CHECK (total_fen > 0),
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, paid_by) REFERENCES channel_order (cell, order_id)
);
CREATE INDEX refund_of_payment ON refund_of (cell, paid_by);
