"""Who is outside: each channel implements a port and decides nothing. Channels do not know each other."""
