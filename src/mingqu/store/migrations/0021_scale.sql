-- Who works on a cell at the moment, one row a cell and task: workers on several machines take turns by it. The row
-- is made once and then only changes, by whoever holds it, so that a claim locks nothing but this row.
CREATE TABLE cell_lease (
    cell       smallint    NOT NULL,
    task       text        NOT NULL COLLATE "C",
    holder     text        NOT NULL, -- which process of which machine, for people who look
    fence      bigint      NOT NULL CHECK (fence > 0),
    expires_at timestamptz NOT NULL, -- by the clock of the database, which all machines share
    PRIMARY KEY (cell, task)
) WITH (fillfactor = 10);

-- Global: each time the book was cut into another number of cells. Evidence stays in the log it was written to, so the
-- counts of before say in which logs a person's evidence lies.
CREATE TABLE recut (
    number     integer     PRIMARY KEY CHECK (number > 0),
    recut_id   uuid        NOT NULL UNIQUE,
    from_cells smallint    NOT NULL CHECK (from_cells BETWEEN 1 AND 1024),
    to_cells   smallint    NOT NULL CHECK (to_cells BETWEEN 1 AND 1024),
    on_date    date        NOT NULL, -- the first open day: of the transfers that evened out the cells
    at         timestamptz NOT NULL
);
CREATE FUNCTION recut_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a recut is neither changed nor deleted';
END
$$;
CREATE TRIGGER recut_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON recut
    FOR EACH STATEMENT EXECUTE FUNCTION recut_stays();

-- How soon the dead rows of a table are swept up. A fifth of the table, which is what a server does by itself, is
-- millions of rows in a large book: the index that the close reads would be walked past all of them. Tables whose rows
-- change all their lives are swept at one row in a hundred; tables of a few rows, by number. The close and the doors
-- are never waited for by it: a sweep takes no lock that stops a reader or a writer.
ALTER TABLE account SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE loan SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE loan_snapshot SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE hold SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE channel_order SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE session SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, fillfactor = 80);
ALTER TABLE idempotency SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, fillfactor = 80);
-- A lease, a delay and an end are three changes of one row, the first two of a column that is indexed while it is open.
ALTER TABLE work SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, fillfactor = 70);
-- Rows that come and go: a line of the diary lives until its morning, the day of a closing changes with each chunk.
ALTER TABLE loan_diary SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE closing SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
ALTER TABLE accrual_group SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, fillfactor = 20);
ALTER TABLE headroom_slice SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    fillfactor = 50);
ALTER TABLE headroom_use SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, fillfactor = 80);
ALTER TABLE cell SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE cell_lease SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE evidence_tree SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, fillfactor = 20);
-- Rows that are only ever added have nothing to sweep up, but are frozen in small portions rather than all at once.
ALTER TABLE transfer SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE loan_event SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE accrual_delta SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE channel_word SET (autovacuum_vacuum_insert_scale_factor = 0.05);
ALTER TABLE evidence_leaf SET (autovacuum_vacuum_insert_scale_factor = 0.05);
