"""Notices and reminders: leased, gated, sent once each."""
