-- Signals: what happened with which key, for counting. A row lies with its key and not with its person: whoever asks
-- how often a device was seen asks one cell. Keys are keyed hashes, cut to 16 bytes. Kinds are the numbers of
-- mingqu.domain.signal.
CREATE TABLE signal (
    cell       smallint    NOT NULL,
    key_kind   smallint    NOT NULL,
    key_hash   bytea       NOT NULL CHECK (octet_length(key_hash) = 16),
    kind       smallint    NOT NULL,
    at         timestamptz NOT NULL,
    signal_id  uuid        NOT NULL,
    person_id  uuid,
    lender_id  uuid,
    amount_fen bigint CHECK (amount_fen >= 0),
    PRIMARY KEY (cell, key_kind, key_hash, signal_id)
);
-- What is counted is read from the index alone.
CREATE INDEX signal_seen ON signal (cell, key_kind, key_hash, kind, at) INCLUDE (lender_id);
-- What is too old to keep.
CREATE INDEX signal_at ON signal USING brin (cell, at);

-- Who was seen with a key, once each and when last; beside the signals of the key. Distinct people are counted here, so
-- that one who turns up a thousand times does not hide the others.
CREATE TABLE signal_link (
    cell      smallint    NOT NULL,
    key_kind  smallint    NOT NULL,
    key_hash  bytea       NOT NULL CHECK (octet_length(key_hash) = 16),
    person_id uuid        NOT NULL,
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (cell, key_kind, key_hash, person_id)
) WITH (fillfactor = 80);
CREATE INDEX signal_link_last ON signal_link (cell, key_kind, key_hash, last_at) INCLUDE (person_id);

-- The same the other way round, with the person: by which keys somebody was seen. A ring is followed by it, and an
-- erasure finds by it what to forget.
CREATE TABLE signal_key (
    cell      smallint    NOT NULL,
    person_id uuid        NOT NULL,
    key_kind  smallint    NOT NULL,
    key_hash  bytea       NOT NULL CHECK (octet_length(key_hash) = 16),
    last_at   timestamptz NOT NULL,
    PRIMARY KEY (cell, person_id, key_kind, key_hash)
) WITH (fillfactor = 80);

-- Rows that come by the thousand and are swept up once a day.
ALTER TABLE signal SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE signal_link SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE signal_key SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
