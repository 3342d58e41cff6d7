"""Orders and their words, batches, receipts, what waits for people."""
