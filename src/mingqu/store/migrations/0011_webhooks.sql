-- Who is told what happened, and where. Subscriptions belong to the operator, so to no cell; each delivery is a row of
-- `work` in the cell of what happened. The secret is sealed under the book's wrapping key.
CREATE TABLE webhook_subscription (
    subscription_id uuid        PRIMARY KEY,
    url             text        NOT NULL,
    events          text[]      NOT NULL CHECK (cardinality(events) > 0),
    wrapping_id     text        NOT NULL,
    wrapped_secret  bytea       NOT NULL,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    delivered       bigint      NOT NULL DEFAULT 0,
    given_up        bigint      NOT NULL DEFAULT 0
);
