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
