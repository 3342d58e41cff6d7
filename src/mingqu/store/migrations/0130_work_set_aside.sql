-- Work that ended in an error which nobody had foreseen: it waits, longer each time, while the others go on. `kind` is
-- the work's own, 'order' for an order to a channel, or 'account' for a revolving account whose morning failed; where a
-- whole kind failed in a cell, `work_id` names the cell.
CREATE TABLE work_set_aside (
    cell       smallint    NOT NULL,
    work_id    uuid        NOT NULL,
    kind       text        NOT NULL COLLATE "C",
    subject_id uuid        NOT NULL,
    code       text        NOT NULL,
    since      timestamptz NOT NULL,
    tried_at   timestamptz NOT NULL,
    again_at   timestamptz NOT NULL,
    tries      integer     NOT NULL CHECK (tries > 0),
    PRIMARY KEY (cell, work_id, kind)
);
