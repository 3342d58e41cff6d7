-- What somebody bought is of them: an erasure forgets the goods of an order. Its hash stays, which was agreed to.
DROP TRIGGER checkout_stays ON checkout;
ALTER TABLE checkout ADD COLUMN order_hash bytea;
UPDATE checkout SET order_hash = sha256(body);
ALTER TABLE checkout
    ALTER COLUMN order_hash SET NOT NULL,
    ADD CHECK (octet_length(order_hash) = 32),
    ALTER COLUMN body DROP NOT NULL,
    ADD CHECK (body IS NOT NULL OR person_id IS NOT NULL);
CREATE INDEX checkout_person ON checkout (cell, person_id) WHERE person_id IS NOT NULL;

-- An order is what it was when it was signed; taken or cancelled it stays so, but for goods that are forgotten.
CREATE OR REPLACE FUNCTION checkout_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR (NEW.checkout_id, NEW.merchant, NEW.number, NEW.order_hash, NEW.amount_fen, NEW.currency,
        NEW.opened_at, NEW.expires_at) IS DISTINCT FROM (OLD.checkout_id, OLD.merchant, OLD.number, OLD.order_hash,
        OLD.amount_fen, OLD.currency, OLD.opened_at, OLD.expires_at)
    THEN
        RAISE EXCEPTION 'an order at a checkout does not change';
    END IF;
    IF (OLD.person_id IS NOT NULL OR OLD.cancelled_at IS NOT NULL)
        AND (NEW.person_id, NEW.taken_at, NEW.cancelled_at) IS DISTINCT FROM (OLD.person_id, OLD.taken_at,
        OLD.cancelled_at)
        OR NEW.body IS DISTINCT FROM OLD.body AND (NEW.body IS NOT NULL OR OLD.person_id IS NULL)
    THEN
        RAISE EXCEPTION 'an order at a checkout does not change';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER checkout_stays BEFORE UPDATE OR DELETE ON checkout FOR EACH ROW EXECUTE FUNCTION checkout_stays();
