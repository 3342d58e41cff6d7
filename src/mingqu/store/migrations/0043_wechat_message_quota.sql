-- How often a person still allows a message of a template inside WeChat: each acceptance there is good for one.
CREATE TABLE wechat_message_quota (
    cell       smallint    NOT NULL,
    person_id  uuid        NOT NULL,
    template   text        NOT NULL,
    left_over  integer     NOT NULL CHECK (left_over BETWEEN 0 AND 100),
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (cell, person_id, template),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);

-- A row changes with each message.
ALTER TABLE wechat_message_quota SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
