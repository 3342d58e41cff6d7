"""Operators, their sessions, whom they looked at, what they proposed."""
