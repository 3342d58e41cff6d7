"""Revolving accounts, their purchases and who funds them."""
