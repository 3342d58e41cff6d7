"""Securitized pools (ABS) and the fund centre: what they hold, buy and distribute, and how near each limit is."""
