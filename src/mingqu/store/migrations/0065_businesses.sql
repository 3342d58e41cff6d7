-- A business that somebody said is theirs, and what the register answered. Its name and code are sealed in the vault.
CREATE TABLE business (
    cell        smallint    NOT NULL,
    business_id uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    -- Under which the register is asked; the same request is answered the same.
    request_id  uuid        NOT NULL,
    -- Keyed hashes of the code, and of all that was stated; null once the person was erased.
    uscc_hash   bytea       CHECK (octet_length(uscc_hash) = 32),
    stated_hash bytea       CHECK (octet_length(stated_hash) = 32),
    use         text        NOT NULL COLLATE "C",
    -- Null until the register answered.
    answer      text        COLLATE "C" CHECK (answer IN ('match', 'unknown', 'not_legal_person')),
    stated_at   timestamptz NOT NULL,
    PRIMARY KEY (cell, business_id),
    UNIQUE (cell, person_id, request_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX business_uscc ON business (cell, uscc_hash) WHERE answer = 'match';
