-- A loan that a guarantor paid for may lack something again: a payment of the borrower's from before bounced. The guarantor
-- then owes for what lacks by the same rule, on its day, so that a loan has as many rows as it was paid for.
ALTER TABLE guarantor_payment DROP CONSTRAINT guarantor_payment_pkey;
ALTER TABLE guarantor_payment ADD PRIMARY KEY (cell, loan_id, event_id);
