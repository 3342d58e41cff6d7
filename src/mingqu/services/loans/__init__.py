"""An event meets its loan; what follows from it; how a loan is read, by day and by what was known."""
