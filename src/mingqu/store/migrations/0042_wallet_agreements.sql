-- An agreement may be to deduct from a wallet (its channel says whose) instead of a card. Older ones are the bank's.
ALTER TABLE repayment_agreement ADD COLUMN channel text NOT NULL DEFAULT 'bank';
ALTER TABLE repayment_agreement ALTER COLUMN instrument_id DROP NOT NULL;
ALTER TABLE repayment_agreement
    ADD CONSTRAINT repayment_agreement_source CHECK ((channel = 'bank') = (instrument_id IS NOT NULL));
