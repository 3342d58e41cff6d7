-- A loan that turned out not to have been eligible goes back to its originator: from `returned_on` on the pool has no part
-- in it. The price is distributed with the money of the day before, whose row says what it came to.
ALTER TABLE pool_loan
    ADD COLUMN returned_on        date,
    ADD COLUMN returned_fen       bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_other_fen bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_for       text[],
    ADD CHECK (returned_fen >= 0 AND returned_other_fen >= 0),
    ADD CHECK (returned_on > bought_on),
    ADD CHECK ((returned_on IS NULL) = (returned_for IS NULL)),
    ADD CHECK (returned_on IS NOT NULL OR (returned_fen, returned_other_fen) = (0, 0));
ALTER TABLE pool_day
    ADD COLUMN returned_fen       bigint NOT NULL DEFAULT 0 CHECK (returned_fen >= 0),
    ADD COLUMN returned_other_fen bigint NOT NULL DEFAULT 0 CHECK (returned_other_fen >= 0);

CREATE OR REPLACE FUNCTION pool_default_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.cell, NEW.loan_id, NEW.pool_id, NEW.bought_on, NEW.bought_fen)
           IS DISTINCT FROM (OLD.cell, OLD.loan_id, OLD.pool_id, OLD.bought_on, OLD.bought_fen)
       OR (OLD.defaulted_on IS NOT NULL
           AND (NEW.defaulted_on, NEW.defaulted_fen) IS DISTINCT FROM (OLD.defaulted_on, OLD.defaulted_fen))
       OR (OLD.returned_on IS NOT NULL
           AND (NEW.returned_on, NEW.returned_fen, NEW.returned_other_fen, NEW.returned_for)
               IS DISTINCT FROM (OLD.returned_on, OLD.returned_fen, OLD.returned_other_fen, OLD.returned_for)) THEN
        RAISE EXCEPTION 'of a loan that a pool bought only its default and its return are added, each once';
    END IF;
    RETURN NEW;
END
$$;
