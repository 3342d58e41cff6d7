-- A rule that is off for longer than an emergency lasts, and an entry of the white list, take two people: the proposal
-- by which they did it stands beside what they did.
ALTER TABLE policy_switch ADD COLUMN off_by_proposal uuid;
ALTER TABLE list_entry ADD COLUMN entered_by_proposal uuid;

CREATE OR REPLACE FUNCTION policy_switch_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.on_at IS NULL
       AND (OLD.switch_id, OLD.kind, OLD.name, OLD.cause, OLD.owner_id, OLD.off_at, OLD.ends_on, OLD.off_by_proposal)
           IS NOT DISTINCT FROM
           (NEW.switch_id, NEW.kind, NEW.name, NEW.cause, NEW.owner_id, NEW.off_at, NEW.ends_on, NEW.off_by_proposal) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was switched off is neither changed nor deleted, and put on once';
END
$$;

CREATE OR REPLACE FUNCTION list_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.removed_at IS NULL
       AND (OLD.entry_id, OLD.list, OLD.kind, OLD.hash, OLD.cause, OLD.owner_id, OLD.entered_at, OLD.expires_on,
            OLD.entered_by_proposal)
           IS NOT DISTINCT FROM
           (NEW.entry_id, NEW.list, NEW.kind, NEW.hash, NEW.cause, NEW.owner_id, NEW.entered_at, NEW.expires_on,
            NEW.entered_by_proposal) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an entry of a list is neither changed nor deleted, and taken off once';
END
$$;

-- Deeds that concern nobody in particular.
ALTER TABLE proposal DROP CONSTRAINT proposal_of_house;
ALTER TABLE proposal ADD CONSTRAINT proposal_of_house CHECK (
    (person_id IS NULL) = (deed IN ('publish_policy', 'switch_on', 'unlist', 'switch_off_rule', 'list_white')));

-- Shadows are counted over a window of days.
CREATE INDEX shadow_decision_decided ON shadow_decision (cell, decided_at);
-- What is older than it is kept is swept by its day. A B-tree would have to follow each time somebody is seen again;
-- a summary of pages does not, and rows that are old lie together.
CREATE INDEX signal_link_swept ON signal_link USING brin (cell, last_at);
CREATE INDEX signal_key_swept ON signal_key USING brin (cell, last_at);
