"""Ports that this machine itself answers: its clock and its source of randomness."""
