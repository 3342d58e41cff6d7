"""People's own rows: cards, consents, sessions, codes, what is sealed in the vault, the directory."""
