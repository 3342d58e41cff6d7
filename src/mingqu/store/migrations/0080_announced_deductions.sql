-- Agreements with a wallet that hears of deductions ahead are looked at each morning; so are those that hold already. The
-- work has its agreement's id, as the one that a new agreement writes.
INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
SELECT cell, agreement_id, 'plan_announcements', agreement_id, changed_at,
       jsonb_build_object('person_id', encode(uuid_send(person_id), 'hex'))
FROM repayment_agreement WHERE channel = 'wechat' AND state = 'active'
ON CONFLICT (cell, work_id) DO NOTHING;
