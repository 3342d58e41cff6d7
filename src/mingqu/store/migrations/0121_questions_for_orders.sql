-- A question that is asked for an order at a merchant's checkout is that order's own, and over when the order is.
ALTER TABLE lender_question
    ADD COLUMN checkout_id uuid,
    ADD COLUMN closes_at timestamptz,
    ADD CHECK ((checkout_id IS NULL) = (closes_at IS NULL));
