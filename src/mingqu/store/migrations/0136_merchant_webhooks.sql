-- A merchant hears of its own orders: a subscription that is a merchant's is told of nothing else.
ALTER TABLE webhook_subscription ADD COLUMN merchant text COLLATE "C";
