"""Revolving accounts: purchases and draws, bills, instalments, what is owed."""
