"""Use cases: load through `store`, decide in `domain`, write in one transaction. Channels are ports here."""
