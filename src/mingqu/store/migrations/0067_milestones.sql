-- A paper given for a stage of a loan that is paid out stage by stage: what kind, and its number, sealed in the vault.
CREATE TABLE milestone_paper (
    cell      smallint    NOT NULL,
    paper_id  uuid        NOT NULL,
    person_id uuid        NOT NULL,
    loan_id   uuid        NOT NULL,
    stage     text        NOT NULL COLLATE "C",
    kind      text        NOT NULL COLLATE "C",
    -- Over the file that was shown, as whoever gave it worked it out; null where only a number was given.
    file_hash bytea       CHECK (octet_length(file_hash) = 32),
    given_at  timestamptz NOT NULL,
    PRIMARY KEY (cell, paper_id),
    UNIQUE (cell, loan_id, stage, kind),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id)
);
CREATE INDEX milestone_paper_person ON milestone_paper (cell, person_id);

-- A stage that two people released: the order that pays it to the payee, and the proposal that let it.
CREATE TABLE milestone_release (
    cell        smallint    NOT NULL,
    order_id    uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    loan_id     uuid        NOT NULL,
    stage       text        NOT NULL COLLATE "C",
    proposal_id uuid        NOT NULL,
    released_at timestamptz NOT NULL,
    PRIMARY KEY (cell, order_id),
    FOREIGN KEY (cell, order_id) REFERENCES channel_order (cell, order_id),
    FOREIGN KEY (cell, proposal_id) REFERENCES proposal (cell, proposal_id)
);
CREATE INDEX milestone_release_loan ON milestone_release (cell, loan_id, stage);
CREATE INDEX milestone_release_person ON milestone_release (cell, person_id);
CREATE INDEX milestone_release_proposal ON milestone_release (cell, proposal_id);

CREATE FUNCTION milestone_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'papers and releases of stages are neither changed nor deleted';
END
$$;
CREATE TRIGGER milestone_paper_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON milestone_paper
    FOR EACH STATEMENT EXECUTE FUNCTION milestone_stays();
CREATE TRIGGER milestone_release_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON milestone_release
    FOR EACH STATEMENT EXECUTE FUNCTION milestone_stays();
