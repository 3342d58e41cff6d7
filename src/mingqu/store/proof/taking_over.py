"""What was taken over: each such loan came by a reference, with a file, and the files say what came in all."""

from __future__ import annotations

from typing import Final, LiteralString

from mingqu.store.server.database import Transaction

# Enough to see what kind of break it is; a broken book may have millions.
FINDINGS_MAX: Final = 20

_REFERENCES: Final[LiteralString] = """
    SELECT format('loan %%s was taken over without a reference, or has one and was not', coalesce(e.loan_id, r.loan_id))
    FROM (SELECT cell, loan_id FROM loan_event WHERE kind = 'migrated_in') e
    FULL JOIN loan_reference r ON r.loan_cell = e.cell AND r.loan_id = e.loan_id
    WHERE e.loan_id IS NULL OR r.loan_id IS NULL"""

_COUNTS: Final[LiteralString] = """
    SELECT format('%%s loans were taken over, and files brought %%s', came.loans, said.loans)
    FROM (SELECT count(*) AS loans FROM loan_event WHERE kind = 'migrated_in') came,
         (SELECT coalesce(sum(loans), 0) AS loans FROM book_import) said
    WHERE came.loans <> said.loans"""

# What came onto each kind of account of loans; interest is what was due and what had accrued, which is billed back,
# less what was paid of it before it was borne.
_SUMS: Final[LiteralString] = """
    WITH pair AS (
        SELECT debit_code, credit_code, sum(amount_fen) AS fen FROM transfer WHERE reason = 3 GROUP BY 1, 2
    ), came AS (
        SELECT side.code, sum(side.fen) AS fen
        FROM pair CROSS JOIN LATERAL (VALUES (debit_code, fen), (credit_code, -fen)) AS side (code, fen) GROUP BY 1
    ), said AS (
        SELECT way.code, sum((line ->> 'book')::bigint) AS fen
        FROM book_import, jsonb_array_elements(report -> 'ledger') AS line
        JOIN (VALUES ('principal_not_due_fen', 1101), ('principal_due_fen', 1102), ('interest_due_fen', 1103),
                     ('accrued_interest_fen', 1103), ('penalty_due_fen', 1104), ('fee_due_fen', 1105))
            AS way (name, code) ON way.name = line ->> 'name'
        GROUP BY 1
    )
    SELECT format('accounts of code %%s were taken over with %%s fen, and files say %%s', coalesce(c.code, s.code),
                  coalesce(c.fen, 0), coalesce(s.fen, 0))
    FROM (SELECT * FROM came WHERE code BETWEEN 1101 AND 1105) c FULL JOIN said s ON s.code = c.code
    WHERE coalesce(c.fen, 0) <> coalesce(s.fen, 0)"""


def taken_over(tx: Transaction) -> list[str]:
    """Return a sentence for each loan, number or sum in which files and book do not agree."""
    return [
        sentence
        for check in (_REFERENCES, _COUNTS, _SUMS)
        for (sentence,) in tx.execute(check, ()).fetchmany(FINDINGS_MAX)
    ]
