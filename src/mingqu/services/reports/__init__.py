"""Reports of closed days and of what became of loans."""
