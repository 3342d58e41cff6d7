"""The day's close, cell by cell: mornings, accrual of groups, the mark, the proof, the sums."""
