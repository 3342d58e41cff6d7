"""Merchants and orders at their checkouts."""
