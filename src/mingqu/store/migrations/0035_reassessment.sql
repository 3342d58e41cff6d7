-- Until when an assessment that gave limits, or replaced them, lets its person draw. Null: for as long as it stands.
CREATE TABLE assessment (
    cell        smallint    NOT NULL,
    decision_id uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    decided_at  timestamptz NOT NULL,
    valid_until date,
    PRIMARY KEY (cell, decision_id),
    FOREIGN KEY (cell, decision_id) REFERENCES decision (cell, decision_id)
);
CREATE INDEX assessment_person ON assessment (cell, person_id, decided_at);

-- What a later assessment made of a limit: the person's own (owner is the person) or a line's (owner is the facility).
CREATE TABLE limit_change (
    cell            smallint    NOT NULL,
    decision_id     uuid        NOT NULL,
    owner           uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    -- Of a line: by which version of its product, and at which rate, it lends from now on.
    product_version integer,
    rate_year_ppm   integer     CHECK (rate_year_ppm >= 0),
    before_fen      bigint      NOT NULL CHECK (before_fen >= 0),
    after_fen       bigint      NOT NULL CHECK (after_fen >= 0),
    -- Until `usable_at` only this much of it is of use.
    standing_fen    bigint      NOT NULL CHECK (standing_fen BETWEEN 0 AND after_fen),
    usable_at       timestamptz NOT NULL CHECK (usable_at >= changed_at),
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (cell, decision_id, owner),
    FOREIGN KEY (cell, decision_id) REFERENCES decision (cell, decision_id)
);
CREATE INDEX limit_change_owner ON limit_change (cell, owner, changed_at);
CREATE INDEX limit_change_person ON limit_change (cell, person_id);

CREATE FUNCTION assessment_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what an assessment made of a limit is neither changed nor deleted';
END
$$;
CREATE TRIGGER assessment_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON assessment
    FOR EACH STATEMENT EXECUTE FUNCTION assessment_stays();
CREATE TRIGGER limit_change_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON limit_change
    FOR EACH STATEMENT EXECUTE FUNCTION assessment_stays();
