-- Who is signed in. A token is an id, by which it routes itself, and a secret, of which only a hash is kept.
CREATE TABLE session (
    cell        smallint    NOT NULL,
    session_id  uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    secret_hash bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    door        text        NOT NULL CHECK (door IN ('page', 'api')),
    opened_at   timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (cell, session_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX session_of_person ON session (cell, person_id) WHERE ended_at IS NULL;
