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
