-- When two people decided which of a channel's words holds. The conflict stays on record; machines go on.
ALTER TABLE channel_order ADD COLUMN decided_at timestamptz CHECK (decided_at IS NULL OR conflict_code IS NOT NULL);
