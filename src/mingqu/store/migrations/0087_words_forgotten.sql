-- Words that operators wrote about somebody go with them: the paper of an event of their life, the reasons of proposals,
-- of freezes and of looks. Of an erased person they are emptied once, and nothing else of those rows ever changes.
ALTER TABLE proposal ADD COLUMN forgotten_hash text CHECK (forgotten_hash ~ '^[0-9a-f]{64}$');

CREATE FUNCTION person_is_erased(of_cell smallint, of_person uuid) RETURNS boolean LANGUAGE sql STABLE AS
    'SELECT EXISTS (SELECT FROM person p WHERE p.cell = of_cell AND p.person_id = of_person AND p.erased_at IS NOT NULL)';

-- `forgotten_hash` is what the leaf of the proposal says of its words, so that the rest is still held against it.
CREATE OR REPLACE FUNCTION proposal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'open'
       AND (OLD.proposal_id, OLD.deed, OLD.person_id, OLD.subject_id, OLD.body, OLD.basis, OLD.reason, OLD.maker_id,
            OLD.made_at, OLD.expires_at, OLD.forgotten_hash)
           IS NOT DISTINCT FROM
           (NEW.proposal_id, NEW.deed, NEW.person_id, NEW.subject_id, NEW.body, NEW.basis, NEW.reason, NEW.maker_id,
            NEW.made_at, NEW.expires_at, NEW.forgotten_hash) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.forgotten_hash IS NULL AND NEW.forgotten_hash IS NOT NULL
       AND (NEW.body, NEW.reason) = (OLD.body - 'paper', '') AND coalesce(NEW.answer, '') = ''
       AND NEW.state = (CASE OLD.state WHEN 'open' THEN 'expired' ELSE OLD.state END)
       AND to_jsonb(NEW) - ARRAY['body', 'reason', 'answer', 'state', 'forgotten_hash']
           = to_jsonb(OLD) - ARRAY['body', 'reason', 'answer', 'state', 'forgotten_hash']
       AND person_is_erased(OLD.cell, OLD.person_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was proposed is neither changed nor deleted, and decided once';
END
$$;

CREATE FUNCTION life_event_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.paper = '' AND to_jsonb(NEW) - 'paper' = to_jsonb(OLD) - 'paper' AND person_is_erased(OLD.cell, OLD.person_id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was recorded of a life is neither changed nor deleted, but for the paper of who was erased';
END
$$;
DROP TRIGGER life_event_stays ON life_event;
CREATE TRIGGER life_event_stays BEFORE DELETE OR TRUNCATE ON life_event
    FOR EACH STATEMENT EXECUTE FUNCTION life_event_stays();
CREATE TRIGGER life_event_forgets BEFORE UPDATE ON life_event FOR EACH ROW EXECUTE FUNCTION life_event_forgets();

-- Both have a reason of an operator's own words.
CREATE FUNCTION reason_is_forgotten(before jsonb, after jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT after ->> 'reason' = '' AND after - 'reason' = before - 'reason'
       AND person_is_erased((before ->> 'cell')::smallint, (before ->> 'person_id')::uuid)
$$;
CREATE FUNCTION access_log_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF reason_is_forgotten(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was looked at is neither changed nor deleted, but for the reason of who was erased';
END
$$;
DROP TRIGGER access_log_stays ON access_log;
CREATE TRIGGER access_log_stays BEFORE DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION access_log_stays();
CREATE TRIGGER access_log_forgets BEFORE UPDATE ON access_log FOR EACH ROW EXECUTE FUNCTION access_log_forgets();

CREATE OR REPLACE FUNCTION drawing_freeze_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.thawed_at IS NULL
       AND (OLD.freeze_id, OLD.person_id, OLD.cause, OLD.reason, OLD.frozen_by, OLD.frozen_at)
           = (NEW.freeze_id, NEW.person_id, NEW.cause, NEW.reason, NEW.frozen_by, NEW.frozen_at) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND reason_is_forgotten(to_jsonb(OLD), to_jsonb(NEW)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a freeze is neither changed nor deleted, and ends once';
END
$$;
