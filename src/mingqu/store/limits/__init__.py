"""Caps, freezes, links and slices of the book's limits."""
