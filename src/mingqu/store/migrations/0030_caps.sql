-- What borrowers said of their own cap, word by word: the last that has begun holds. Null: no cap.
CREATE TABLE limit_cap (
    cell       smallint    NOT NULL,
    cap_id     uuid        NOT NULL,
    person_id  uuid        NOT NULL,
    number     integer     NOT NULL CHECK (number >= 1),
    amount_fen bigint      CHECK (amount_fen >= 0),
    set_at     timestamptz NOT NULL,
    starts_at  timestamptz NOT NULL CHECK (starts_at >= set_at),
    -- Drawn and held when it was said: what lay above it then may stay.
    used_fen   bigint      NOT NULL CHECK (used_fen >= 0),
    PRIMARY KEY (cell, cap_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE UNIQUE INDEX limit_cap_person ON limit_cap (cell, person_id, number);

CREATE FUNCTION limit_cap_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was said of a cap is neither changed nor deleted';
END
$$;
CREATE TRIGGER limit_cap_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_cap
    FOR EACH STATEMENT EXECUTE FUNCTION limit_cap_stays();
