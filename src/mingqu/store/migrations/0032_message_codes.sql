-- The code that stands in each message we send, by which its reader can ask whether it is ours; known by its keyed hash
-- alone, as is the phone it went to. Kept as long as messages are doubted.
CREATE TABLE message_code (
    cell       smallint    NOT NULL,
    code_hash  bytea       NOT NULL CHECK (octet_length(code_hash) = 32),
    sent_at    timestamptz NOT NULL,
    about      text        NOT NULL COLLATE "C",
    phone_hash bytea       NOT NULL CHECK (octet_length(phone_hash) = 32),
    PRIMARY KEY (cell, code_hash)
);
CREATE INDEX message_code_sent ON message_code USING brin (cell, sent_at);
