-- That an order's time is over is a fact from the moment its merchant is told so, not what each host's clock says: who
-- signs for it looks here, under the lock that is held to write it.
ALTER TABLE checkout ADD COLUMN ended_at timestamptz;

CREATE FUNCTION checkout_end_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at THEN
        RAISE EXCEPTION 'an order at a checkout ends once';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER checkout_end_stays BEFORE UPDATE ON checkout FOR EACH ROW EXECUTE FUNCTION checkout_end_stays();
