-- What the packed state of a revolving account says of its amounts, in fen; `own_fen` is what is its owner's: credit, and
-- what came back and waits for the next bill. Places of the layout: src/mingqu/domain/spend/packed.py.
CREATE OR REPLACE FUNCTION spend_amounts(
    p_state bytea,
    OUT limit_fen bigint, OUT interest_fen bigint, OUT fee_fen bigint, OUT penalty_fen bigint, OUT own_fen bigint
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT substring(p_state FROM 31 FOR 8)::bigint,
           substring(p_state FROM 39 FOR 8)::bigint,
           substring(p_state FROM 47 FOR 8)::bigint,
           substring(p_state FROM 55 FOR 8)::bigint,
           substring(p_state FROM 63 FOR 8)::bigint + coalesce(
               (SELECT sum(substring(p_state FROM 239 + 53 * lot FOR 8)::bigint)::bigint
                FROM generate_series(0, substring(p_state FROM 3 FOR 4)::integer - 1) AS lot), 0)
$$;
