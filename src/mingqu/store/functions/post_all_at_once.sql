-- Post a whole batch and return true, or change nothing and return false when any transfer of it needs a
-- closer look: a replay, a POST or VOID, or anything wrong.

DROP FUNCTION IF EXISTS post_all_at_once;

CREATE FUNCTION post_all_at_once(
    p_cell smallint, p_id uuid[], p_kind smallint[],
    p_debit_owner uuid[], p_debit_code smallint[], p_debit_currency text[],
    p_credit_owner uuid[], p_credit_code smallint[], p_credit_currency text[],
    p_amount_fen bigint[], p_reason smallint[], p_value_date date[], p_posted_on date[],
    p_reference uuid[], p_pending_id uuid[], p_expires_on date[], p_linked boolean[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    written int;
    touched int;
BEGIN
    IF 3 <= ANY (p_kind) OR p_debit_currency <> p_credit_currency OR 0 >= ANY (p_amount_fen)
       OR num_nonnulls(VARIADIC p_pending_id) > 0 OR p_linked[cardinality(p_linked)] THEN
        RETURN false;
    END IF;
    IF num_nonnulls(VARIADIC p_expires_on) > 0 THEN
        IF EXISTS (SELECT FROM unnest(p_kind, p_posted_on, p_expires_on) AS t (kind, posted_on, expires_on)
                   WHERE t.expires_on IS NOT NULL AND (t.kind <> 2 OR t.expires_on <= t.posted_on)) THEN
            RETURN false;
        END IF;
    END IF;

    -- The changes of this block are undone when it raises.
    BEGIN
        INSERT INTO transfer (cell, id, kind, debit_owner, debit_code, credit_owner, credit_code, currency,
                              amount_fen, reason, value_date, posted_on, reference, expires_on)
        SELECT p_cell, t.id, t.kind, t.debit_owner, t.debit_code, t.credit_owner, t.credit_code, t.currency,
               t.amount_fen, t.reason, t.value_date, t.posted_on, t.reference, t.expires_on
        FROM unnest(p_id, p_kind, p_debit_owner, p_debit_code, p_credit_owner, p_credit_code, p_debit_currency,
                    p_amount_fen, p_reason, p_value_date, p_posted_on, p_reference, p_expires_on)
             AS t (id, kind, debit_owner, debit_code, credit_owner, credit_code, currency,
                   amount_fen, reason, value_date, posted_on, reference, expires_on)
        WHERE (t.debit_owner, t.debit_code) <> (t.credit_owner, t.credit_code);
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> cardinality(p_id) THEN
            RAISE EXCEPTION USING ERRCODE = 'MQ001';
        END IF;

        -- One update per account. A strict account's other side is compared with its normal side as it was before, and
        -- if that was not enough, with the lowest that the account comes to, transfer by transfer: `held_1` is what it
        -- has if debits fill it, `held_2` if credits do. Few batches fill what they empty, so this is worked out when
        -- it is asked for.
        WITH side AS NOT MATERIALIZED (
            SELECT t.owner, t.code, t.currency, t.place,
                   CASE t.kind WHEN 1 THEN t.amount_fen ELSE 0 END AS debits, 0::bigint AS credits,
                   CASE t.kind WHEN 2 THEN t.amount_fen ELSE 0 END AS debits_held, 0::bigint AS credits_held
            FROM unnest(p_debit_owner, p_debit_code, p_debit_currency, p_kind, p_amount_fen) WITH ORDINALITY
                 AS t (owner, code, currency, kind, amount_fen, place)
            UNION ALL
            SELECT t.owner, t.code, t.currency, t.place,
                   0, CASE t.kind WHEN 1 THEN t.amount_fen ELSE 0 END,
                   0, CASE t.kind WHEN 2 THEN t.amount_fen ELSE 0 END
            FROM unnest(p_credit_owner, p_credit_code, p_credit_currency, p_kind, p_amount_fen) WITH ORDINALITY
                 AS t (owner, code, currency, kind, amount_fen, place)
        ), lowest AS MATERIALIZED (
            SELECT owner, code, currency, min(held_1) AS held_1, min(held_2) AS held_2
            FROM (
                SELECT owner, code, currency, sum(debits - credits - credits_held) OVER so_far AS held_1,
                       sum(credits - debits - debits_held) OVER so_far AS held_2
                FROM side
                WINDOW so_far AS (PARTITION BY owner, code, currency ORDER BY place ROWS UNBOUNDED PRECEDING)
            ) AS running
            GROUP BY owner, code, currency
        ), delta AS (
            -- A sum beyond bigint raises here or below.
            SELECT owner, code, currency, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits,
                   sum(debits_held)::bigint AS debits_held, sum(credits_held)::bigint AS credits_held
            FROM side
            GROUP BY owner, code, currency
        ), updated AS (
            UPDATE account a
            SET debits_posted_fen = a.debits_posted_fen + d.debits,
                credits_posted_fen = a.credits_posted_fen + d.credits,
                debits_pending_fen = a.debits_pending_fen + d.debits_held,
                credits_pending_fen = a.credits_pending_fen + d.credits_held
            FROM delta d
            WHERE a.cell = p_cell AND a.owner = d.owner AND a.code = d.code AND a.currency = d.currency
              AND a.closed_on IS NULL
              -- These two raise when a sum passes the largest bigint.
              AND (a.debits_posted_fen + a.debits_pending_fen) + (d.debits + d.debits_held) >= 0
              AND (a.credits_posted_fen + a.credits_pending_fen) + (d.credits + d.credits_held) >= 0
              AND CASE a.strict_side
                    WHEN 1 THEN d.credits + d.credits_held = 0
                        OR a.credits_posted_fen + a.credits_pending_fen + (d.credits + d.credits_held)
                           <= a.debits_posted_fen
                        OR a.debits_posted_fen - (a.credits_posted_fen + a.credits_pending_fen)
                           + (SELECT l.held_1 FROM lowest l
                              WHERE l.owner = d.owner AND l.code = d.code AND l.currency = d.currency) >= 0
                    WHEN 2 THEN d.debits + d.debits_held = 0
                        OR a.debits_posted_fen + a.debits_pending_fen + (d.debits + d.debits_held)
                           <= a.credits_posted_fen
                        OR a.credits_posted_fen - (a.debits_posted_fen + a.debits_pending_fen)
                           + (SELECT l.held_2 FROM lowest l
                              WHERE l.owner = d.owner AND l.code = d.code AND l.currency = d.currency) >= 0
                    ELSE true
                  END
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM delta) - (SELECT count(*) FROM updated) INTO touched;
        IF touched <> 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'MQ001';
        END IF;

        IF 2 = ANY (p_kind) THEN
            INSERT INTO hold (cell, id, amount_fen, expires_on)
            SELECT p_cell, t.id, t.amount_fen, t.expires_on
            FROM unnest(p_id, p_kind, p_amount_fen, p_expires_on) AS t (id, kind, amount_fen, expires_on)
            WHERE t.kind = 2;
        END IF;
        RETURN true;
    EXCEPTION
        -- MQ001 from above; a transfer that exists; a sum beyond bigint.
        WHEN SQLSTATE 'MQ001' OR unique_violation OR numeric_value_out_of_range THEN
            RETURN false;
    END;
END
$$;
