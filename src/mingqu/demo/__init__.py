"""The demonstration: people who are invented, on a real database, through the very use cases the doors call."""
