-- Policies: drafted, published by two people from a business date, rolled back by publishing again; switched off by one.

-- Counts up with each publication and each switch: who decides asks it first, and reads anew what changed.
CREATE TABLE policy_generation (
    one        boolean PRIMARY KEY CHECK (one),
    generation bigint  NOT NULL CHECK (generation >= 0)
);
INSERT INTO policy_generation VALUES (true, 0);

-- What an operator would like to publish. It decides nothing.
CREATE TABLE policy_draft (
    draft_id   uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    id         text        NOT NULL,
    version    integer     NOT NULL CHECK (version >= 1),
    hash       text        NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
    file       text        NOT NULL,
    body       bytea       NOT NULL,
    drafted_by uuid        NOT NULL REFERENCES operator (operator_id),
    drafted_at timestamptz NOT NULL,
    UNIQUE (kind, id, version, hash)
);

-- Which version holds from which day on: the last word that has begun. Without a day it may only be tried. Those without
-- a proposal came with the program, in a book in which nobody had published that policy yet.
CREATE TABLE policy_publication (
    sequence     bigint      PRIMARY KEY CHECK (sequence >= 1),
    kind         text        NOT NULL,
    id           text        NOT NULL,
    version      integer     NOT NULL,
    from_date    date,
    published_at timestamptz NOT NULL,
    proposal_id  uuid        UNIQUE,
    FOREIGN KEY (kind, id, version) REFERENCES policy_version (kind, id, version),
    CHECK (proposal_id IS NOT NULL OR from_date IS NOT NULL)
);
CREATE INDEX policy_publication_of ON policy_publication (kind, id);

CREATE TRIGGER policy_draft_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_draft
    FOR EACH STATEMENT EXECUTE FUNCTION policy_version_never_changes();
CREATE TRIGGER policy_publication_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_publication
    FOR EACH STATEMENT EXECUTE FUNCTION policy_version_never_changes();

-- What stands in a book already was published as it came, from the day that each file names.
INSERT INTO policy_publication (sequence, kind, id, version, from_date, published_at)
SELECT row_number() OVER (ORDER BY kind, id, version), kind, id, version,
       coalesce((convert_from(body, 'UTF8')::jsonb ->> 'valid_from')::date, date '0001-01-01'), published_at
FROM policy_version;

-- A rule, a product or a lender switched off at once by one person, for a cause.
CREATE TABLE policy_switch (
    switch_id uuid        PRIMARY KEY,
    kind      text        NOT NULL CHECK (kind IN ('rule', 'product', 'lender')),
    name      text        NOT NULL COLLATE "C",
    cause     text        NOT NULL,
    owner_id  uuid        NOT NULL REFERENCES operator (operator_id),
    off_at    timestamptz NOT NULL,
    -- The first business date on which it is on again by itself.
    ends_on   date,
    on_at     timestamptz,
    -- Who put it on again: one person for a rule, two (a proposal) for what may lend again.
    on_by     uuid,
    CHECK ((on_at IS NULL) = (on_by IS NULL))
);
CREATE UNIQUE INDEX policy_switch_standing ON policy_switch (kind, name) WHERE on_at IS NULL;

CREATE FUNCTION policy_switch_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.on_at IS NULL
       AND (OLD.switch_id, OLD.kind, OLD.name, OLD.cause, OLD.owner_id, OLD.off_at, coalesce(OLD.ends_on, date '0001-01-01'))
           = (NEW.switch_id, NEW.kind, NEW.name, NEW.cause, NEW.owner_id, NEW.off_at,
              coalesce(NEW.ends_on, date '0001-01-01')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was switched off is neither changed nor deleted, and put on once';
END
$$;
CREATE TRIGGER policy_switch_stays BEFORE UPDATE OR DELETE ON policy_switch
    FOR EACH ROW EXECUTE FUNCTION policy_switch_stays();
CREATE TRIGGER policy_switch_stays_whole BEFORE TRUNCATE ON policy_switch
    FOR EACH STATEMENT EXECUTE FUNCTION policy_switch_stays();

-- Whom to refuse, to let pass or to watch: keyed hashes only, until a day, with an owner. One person enters, two remove.
CREATE TABLE list_entry (
    entry_id   uuid        PRIMARY KEY,
    list       text        NOT NULL CHECK (list IN ('black', 'white', 'watch')),
    kind       text        NOT NULL,
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    cause      text        NOT NULL,
    owner_id   uuid        NOT NULL REFERENCES operator (operator_id),
    entered_at timestamptz NOT NULL,
    expires_on date        NOT NULL,
    removed_at timestamptz,
    -- The proposal by which two people took it off.
    removed_by uuid,
    CHECK ((removed_at IS NULL) = (removed_by IS NULL))
);
CREATE INDEX list_entry_hash ON list_entry (hash) WHERE removed_at IS NULL;
CREATE INDEX list_entry_entered ON list_entry (entered_at);

CREATE FUNCTION list_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.removed_at IS NULL
       AND (OLD.entry_id, OLD.list, OLD.kind, OLD.hash, OLD.cause, OLD.owner_id, OLD.entered_at, OLD.expires_on)
           = (NEW.entry_id, NEW.list, NEW.kind, NEW.hash, NEW.cause, NEW.owner_id, NEW.entered_at, NEW.expires_on) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an entry of a list is neither changed nor deleted, and taken off once';
END
$$;
CREATE TRIGGER list_entry_stays BEFORE UPDATE OR DELETE ON list_entry
    FOR EACH ROW EXECUTE FUNCTION list_entry_stays();
CREATE TRIGGER list_entry_stays_whole BEFORE TRUNCATE ON list_entry
    FOR EACH STATEMENT EXECUTE FUNCTION list_entry_stays();

-- What another version would have decided, beside a decision and never acted on. The record is sealed in the vault.
CREATE TABLE shadow_decision (
    cell        smallint    NOT NULL,
    decision_id uuid        NOT NULL,
    variant     text        NOT NULL,
    person_id   uuid        NOT NULL,
    decided_at  timestamptz NOT NULL,
    -- Null when the shadow could not decide; `trouble` says why.
    outcome     text        CHECK (outcome IN ('approved', 'refused')),
    record_hash bytea       CHECK (octet_length(record_hash) = 32),
    trouble     text,
    PRIMARY KEY (cell, decision_id, variant),
    FOREIGN KEY (cell, decision_id) REFERENCES decision (cell, decision_id),
    CHECK ((outcome IS NULL) = (record_hash IS NULL) AND (outcome IS NULL) = (trouble IS NOT NULL))
);

CREATE FUNCTION shadow_decision_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a shadow decided is neither changed nor deleted';
END
$$;
CREATE TRIGGER shadow_decision_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON shadow_decision
    FOR EACH STATEMENT EXECUTE FUNCTION shadow_decision_stays();

-- Some proposals concern nobody in particular: policies, switches, lists. They lie where the house's own ids route.
ALTER TABLE proposal ALTER COLUMN person_id DROP NOT NULL;
ALTER TABLE proposal ADD CONSTRAINT proposal_of_house CHECK (
    (person_id IS NULL) = (deed IN ('publish_policy', 'switch_on', 'unlist')));

CREATE OR REPLACE FUNCTION proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'open'
       AND (OLD.proposal_id, OLD.deed, OLD.person_id, OLD.subject_id, OLD.body, OLD.basis, OLD.reason, OLD.maker_id,
            OLD.made_at, OLD.expires_at)
           IS NOT DISTINCT FROM
           (NEW.proposal_id, NEW.deed, NEW.person_id, NEW.subject_id, NEW.body, NEW.basis, NEW.reason, NEW.maker_id,
            NEW.made_at, NEW.expires_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was proposed is neither changed nor deleted, and decided once';
END
$$;
