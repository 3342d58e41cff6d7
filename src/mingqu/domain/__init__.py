"""The room of truth: pure values and functions. No I/O, no clock, no randomness, no logging."""
