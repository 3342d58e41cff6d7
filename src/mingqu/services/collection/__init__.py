"""Overdue loans: the worklist, calls and promises, the contact gate."""
