"""Houses wired to a world: one in memory for tests, one behind signed protocols; `main` chooses."""
