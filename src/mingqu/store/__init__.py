"""The only layer that speaks SQL: it loads state and writes it, one transaction for each command."""
