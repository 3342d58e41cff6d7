"""Counterparties played in memory, with faults on request: they lose replies, are late, repeat and refuse."""
