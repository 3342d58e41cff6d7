-- Post one transfer and return its result; under the cell's lock. A result other than 0 has changed nothing.
-- With p_chain_failed nothing is posted: a replay is answered, anything else is 12, a transfer of a failed chain.
--
-- Nearly every transfer is new and right. So the balances are changed and the row is written at once, under
-- conditions that hold only then; where one of them does not, what was changed is changed back, and the rules are
-- gone through in their order.

DROP FUNCTION IF EXISTS post_one;

CREATE FUNCTION post_one(
    p_cell smallint, p_id uuid, p_kind smallint,
    p_debit_owner uuid, p_debit_code smallint, p_debit_currency text,
    p_credit_owner uuid, p_credit_code smallint, p_credit_currency text,
    p_amount_fen bigint, p_reason smallint, p_value_date date, p_posted_on date,
    p_reference uuid, p_pending_id uuid, p_expires_on date, p_chain_failed boolean
) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
    largest constant bigint := 9223372036854775807;
    moved   bigint := CASE p_kind WHEN 1 THEN p_amount_fen ELSE 0 END;
    held    bigint := CASE p_kind WHEN 2 THEN p_amount_fen ELSE 0 END;
    earlier transfer%ROWTYPE;
    pending transfer%ROWTYPE;
    debit   account%ROWTYPE;
    credit  account%ROWTYPE;
    state_  smallint;
BEGIN
    IF p_kind <= 2 AND p_amount_fen > 0 AND p_pending_id IS NULL AND p_debit_currency = p_credit_currency
       AND (p_debit_owner <> p_credit_owner OR p_debit_code <> p_credit_code)
       AND (p_expires_on IS NULL OR (p_kind = 2 AND p_expires_on > p_posted_on)) AND NOT p_chain_failed THEN
        UPDATE account SET debits_posted_fen = debits_posted_fen + moved, debits_pending_fen = debits_pending_fen + held
        WHERE cell = p_cell AND owner = p_debit_owner AND code = p_debit_code AND currency = p_debit_currency
          AND closed_on IS NULL AND p_amount_fen <= largest - (debits_posted_fen + debits_pending_fen)
          AND (strict_side <> 2 OR p_amount_fen <= credits_posted_fen - (debits_posted_fen + debits_pending_fen));
        IF FOUND THEN
            UPDATE account
            SET credits_posted_fen = credits_posted_fen + moved, credits_pending_fen = credits_pending_fen + held
            WHERE cell = p_cell AND owner = p_credit_owner AND code = p_credit_code AND currency = p_credit_currency
              AND closed_on IS NULL AND p_amount_fen <= largest - (credits_posted_fen + credits_pending_fen)
              AND (strict_side <> 1 OR p_amount_fen <= debits_posted_fen - (credits_posted_fen + credits_pending_fen));
            IF FOUND THEN
                INSERT INTO transfer (cell, id, kind, debit_owner, debit_code, credit_owner, credit_code, currency,
                                      amount_fen, reason, value_date, posted_on, reference, expires_on)
                VALUES (p_cell, p_id, p_kind, p_debit_owner, p_debit_code, p_credit_owner, p_credit_code,
                        p_debit_currency, p_amount_fen, p_reason, p_value_date, p_posted_on, p_reference, p_expires_on)
                ON CONFLICT DO NOTHING;
                IF FOUND THEN
                    IF p_kind = 2 THEN
                        INSERT INTO hold (cell, id, amount_fen, expires_on)
                        VALUES (p_cell, p_id, p_amount_fen, p_expires_on);
                    END IF;
                    RETURN 0;
                END IF;
                UPDATE account
                SET credits_posted_fen = credits_posted_fen - moved, credits_pending_fen = credits_pending_fen - held
                WHERE cell = p_cell AND owner = p_credit_owner AND code = p_credit_code
                  AND currency = p_credit_currency;
            END IF;
            UPDATE account
            SET debits_posted_fen = debits_posted_fen - moved, debits_pending_fen = debits_pending_fen - held
            WHERE cell = p_cell AND owner = p_debit_owner AND code = p_debit_code AND currency = p_debit_currency;
        END IF;
    END IF;

    SELECT * INTO earlier FROM transfer WHERE cell = p_cell AND id = p_id;
    IF FOUND THEN
        RETURN CASE
            WHEN earlier.kind <> p_kind THEN 2
            WHEN (earlier.debit_owner, earlier.debit_code, earlier.currency)
                 <> (p_debit_owner, p_debit_code, p_debit_currency) THEN 3
            WHEN (earlier.credit_owner, earlier.credit_code, earlier.currency)
                 <> (p_credit_owner, p_credit_code, p_credit_currency) THEN 4
            WHEN earlier.amount_fen <> p_amount_fen THEN 5
            WHEN earlier.reason <> p_reason THEN 6
            WHEN earlier.value_date <> p_value_date THEN 7
            WHEN earlier.posted_on <> p_posted_on THEN 8
            WHEN earlier.reference <> p_reference THEN 9
            WHEN earlier.pending_id IS DISTINCT FROM p_pending_id THEN 10
            WHEN earlier.expires_on IS DISTINCT FROM p_expires_on THEN 11
            ELSE 1
        END;
    END IF;
    IF p_chain_failed THEN RETURN 12; END IF;
    IF p_amount_fen = 0 THEN RETURN 20; END IF;
    IF p_amount_fen = -largest - 1 THEN RETURN 22; END IF;
    IF p_amount_fen < 0 THEN RETURN 21; END IF;
    IF p_kind IN (3, 4, 5) AND p_pending_id IS NULL THEN RETURN 23; END IF;
    IF p_kind IN (1, 2) AND p_pending_id IS NOT NULL THEN RETURN 24; END IF;
    IF p_kind <> 2 AND p_expires_on IS NOT NULL THEN RETURN 25; END IF;
    IF p_expires_on <= p_posted_on THEN RETURN 26; END IF;
    IF (p_debit_owner, p_debit_code, p_debit_currency) = (p_credit_owner, p_credit_code, p_credit_currency) THEN
        RETURN 27;
    END IF;
    IF p_debit_currency <> p_credit_currency THEN RETURN 28; END IF;

    SELECT * INTO debit FROM account
    WHERE cell = p_cell AND owner = p_debit_owner AND code = p_debit_code AND currency = p_debit_currency;
    IF NOT FOUND THEN RETURN 30; END IF;
    SELECT * INTO credit FROM account
    WHERE cell = p_cell AND owner = p_credit_owner AND code = p_credit_code AND currency = p_credit_currency;
    IF NOT FOUND THEN RETURN 31; END IF;
    IF debit.closed_on IS NOT NULL THEN RETURN 32; END IF;
    IF credit.closed_on IS NOT NULL THEN RETURN 33; END IF;

    IF p_kind IN (1, 2) THEN
        -- Posted and pending together never pass the largest bigint, so the differences below do not either.
        -- "Exceeds" comes before "overflows": the limit is what a caller can do something about.
        IF debit.strict_side = 2 AND p_amount_fen
           > debit.credits_posted_fen - (debit.debits_posted_fen + debit.debits_pending_fen) THEN
            RETURN 50;
        END IF;
        IF credit.strict_side = 1 AND p_amount_fen
           > credit.debits_posted_fen - (credit.credits_posted_fen + credit.credits_pending_fen) THEN
            RETURN 51;
        END IF;
        IF p_amount_fen > largest - (debit.debits_posted_fen + debit.debits_pending_fen)
           OR p_amount_fen > largest - (credit.credits_posted_fen + credit.credits_pending_fen) THEN
            RETURN 60;
        END IF;
        RAISE EXCEPTION 'transfer % was new and right and yet not written', p_id;
    END IF;

    SELECT * INTO pending FROM transfer WHERE cell = p_cell AND id = p_pending_id AND kind = 2;
    IF NOT FOUND THEN RETURN 40; END IF;
    IF (pending.debit_owner, pending.debit_code, pending.credit_owner, pending.credit_code, pending.currency)
       <> (p_debit_owner, p_debit_code, p_credit_owner, p_credit_code, p_debit_currency) THEN
        RETURN 41;
    END IF;
    SELECT state INTO STRICT state_ FROM hold WHERE cell = p_cell AND id = p_pending_id;
    IF state_ > 1 THEN RETURN 40 + state_; END IF;  -- posted, voided, expired
    IF p_kind = 5 AND (pending.expires_on <= p_posted_on) IS NOT TRUE THEN RETURN 45; END IF;
    IF p_kind = 3 AND p_amount_fen > pending.amount_fen THEN RETURN 46; END IF;
    IF p_kind > 3 AND p_amount_fen <> pending.amount_fen THEN RETURN 47; END IF;
    moved := CASE p_kind WHEN 3 THEN p_amount_fen ELSE 0 END;
    UPDATE hold SET state = p_kind - 1, posted_fen = moved WHERE cell = p_cell AND id = p_pending_id;
    UPDATE account SET debits_pending_fen = debits_pending_fen - pending.amount_fen,
                       debits_posted_fen = debits_posted_fen + moved
    WHERE cell = p_cell AND owner = p_debit_owner AND code = p_debit_code AND currency = p_debit_currency;
    UPDATE account SET credits_pending_fen = credits_pending_fen - pending.amount_fen,
                       credits_posted_fen = credits_posted_fen + moved
    WHERE cell = p_cell AND owner = p_credit_owner AND code = p_credit_code AND currency = p_credit_currency;
    INSERT INTO transfer (cell, id, kind, debit_owner, debit_code, credit_owner, credit_code, currency,
                          amount_fen, reason, value_date, posted_on, reference, pending_id)
    VALUES (p_cell, p_id, p_kind, p_debit_owner, p_debit_code, p_credit_owner, p_credit_code, p_debit_currency,
            p_amount_fen, p_reason, p_value_date, p_posted_on, p_reference, p_pending_id);
    RETURN 0;
END
$$;
