-- Money that a lender that decides by itself was asked for, offer by offer: noted before it is asked, so that what
-- nobody signed is called off and goes back, whatever died in between.
CREATE TABLE lender_funding (
    cell          smallint    NOT NULL,
    offer_id      uuid        NOT NULL,
    person_id     uuid        NOT NULL,
    question_id   uuid        NOT NULL,
    lender_id     uuid        NOT NULL,
    reference     uuid        NOT NULL,
    amount_fen    bigint      NOT NULL CHECK (amount_fen > 0),
    currency      text        NOT NULL,
    asked_at      timestamptz NOT NULL,
    called_off_at timestamptz,
    heard_at      timestamptz,
    PRIMARY KEY (cell, offer_id),
    FOREIGN KEY (cell, offer_id) REFERENCES lender_offer (cell, offer_id),
    CHECK (heard_at IS NULL OR called_off_at IS NOT NULL)
);

CREATE FUNCTION lender_funding_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.called_off_at IS NOT NULL AND NEW.called_off_at IS DISTINCT FROM OLD.called_off_at THEN
        RAISE EXCEPTION 'money that was called off stays called off';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER lender_funding_stays BEFORE UPDATE ON lender_funding FOR EACH ROW EXECUTE FUNCTION lender_funding_stays();

ALTER TABLE lender_word DROP CONSTRAINT lender_word_kind_check;
ALTER TABLE lender_word ADD CONSTRAINT lender_word_kind_check CHECK (kind IN ('assess', 'sign', 'fund', 'return'));

-- What was paid in before for an offer that nobody signed: of several offers of one question the last is the one that
-- was confirmed, for a price that moves is moved by the signature of the one before. It is looked at at once.
INSERT INTO lender_funding (cell, offer_id, person_id, question_id, lender_id, reference, amount_fen, currency, asked_at)
SELECT w.cell, o.offer_id, w.person_id, w.question_id, f.lender_id, w.number::uuid, q.amount_fen, q.currency, w.at
FROM lender_word w
JOIN lender_question q ON q.cell = w.cell AND q.question_id = w.question_id
JOIN facility f ON f.cell = q.cell AND f.facility_id = q.facility_id
JOIN LATERAL (
    SELECT l.offer_id FROM lender_offer l JOIN offer ON offer.cell = l.cell AND offer.offer_id = l.offer_id
    WHERE l.cell = w.cell AND l.question_id = w.question_id ORDER BY offer.created_at DESC, l.offer_id DESC LIMIT 1
) o ON true
WHERE w.kind = 'fund' AND w.said = 'funded'
  AND NOT EXISTS (SELECT FROM lender_offer l JOIN contract c ON c.cell = l.cell AND c.offer_id = l.offer_id
                  WHERE l.cell = w.cell AND l.question_id = w.question_id)
ON CONFLICT DO NOTHING;
INSERT INTO work (cell, work_id, kind, subject_id, run_at, payload)
SELECT cell, reference, 'call_off_funding', offer_id, asked_at, '{"tries": 0}' FROM lender_funding
ON CONFLICT DO NOTHING;
