-- What the monitor found about a card whose money is bound to a purpose: by which rule, and what it did about it.
CREATE TABLE purpose_alert (
    cell      smallint    NOT NULL,
    alert_id  uuid        NOT NULL,
    card_id   uuid        NOT NULL,
    person_id uuid        NOT NULL,
    rule      text        NOT NULL,
    deed      text        NOT NULL CHECK (deed IN ('watch', 'freeze', 'accelerate')),
    facts     jsonb       NOT NULL,
    raised_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by uuid,
    PRIMARY KEY (cell, alert_id),
    FOREIGN KEY (cell, card_id) REFERENCES purpose_card (cell, card_id),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE INDEX purpose_alert_open ON purpose_alert (cell, raised_at) WHERE closed_at IS NULL;
CREATE INDEX purpose_alert_card ON purpose_alert (cell, card_id);
ALTER TABLE purpose_alert SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
