-- The ledger: accounts with four sums each, transfers that never change, and one hold per pending transfer.
-- Codes, kinds and reasons are numbers of mingqu.domain.ledger.

CREATE TABLE account (
    cell                smallint NOT NULL,
    owner               uuid     NOT NULL,
    code                smallint NOT NULL,
    currency            text     NOT NULL COLLATE "C",
    -- 0: either side may grow. 1: debit account whose credits may not exceed its debits. 2: the reverse.
    strict_side         smallint NOT NULL CHECK (strict_side IN (0, 1, 2)),
    debits_posted_fen   bigint   NOT NULL DEFAULT 0,
    credits_posted_fen  bigint   NOT NULL DEFAULT 0,
    debits_pending_fen  bigint   NOT NULL DEFAULT 0,
    credits_pending_fen bigint   NOT NULL DEFAULT 0,
    closed_on           date,
    PRIMARY KEY (cell, owner, code, currency),
    -- The last line of defense: post_batch answers with a result before any of these can fail.
    CONSTRAINT account_sums CHECK (
        debits_posted_fen >= 0 AND credits_posted_fen >= 0 AND debits_pending_fen >= 0 AND credits_pending_fen >= 0),
    CONSTRAINT account_limit CHECK (
        CASE strict_side
            WHEN 1 THEN credits_posted_fen + credits_pending_fen <= debits_posted_fen
            WHEN 2 THEN debits_posted_fen + debits_pending_fen <= credits_posted_fen
            ELSE true
        END)
-- No index holds a balance, so an update that finds room in its page touches no index at all.
) WITH (fillfactor = 50);

CREATE TABLE transfer (
    cell         smallint NOT NULL,
    id           uuid     NOT NULL,
    debit_owner  uuid     NOT NULL,
    credit_owner uuid     NOT NULL,
    amount_fen   bigint   NOT NULL CHECK (amount_fen > 0),
    value_date   date     NOT NULL,
    posted_on    date     NOT NULL,
    debit_code   smallint NOT NULL,
    credit_code  smallint NOT NULL,
    kind         smallint NOT NULL CHECK (kind IN (1, 2, 3, 4)),
    reason       smallint NOT NULL,
    currency     text     NOT NULL COLLATE "C",
    reference    uuid     NOT NULL,
    pending_id   uuid,
    PRIMARY KEY (cell, id),
    CONSTRAINT transfer_pending CHECK ((pending_id IS NOT NULL) = (kind IN (3, 4)))
);

-- Statements ask for the transfers of one owner. The condition is always true: only a query that repeats it
-- can use these indexes. Without it a lookup by id, planned while the table is small and every index looks as
-- cheap as the other, may walk along one of these, and goes on doing so in a table of millions.
CREATE INDEX transfer_debit_owner ON transfer (cell, debit_owner) WHERE amount_fen > 0;
CREATE INDEX transfer_credit_owner ON transfer (cell, credit_owner) WHERE amount_fen > 0;

-- What became of a pending transfer. 1 open, 2 posted, 3 voided.
CREATE TABLE hold (
    cell       smallint NOT NULL,
    id         uuid     NOT NULL,
    state      smallint NOT NULL DEFAULT 1 CHECK (state IN (1, 2, 3)),
    amount_fen bigint   NOT NULL CHECK (amount_fen > 0),
    posted_fen bigint   NOT NULL DEFAULT 0 CHECK (posted_fen BETWEEN 0 AND amount_fen),
    PRIMARY KEY (cell, id)
) WITH (fillfactor = 80);

CREATE FUNCTION transfer_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a transfer is never changed or removed: correct it by another transfer';
END
$$;

CREATE TRIGGER transfer_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION transfer_is_immutable();
