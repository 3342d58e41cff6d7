"""A door that opens by itself: workers that lease work rows and call channels."""
