-- People, what is known about them (sealed), their logins, cards, codes and consents.
-- No column of any of these tables holds personal data in the clear.

CREATE TABLE person (
    cell           smallint    NOT NULL,
    person_id      uuid        NOT NULL,
    identity_level smallint    NOT NULL CHECK (identity_level BETWEEN 0 AND 4),
    created_at     timestamptz NOT NULL,
    -- Another person's id when real-name verification found both to be one; the other may be of another cell.
    merged_into    uuid        CHECK (merged_into <> person_id),
    erased_at      timestamptz,
    PRIMARY KEY (cell, person_id)
);

-- The data key of a person, sealed with a wrapping key that is not in the database. Without it nothing opens.
CREATE TABLE person_key (
    cell        smallint    NOT NULL,
    person_id   uuid        NOT NULL,
    wrapping_id text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (cell, person_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
-- For a rotation of the wrapping key: the rows that still wait for it.
CREATE INDEX person_key_wrapping ON person_key (cell, wrapping_id);

CREATE TABLE vault_field (
    cell      smallint    NOT NULL,
    person_id uuid        NOT NULL,
    field     text        NOT NULL,
    sealed    bytea       NOT NULL,
    sealed_at timestamptz NOT NULL,
    PRIMARY KEY (cell, person_id, field),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);

-- Law that forbids to erase, until a date: 反洗钱法 (2024) art. 34 and others.
CREATE TABLE retention_hold (
    cell       smallint NOT NULL,
    person_id  uuid     NOT NULL,
    reason     text     NOT NULL,
    held_until date     NOT NULL,
    PRIMARY KEY (cell, person_id, reason),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);

-- Global: whoever comes with an openid, a phone or an identity number must be found before a cell is known.
CREATE TABLE directory (
    kind         text        NOT NULL CHECK (kind IN ('wechat', 'alipay', 'phone', 'id_number')),
    subject_hash bytea       NOT NULL CHECK (octet_length(subject_hash) = 32),
    person_id    uuid        NOT NULL,
    since        timestamptz NOT NULL,
    PRIMARY KEY (kind, subject_hash)
);
CREATE INDEX directory_person ON directory (person_id);

CREATE TABLE instrument (
    cell          smallint    NOT NULL,
    instrument_id uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('debit_card', 'credit_card', 'purpose_card', 'wallet')),
    issuer        text        NOT NULL,
    number_hash   bytea       NOT NULL CHECK (octet_length(number_hash) = 32),
    state         text        NOT NULL CHECK (state IN ('added', 'verified', 'removed')),
    added_at      timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (cell, instrument_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
-- The same card once for each person, unless it was removed; finds a person's cards as well.
CREATE UNIQUE INDEX instrument_bound ON instrument (cell, person_id, number_hash) WHERE state <> 'removed';
CREATE INDEX instrument_person ON instrument (cell, person_id);

-- Recent tries of the four-element check, in the cell of the card's hash: the same card counts across persons.
CREATE TABLE card_attempt (
    cell         smallint      NOT NULL,
    number_hash  bytea         NOT NULL CHECK (octet_length(number_hash) = 32),
    attempted_at timestamptz[] NOT NULL,
    PRIMARY KEY (cell, number_hash)
);

-- The last code sent to a phone for a purpose, in the cell of the phone's hash: often there is no person yet.
CREATE TABLE one_time_code (
    cell         smallint    NOT NULL,
    phone_hash   bytea       NOT NULL CHECK (octet_length(phone_hash) = 32),
    purpose      text        NOT NULL,
    code_hash    bytea       NOT NULL CHECK (octet_length(code_hash) = 32),
    sent_at      timestamptz NOT NULL,
    tries        smallint    NOT NULL CHECK (tries >= 0),
    used_at      timestamptz,
    day_began_at timestamptz NOT NULL,
    day_sends    smallint    NOT NULL CHECK (day_sends > 0),
    PRIMARY KEY (cell, phone_hash, purpose)
);

CREATE TABLE consent (
    cell         smallint    NOT NULL,
    consent_id   uuid        NOT NULL,
    person_id    uuid        NOT NULL,
    text_id      text        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    text_hash    bytea       NOT NULL CHECK (octet_length(text_hash) = 32),
    purpose      text        NOT NULL,
    recipient    text,
    given_at     timestamptz NOT NULL,
    withdrawn_at timestamptz CHECK (withdrawn_at >= given_at),
    PRIMARY KEY (cell, consent_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX consent_person ON consent (cell, person_id);
