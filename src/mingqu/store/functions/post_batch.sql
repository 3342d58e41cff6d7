-- Post a batch of transfers of one cell and return one result number per transfer, in order. The numbers
-- and their precedence are those of mingqu.domain.ledger.Result; amounts beyond bigint arrive as the lowest bigint.
-- Takes the cell's writer lock, so that what is read stays true until the transaction ends.
--
-- Two ways with the same meaning: all at once, when every transfer is new and right; one after the other,
-- in order, otherwise. A test compares both with a model that knows neither.
--
-- A transfer with p_linked forms a chain with the next one. A chain is posted whole or not at all: the first that is
-- refused keeps its result, the others answer a replay or 12. 13: the batch ends within a chain. Who has neither
-- chains nor holds that lapse leaves both arrays away.
--
-- With p_whole a batch of which anything is refused fails with MQ003, its results in the detail: what goes along with it
-- in one round trip, a COMMIT too, is then not done.

DROP FUNCTION IF EXISTS post_batch;

CREATE FUNCTION post_batch(
    p_cell smallint, p_id uuid[], p_kind smallint[],
    p_debit_owner uuid[], p_debit_code smallint[], p_debit_currency text[],
    p_credit_owner uuid[], p_credit_code smallint[], p_credit_currency text[],
    p_amount_fen bigint[], p_reason smallint[], p_value_date date[], p_posted_on date[],
    p_reference uuid[], p_pending_id uuid[], p_expires_on date[] DEFAULT NULL, p_linked boolean[] DEFAULT NULL,
    p_whole boolean DEFAULT false
) RETURNS smallint[] LANGUAGE plpgsql
-- Plans are kept from call to call and made for the tables as they will be, not as empty as they are on the
-- first day: accounts and transfers are always found by their keys.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    n       constant int := cardinality(p_id);
    results smallint[] := array_fill(0::smallint, ARRAY[n]);
    result  smallint;
    first   int := 1;
    last    int;
    failed  int;
BEGIN
    PERFORM FROM cell WHERE cell = p_cell FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cell % is not in this book', p_cell;
    END IF;
    -- Below this many, reading the accounts one by one costs less than grouping.
    IF n > 4 THEN
        IF post_all_at_once(p_cell, p_id, p_kind, p_debit_owner, p_debit_code, p_debit_currency,
                            p_credit_owner, p_credit_code, p_credit_currency, p_amount_fen, p_reason,
                            p_value_date, p_posted_on, p_reference, p_pending_id, p_expires_on, p_linked) THEN
            RETURN results;
        END IF;
    END IF;
    WHILE first <= n LOOP
        last := first;
        WHILE last < n AND p_linked[last] LOOP
            last := last + 1;
        END LOOP;
        IF first = last AND p_linked[last] IS NOT TRUE THEN
            results[first] := post_one(
                p_cell, p_id[first], p_kind[first], p_debit_owner[first], p_debit_code[first], p_debit_currency[first],
                p_credit_owner[first], p_credit_code[first], p_credit_currency[first], p_amount_fen[first],
                p_reason[first], p_value_date[first], p_posted_on[first], p_reference[first], p_pending_id[first],
                p_expires_on[first], false);
        ELSE
            failed := CASE WHEN p_linked[last] THEN last ELSE 0 END;
            result := 13;
            IF failed = 0 THEN
                -- What this block has posted is undone when it raises.
                BEGIN
                    FOR i IN first .. last LOOP
                        results[i] := post_one(
                            p_cell, p_id[i], p_kind[i], p_debit_owner[i], p_debit_code[i], p_debit_currency[i],
                            p_credit_owner[i], p_credit_code[i], p_credit_currency[i], p_amount_fen[i], p_reason[i],
                            p_value_date[i], p_posted_on[i], p_reference[i], p_pending_id[i], p_expires_on[i], false);
                        IF results[i] > 1 THEN
                            failed := i;
                            result := results[i];
                            RAISE EXCEPTION USING ERRCODE = 'MQ002';
                        END IF;
                    END LOOP;
                EXCEPTION WHEN SQLSTATE 'MQ002' THEN
                    NULL;  -- variables keep their values: `failed` says which it was
                END;
            END IF;
            IF failed > 0 THEN
                FOR i IN first .. last LOOP
                    results[i] := post_one(
                        p_cell, p_id[i], p_kind[i], p_debit_owner[i], p_debit_code[i], p_debit_currency[i],
                        p_credit_owner[i], p_credit_code[i], p_credit_currency[i], p_amount_fen[i], p_reason[i],
                        p_value_date[i], p_posted_on[i], p_reference[i], p_pending_id[i], p_expires_on[i], true);
                    IF i = failed AND results[i] = 12 THEN
                        results[i] := result;
                    END IF;
                END LOOP;
            END IF;
        END IF;
        first := last + 1;
    END LOOP;
    IF p_whole AND 1 < ANY (results) THEN
        RAISE EXCEPTION USING ERRCODE = 'MQ003', MESSAGE = 'a transfer of a batch was refused',
                              DETAIL = array_to_string(results, ' ');
    END IF;
    RETURN results;
END
$$;
