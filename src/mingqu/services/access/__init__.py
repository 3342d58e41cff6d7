"""Who is at the door: operators and sessions, looks and refusals that are noted, what is seen first."""
