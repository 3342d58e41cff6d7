-- An order may be of a channel that moves less than asked, but not less than `least_fen` (null: all or nothing). What moved
-- is then the order's amount, with which everything is compared that was or will be booked, and `asked_fen` what was
-- asked for.
ALTER TABLE channel_order ADD COLUMN least_fen bigint, ADD COLUMN asked_fen bigint;
ALTER TABLE channel_order
    ADD CONSTRAINT channel_order_least CHECK (least_fen IS NULL
        OR (least_fen > 0 AND least_fen <= amount_fen)),
    ADD CONSTRAINT channel_order_asked CHECK (asked_fen IS NULL
        OR (least_fen IS NOT NULL AND state = 'PAID' AND amount_fen < asked_fen));
