-- Claim a key for the transaction. Returns one row: whether the key is new, and what it holds if it is not.
-- When another transaction has just claimed it and is still running, this waits only as long as set here
-- and fails with lock_not_available.
CREATE OR REPLACE FUNCTION claim_idempotency_key(p_cell smallint, p_caller text, p_key text, p_body_hash bytea)
RETURNS TABLE (is_new boolean, body_hash bytea, response jsonb)
LANGUAGE plpgsql
SET lock_timeout = '50ms'
AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO idempotency (cell, caller, key, body_hash) VALUES (p_cell, p_caller, p_key, p_body_hash)
    ON CONFLICT (cell, caller, key) DO NOTHING;
    IF FOUND THEN
        RETURN QUERY SELECT true, NULL::bytea, NULL::jsonb;
    ELSE
        RETURN QUERY SELECT false, i.body_hash, i.response FROM idempotency i
            WHERE i.cell = p_cell AND i.caller = p_caller AND i.key = p_key;
    END IF;
END
$$;
