-- The ledger: accounts with four sums each, transfers that never change, and one hold per pending transfer.
-- Codes, kinds and reasons are numbers of mingqu.domain.ledger.
--
-- Only post_batch writes balances and transfers, and answers with a result before any rule can be broken; the
-- proof reads every row for what it promises. CHECK constraints would say the same a third time, and PostgreSQL
-- prepares them anew for each statement: they doubled the time of a single transfer.

CREATE TABLE account (
    cell                smallint NOT NULL,
    owner               uuid     NOT NULL,
    code                smallint NOT NULL,
    currency            text     NOT NULL COLLATE "C",
    -- 0: either side may grow. 1: debit account whose credits may not exceed its debits. 2: the reverse.
    strict_side         smallint NOT NULL,
    debits_posted_fen   bigint   NOT NULL DEFAULT 0,
    credits_posted_fen  bigint   NOT NULL DEFAULT 0,
    debits_pending_fen  bigint   NOT NULL DEFAULT 0,
    credits_pending_fen bigint   NOT NULL DEFAULT 0,
    closed_on           date,
    PRIMARY KEY (cell, owner, code, currency)
-- No index holds a balance, so an update that finds room in its page touches no index at all.
) WITH (fillfactor = 50);

CREATE TABLE transfer (
    cell         smallint NOT NULL,
    id           uuid     NOT NULL,
    debit_owner  uuid     NOT NULL,
    credit_owner uuid     NOT NULL,
    amount_fen   bigint   NOT NULL,
    value_date   date     NOT NULL,
    posted_on    date     NOT NULL,
    debit_code   smallint NOT NULL,
    credit_code  smallint NOT NULL,
    kind         smallint NOT NULL,
    reason       smallint NOT NULL,
    currency     text     NOT NULL COLLATE "C",
    reference    uuid     NOT NULL,
    pending_id   uuid,
    PRIMARY KEY (cell, id)
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
