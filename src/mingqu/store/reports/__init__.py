"""What reports read of closed days and of cohorts."""
