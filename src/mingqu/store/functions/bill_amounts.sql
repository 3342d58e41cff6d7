-- What a packed bill of a revolving account asks for that was late before, in fen. Places of the layout:
-- src/mingqu/domain/spend/packed.py.
CREATE OR REPLACE FUNCTION bill_amounts(p_body bytea, OUT penalty_fen bigint, OUT overdue_fen bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT substring(p_body FROM 37 FOR 8)::bigint, substring(p_body FROM 53 FOR 8)::bigint
$$;
