-- Applications put to lenders that decide by themselves, and every word that those lenders said. A question is as the
-- last word left it; words stay, each with its leaf: the record of a decision that is not ours.
CREATE TABLE lender_question (
    cell          smallint    NOT NULL,
    question_id   uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    facility_id   uuid        NOT NULL,
    lender        text        NOT NULL,
    product_id    text        NOT NULL,
    amount_fen    bigint      NOT NULL CHECK (amount_fen > 0),
    currency      text        NOT NULL,
    instalments   smallint    NOT NULL CHECK (instalments >= 1),
    method        text        NOT NULL,
    consent_id    uuid        NOT NULL,
    asked_at      timestamptz NOT NULL,
    state         text        NOT NULL
                  CHECK (state IN ('asked', 'later', 'parked', 'offered', 'refused', 'expired')),
    heard_at      timestamptz NOT NULL,
    rate_year_ppm integer     CHECK (rate_year_ppm BETWEEN 1 AND 1000000),
    valid_until   timestamptz,
    reasons       jsonb       NOT NULL,
    parked        text,
    PRIMARY KEY (cell, question_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, facility_id) REFERENCES facility (cell, facility_id),
    FOREIGN KEY (cell, consent_id) REFERENCES consent (cell, consent_id),
    CHECK ((rate_year_ppm IS NULL) = (valid_until IS NULL)),
    CHECK (state <> 'offered' OR rate_year_ppm IS NOT NULL),
    CHECK (state <> 'parked' OR parked IS NOT NULL)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX lender_question_person ON lender_question (cell, person_id, asked_at);

CREATE TABLE lender_word (
    cell          smallint    NOT NULL,
    word_id       uuid        NOT NULL,
    question_id   uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('assess', 'sign', 'fund')),
    number        text        NOT NULL,
    said          text        NOT NULL,
    rate_year_ppm integer,
    body          bytea       NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (cell, word_id),
    FOREIGN KEY (cell, question_id) REFERENCES lender_question (cell, question_id)
);
CREATE INDEX lender_word_question ON lender_word (cell, question_id, at);

-- Which question an offer rests on: what it costs is what that lender said then.
CREATE TABLE lender_offer (
    cell        smallint NOT NULL,
    offer_id    uuid     NOT NULL,
    question_id uuid     NOT NULL,
    person_id   uuid     NOT NULL,
    PRIMARY KEY (cell, offer_id),
    FOREIGN KEY (cell, offer_id) REFERENCES offer (cell, offer_id),
    FOREIGN KEY (cell, question_id) REFERENCES lender_question (cell, question_id)
);

CREATE FUNCTION lender_word_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a lender said is neither changed nor deleted';
END
$$;
CREATE TRIGGER lender_word_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON lender_word
    FOR EACH STATEMENT EXECUTE FUNCTION lender_word_stays();
