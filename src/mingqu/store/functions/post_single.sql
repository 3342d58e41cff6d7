-- Post one transfer in a transaction of its own and return its result number, all in one statement: the way of a
-- caller who has one transfer and nothing else to write. Takes the cell's writer lock like post_batch.

DROP FUNCTION IF EXISTS post_single;

CREATE FUNCTION post_single(
    p_cell smallint, p_id uuid, p_kind smallint,
    p_debit_owner uuid, p_debit_code smallint, p_debit_currency text,
    p_credit_owner uuid, p_credit_code smallint, p_credit_currency text,
    p_amount_fen bigint, p_reason smallint, p_value_date date, p_posted_on date,
    p_reference uuid, p_pending_id uuid, p_expires_on date
) RETURNS smallint LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
BEGIN
    PERFORM FROM cell WHERE cell = p_cell FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cell % is not in this book', p_cell;
    END IF;
    RETURN post_one(p_cell, p_id, p_kind, p_debit_owner, p_debit_code, p_debit_currency,
                    p_credit_owner, p_credit_code, p_credit_currency, p_amount_fen, p_reason,
                    p_value_date, p_posted_on, p_reference, p_pending_id, p_expires_on, false);
END
$$;
