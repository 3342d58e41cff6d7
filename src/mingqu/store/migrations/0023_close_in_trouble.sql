-- When a closed day was last proved: one whose proof failed is proved again now and then, and not every second.
ALTER TABLE closing ADD COLUMN proved_at timestamptz;
