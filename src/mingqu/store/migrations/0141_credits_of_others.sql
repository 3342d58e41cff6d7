-- A transfer within one owner, half of what is posted for a bill, is found by whom it debits: the index of credits holds
-- those of others. See mingqu.store.ledgers.credited.
DROP INDEX transfer_credit_owner;
CREATE INDEX transfer_credit_owner ON transfer (cell, credit_owner) WHERE amount_fen > 0 AND debit_owner <> credit_owner;
