-- Published policies, immutable: a decision names each by its hash and is replayed from here.
CREATE TABLE policy_version (
    kind         text        NOT NULL,
    id           text        NOT NULL,
    version      integer     NOT NULL CHECK (version >= 1),
    hash         text        NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    file         text        NOT NULL,
    body         bytea       NOT NULL,
    published_at timestamptz NOT NULL,
    PRIMARY KEY (kind, id, version)
);

CREATE FUNCTION policy_version_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published policy never changes' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER policy_version_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_version
    FOR EACH STATEMENT EXECUTE FUNCTION policy_version_never_changes();

-- What a person asked for. The products asked are named in the decision's record.
CREATE TABLE application (
    cell                 smallint    NOT NULL REFERENCES cell (cell),
    application_id       uuid        NOT NULL,
    person_id            uuid        NOT NULL,
    requested_amount_fen bigint      NOT NULL CHECK (requested_amount_fen > 0),
    applied_at           timestamptz NOT NULL,
    PRIMARY KEY (cell, application_id)
);
CREATE INDEX application_of_person ON application (cell, person_id, applied_at);

-- What was decided. `record` is the public part in canonical bytes; `sealed` is the part about the person,
-- sealed by the caller under the person's key. `versions_hash` is over the policies used, to find decisions by them.
CREATE TABLE decision (
    cell           smallint    NOT NULL,
    decision_id    uuid        NOT NULL,
    application_id uuid        NOT NULL,
    person_id      uuid        NOT NULL,
    decided_at     timestamptz NOT NULL,
    business_date  date        NOT NULL,
    outcome        text        NOT NULL CHECK (outcome IN ('approved', 'refused')),
    record         bytea       NOT NULL,
    record_hash    bytea       NOT NULL CHECK (octet_length(record_hash) = 32),
    sealed         bytea       NOT NULL,
    versions_hash  text        NOT NULL CHECK (versions_hash ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (cell, decision_id),
    FOREIGN KEY (cell, application_id) REFERENCES application (cell, application_id)
);
CREATE INDEX decision_of_person ON decision (cell, person_id, decided_at);
CREATE INDEX decision_of_application ON decision (cell, application_id);
