"""What changes a loan beside its plan: relief, loss, stages, corrections, returned money; the monitor of cards."""
