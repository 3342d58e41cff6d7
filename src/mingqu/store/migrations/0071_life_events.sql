-- What two people recorded of somebody's life. Only added to; the last word about living or not counts. A new phone lies
-- sealed under the person's key.
CREATE TABLE life_event (
    cell        smallint    NOT NULL,
    event_id    uuid        NOT NULL,
    person_id   uuid        NOT NULL,
    kind        text        NOT NULL COLLATE "C" CHECK (kind IN ('phone_changed', 'deceased', 'alive')),
    happened_on date        NOT NULL,
    paper       text        NOT NULL,
    proposal_id uuid        NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (cell, event_id),
    UNIQUE (cell, proposal_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, proposal_id) REFERENCES proposal (cell, proposal_id)
);
CREATE INDEX life_event_person ON life_event (cell, person_id, recorded_at);

CREATE FUNCTION life_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was recorded of a life is neither changed nor deleted';
END
$$;
CREATE TRIGGER life_event_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON life_event
    FOR EACH STATEMENT EXECUTE FUNCTION life_event_stays();
