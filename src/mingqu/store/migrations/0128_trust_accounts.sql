-- A pool's trust has accounts of its own in the ledger since now (9401 to 9409). What was drawn before is booked here as
-- `moves_of` of the domain and `book_trust` would have, under the same ids: each day on the first day still open.
INSERT INTO transfer (cell, id, debit_owner, credit_owner, amount_fen, value_date, posted_on, debit_code, credit_code,
                      kind, reason, currency, reference)
SELECT 0, (substr(d.day_id::text, 1, 34) || lpad(to_hex(m.place), 2, '0'))::uuid, t.owner, t.owner, abs(m.fen),
       d.on_date, (SELECT last_closed_on + 1 FROM cell WHERE cell = 0),
       CASE WHEN m.fen > 0 THEN m.debit ELSE m.credit END, CASE WHEN m.fen > 0 THEN m.credit ELSE m.debit END,
       1, m.reason, 'CNY', d.day_id
FROM pool_day d
JOIN pool o ON o.pool_id = d.pool_id
CROSS JOIN LATERAL (SELECT encode(sha256(convert_to(d.pool_id, 'UTF8')), 'hex') AS hex) h
CROSS JOIN LATERAL (
    SELECT ('00000000-0000-7000-8' || substr(h.hex, 1, 3) || '-' || substr(h.hex, 4, 10) || '00')::uuid AS owner) t
CROSS JOIN LATERAL (SELECT coalesce(sum(fen), 0)::bigint AS fen FROM unnest(d.fees_paid_fen) AS u (fen)) f
CROSS JOIN LATERAL (
    SELECT coalesce(sum(r.given_up_fen), 0)::bigint AS fen
    FROM pool_receipt r JOIN pool_loan p ON p.cell = r.cell AND p.loan_id = r.loan_id
    WHERE p.pool_id = d.pool_id AND r.on_date = d.on_date) g
CROSS JOIN LATERAL (VALUES
    (1, 9401, 9403, 150, CASE WHEN d.on_date = o.opened_on THEN d.senior_fen + d.senior_principal_fen ELSE 0 END),
    (2, 9401, 9404, 150,
     CASE WHEN d.on_date = o.opened_on THEN d.subordinate_fen + d.subordinate_principal_fen ELSE 0 END),
    (3, 9401, 9402, 152, d.repaid_fen),
    (4, 9401, 9405, 152, d.interest_fen),
    (5, 9409, 9402, 154, g.fen),
    (6, 9406, 9401, 153, f.fen),
    (7, 9407, 9401, 153, d.senior_interest_paid_fen),
    (8, 9403, 9401, 153, d.senior_principal_fen),
    (9, 9404, 9401, 153, d.subordinate_principal_fen),
    (10, 9408, 9401, 153, d.excess_fen),
    (11, 9402, 9401, 151, d.spent_fen)
) AS m (place, debit, credit, reason, fen)
WHERE m.fen <> 0;

INSERT INTO account (cell, owner, code, currency, strict_side, debits_posted_fen, credits_posted_fen)
SELECT 0, t.owner, c.code, 'CNY', CASE WHEN c.code IN (9403, 9404) THEN 2 ELSE 0 END,
       coalesce(sum(t.amount_fen) FILTER (WHERE t.debit_code = c.code), 0),
       coalesce(sum(t.amount_fen) FILTER (WHERE t.credit_code = c.code), 0)
FROM (SELECT debit_owner AS owner, debit_code, credit_code, amount_fen FROM transfer
      WHERE cell = 0 AND reason BETWEEN 150 AND 154) t
CROSS JOIN generate_series(9401, 9409) AS c (code)
GROUP BY t.owner, c.code;
