-- Cards that are open already are looked at on the day their contract is over, as those are that are opened from now on: the
-- work has the card's own id.
INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
SELECT c.cell, c.card_id, 'watch_card', c.card_id,
       (convert_from(k.body, 'UTF8')::jsonb ->> 'to')::date::timestamp AT TIME ZONE 'Asia/Shanghai', '{}'
FROM purpose_card c JOIN purpose_contract k ON k.hash = c.contract_hash
ON CONFLICT (cell, work_id) DO NOTHING;
