-- A loan whose payout came back and that nobody wants paid again: it ended unpaid, by its borrower's word, or because the
-- time was over after which the house closes it. `event_id` is the loan's event of that; `returned_id` the payout that had
-- come back. What a channel refused for good ends a loan as well, and has its order to say so.
CREATE TABLE loan_called_off (
    cell          smallint    NOT NULL,
    event_id      uuid        NOT NULL,
    loan_id       uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    returned_id   uuid        NOT NULL,
    cause         text        NOT NULL CHECK (cause IN ('borrower', 'time')),
    called_off_at timestamptz NOT NULL,
    PRIMARY KEY (cell, event_id),
    UNIQUE (cell, loan_id),
    FOREIGN KEY (cell, loan_id) REFERENCES loan (cell, loan_id),
    FOREIGN KEY (cell, person_id) REFERENCES person (cell, person_id),
    FOREIGN KEY (cell, returned_id) REFERENCES channel_order (cell, order_id)
);
CREATE INDEX loan_called_off_person ON loan_called_off (cell, person_id);
CREATE INDEX loan_called_off_returned ON loan_called_off (cell, returned_id);

-- Loans that wait already are looked after from now on as well: who looks knows when somebody is reminded.
INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
SELECT e.cell, e.event_id, 'payout_waits', e.loan_id, e.posted_at,
       jsonb_build_object('returned', replace(e.target::text, '-', ''))
FROM loan_event e
JOIN loan l ON l.cell = e.cell AND l.loan_id = e.loan_id
JOIN channel_order o ON o.cell = e.cell AND o.order_id = e.target
WHERE e.kind = 'reversed' AND l.stage = 'planned' AND o.kind = 'payout'
ON CONFLICT (cell, work_id) DO NOTHING;
