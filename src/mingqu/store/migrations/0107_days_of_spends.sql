-- Spends of a card are numbered within their day, and the last of a day has what counts of that day: what is held and
-- captured, without what was reversed. An authorisation reads one row of them, where it added up every spend of the day.
ALTER TABLE purpose_spend ADD COLUMN day_number integer NOT NULL DEFAULT 0;
ALTER TABLE purpose_spend ADD COLUMN day_fen bigint NOT NULL DEFAULT 0;
UPDATE purpose_spend s SET day_number = n.day_number, day_fen = n.day_fen
FROM (
    SELECT cell, spend_id, row_number() OVER (PARTITION BY cell, card_id, spent_on ORDER BY spend_id) AS day_number,
           sum(CASE state WHEN 'held' THEN amount_fen WHEN 'reversed' THEN 0 ELSE captured_fen END)
               OVER (PARTITION BY cell, card_id, spent_on) AS day_fen
    FROM purpose_spend
) n
WHERE s.cell = n.cell AND s.spend_id = n.spend_id;
ALTER TABLE purpose_spend ALTER COLUMN day_number DROP DEFAULT;
ALTER TABLE purpose_spend ALTER COLUMN day_fen DROP DEFAULT;
ALTER TABLE purpose_spend ADD CHECK (day_number > 0 AND day_fen >= 0);
CREATE UNIQUE INDEX purpose_spend_day ON purpose_spend (cell, card_id, spent_on, day_number);
DROP INDEX purpose_spend_card;
