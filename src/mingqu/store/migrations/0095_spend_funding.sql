-- Which source funds a revolving account, as it was routed with its first purchase or draw: all later ones stay with it.
CREATE TABLE spend_funding (
    cell         smallint    NOT NULL,
    account_id   uuid        NOT NULL,
    product_id   text        NOT NULL COLLATE "C",
    plan_version integer     NOT NULL CHECK (plan_version >= 1),
    source_id    text        NOT NULL COLLATE "C",
    routed_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, account_id),
    FOREIGN KEY (cell, account_id) REFERENCES spend_account (cell, account_id)
);
CREATE TRIGGER loan_funding_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON spend_funding
    FOR EACH STATEMENT EXECUTE FUNCTION loan_funding_stays();
