-- Principal that comes back to each source, by the week in which it falls due, as the schedules stood when it was last
-- added up: what the look ahead of the fund centre is drawn from. Made anew cell by cell.
CREATE TABLE funding_due (
    cell          smallint NOT NULL,
    product_id    text     NOT NULL COLLATE "C",
    source_id     text     NOT NULL COLLATE "C",
    week_on       date     NOT NULL,
    principal_fen bigint   NOT NULL CHECK (principal_fen > 0),
    PRIMARY KEY (cell, product_id, source_id, week_on)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
