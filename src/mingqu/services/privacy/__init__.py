"""Consents, the copy of one's own data, erasure."""
