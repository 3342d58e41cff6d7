-- Every kind of event a loan can have, and the stages they lead to.

-- What an event says beyond its amount, intent and target: a rate, days, a fee's rule, where money came from.
ALTER TABLE loan_event ADD COLUMN detail jsonb;

ALTER TABLE loan DROP CONSTRAINT loan_stage_check;
ALTER TABLE loan ADD CONSTRAINT loan_stage_check
    CHECK (stage IN ('planned', 'active', 'settled', 'charged_off', 'written_off', 'cancelled'));

-- Lenders that lent before this step get the accounts that new ones are opened with: fees, concessions, credit loss.
INSERT INTO account (cell, owner, code, currency, strict_side)
SELECT a.cell, a.owner, added.code, a.currency, 0
FROM account a CROSS JOIN (VALUES (4003), (4101), (4201)) AS added (code)
WHERE a.code = 4002
ON CONFLICT DO NOTHING;
