"""The close as it reads and writes: columns, marks, what was set aside, sums of days."""
