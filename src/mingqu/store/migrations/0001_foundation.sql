-- The book and its cells. `book` has one row: what was chosen when the book was created.
-- `cell` has one row per cell; FOR UPDATE on it is the writer lock of everything in the cell.

CREATE TABLE book (
    only_row  boolean  PRIMARY KEY DEFAULT true CHECK (only_row),
    format    smallint NOT NULL,
    cells     smallint NOT NULL CHECK (cells BETWEEN 1 AND 1024),
    opened_on date     NOT NULL
);

-- The lock row changes with each close and each evidence leaf; the free space keeps those updates in its page.
CREATE TABLE cell (
    cell           smallint PRIMARY KEY CHECK (cell BETWEEN 0 AND 1023),
    last_closed_on date     NOT NULL,
    leaf_count     bigint   NOT NULL DEFAULT 0 CHECK (leaf_count >= 0)
) WITH (fillfactor = 10);
