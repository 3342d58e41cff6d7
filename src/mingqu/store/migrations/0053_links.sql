-- Whether two of a person's accounts may be linked, as it was decided each time it was asked, with the record.
CREATE TABLE account_link (
    cell            smallint    NOT NULL,
    link_id         uuid        NOT NULL,
    person_id       uuid        NOT NULL,
    first_id        uuid        NOT NULL,
    second_id       uuid        NOT NULL CHECK (second_id <> first_id),
    outcome         text        NOT NULL CHECK (outcome IN ('allowed', 'limited', 'refused')),
    limit_share_ppm integer     NOT NULL CHECK (limit_share_ppm BETWEEN 0 AND 1000000),
    record          bytea       NOT NULL,
    table_version   integer     NOT NULL,
    decided_at      timestamptz NOT NULL,
    PRIMARY KEY (cell, link_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX account_link_person ON account_link (cell, person_id, decided_at);

CREATE FUNCTION account_link_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was decided on a link is neither changed nor deleted';
END
$$;
CREATE TRIGGER account_link_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON account_link
    FOR EACH STATEMENT EXECUTE FUNCTION account_link_stays();
