-- Evidence: leaves written with the business they bear witness to, trees over them, signed checkpoints.

-- Global: whose evidence this is. It stands in every checkpoint, so that one book's cannot pass for another's.
CREATE TABLE evidence_book (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    book_id  uuid    NOT NULL
);
INSERT INTO evidence_book (book_id) VALUES (gen_random_uuid());

CREATE TABLE evidence_leaf (
    cell       smallint    NOT NULL,
    sequence   bigint      NOT NULL CHECK (sequence >= 0),
    person_id  uuid        NOT NULL,
    kind       text        NOT NULL,
    subject_id uuid        NOT NULL,
    at         timestamptz NOT NULL,
    body       bytea       NOT NULL,
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (cell, sequence)
);
-- From a contract or a repayment to its evidence.
CREATE INDEX evidence_leaf_subject ON evidence_leaf (cell, subject_id);

-- Hashes of complete subtrees of 16, 256, 4,096 … leaves; those in between follow from at most 8 of them.
CREATE TABLE evidence_node (
    cell  smallint NOT NULL,
    level smallint NOT NULL CHECK (level > 0 AND level % 4 = 0),
    place bigint   NOT NULL CHECK (place >= 0),
    hash  bytea    NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (cell, level, place)
);

-- How many leaves of a cell the nodes cover. A row of its own: building a tree does not wait for the cell's writers.
CREATE TABLE evidence_tree (
    cell  smallint PRIMARY KEY,
    built bigint   NOT NULL CHECK (built >= 0)
);

-- Global: one statement about all cells.
CREATE TABLE checkpoint (
    number    bigint      PRIMARY KEY CHECK (number > 0),
    at        timestamptz NOT NULL,
    root      bytea       NOT NULL CHECK (octet_length(root) = 32),
    previous  bytea       NOT NULL CHECK (octet_length(previous) = 32),
    key_id    text        NOT NULL,
    signature bytea       NOT NULL CHECK (octet_length(signature) = 64)
);

CREATE TABLE checkpoint_cell (
    cell   smallint NOT NULL,
    number bigint   NOT NULL,
    size   bigint   NOT NULL CHECK (size >= 0),
    root   bytea    NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (cell, number)
);

-- A slip of ours cannot rewrite history. Against whoever owns the database the signed checkpoints stand.
CREATE FUNCTION evidence_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'evidence is only ever added to (table %)', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER evidence_leaf_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_refuse_change();
CREATE TRIGGER evidence_node_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_node
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_refuse_change();
CREATE TRIGGER checkpoint_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_refuse_change();
CREATE TRIGGER checkpoint_cell_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint_cell
    FOR EACH STATEMENT EXECUTE FUNCTION evidence_refuse_change();
