-- Books of other systems: one row a file, and by which number of theirs each loan and person came.

-- A file is taken over once: its id follows from its hash. It lies in the cell of that id and speaks of all cells.
CREATE TABLE book_import (
    cell        smallint    NOT NULL,
    import_id   uuid        NOT NULL,
    file_hash   bytea       NOT NULL CHECK (octet_length(file_hash) = 32),
    as_of       date        NOT NULL,
    imported_at timestamptz NOT NULL,
    loans       bigint      NOT NULL CHECK (loans > 0),
    people      bigint      NOT NULL CHECK (people >= 0),
    -- The reconciliation as it was shown: what the file says, what the book then held.
    report      jsonb       NOT NULL,
    PRIMARY KEY (cell, import_id)
);

-- A reference lies in the cell of its own slot, not of its loan's: so the same reference meets itself, whoever's it is.
CREATE TABLE loan_reference (
    cell      smallint NOT NULL,
    reference text     NOT NULL COLLATE "C",
    loan_cell smallint NOT NULL,
    loan_id   uuid     NOT NULL,
    PRIMARY KEY (cell, reference)
);

-- A person's slot follows from the reference, so this lies in the person's own cell. Erasing the person takes it away,
-- which the law forbids until the day: it says here what a retention_hold says of whoever signs here.
CREATE TABLE person_reference (
    cell       smallint NOT NULL,
    reference  text     NOT NULL COLLATE "C",
    person_id  uuid     NOT NULL,
    law        text     NOT NULL,
    held_until date     NOT NULL,
    PRIMARY KEY (cell, reference)
);
CREATE INDEX person_reference_person ON person_reference (cell, person_id);

CREATE FUNCTION taken_over_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was taken over is neither changed nor deleted (table %)', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER book_import_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON book_import
    FOR EACH STATEMENT EXECUTE FUNCTION taken_over_stays();
CREATE TRIGGER loan_reference_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON loan_reference
    FOR EACH STATEMENT EXECUTE FUNCTION taken_over_stays();
