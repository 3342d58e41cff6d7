-- Where somebody tried to pay, and with what, goes with them: of a word of the network an erasure takes the merchant, the
-- device, the place and the vehicle, and nothing else of it ever changes.
CREATE FUNCTION purpose_message_forgets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.said IS DISTINCT FROM OLD.said - ARRAY['merchant', 'device', 'place', 'vin']
        OR to_jsonb(NEW) - 'said' IS DISTINCT FROM to_jsonb(OLD) - 'said'
        OR NOT EXISTS (SELECT FROM purpose_card c JOIN person p ON p.cell = c.cell AND p.person_id = c.person_id
                       WHERE c.cell = OLD.cell AND c.card_id = OLD.card_id AND p.erased_at IS NOT NULL)
    THEN
        RAISE EXCEPTION 'what was said of money with a purpose stays, but for the places of a person who was erased';
    END IF;
    RETURN NEW;
END
$$;
DROP TRIGGER purpose_message_stays ON purpose_message;
CREATE TRIGGER purpose_message_stays BEFORE DELETE OR TRUNCATE ON purpose_message
    FOR EACH STATEMENT EXECUTE FUNCTION purpose_stays();
CREATE TRIGGER purpose_message_forgets BEFORE UPDATE ON purpose_message
    FOR EACH ROW EXECUTE FUNCTION purpose_message_forgets();
