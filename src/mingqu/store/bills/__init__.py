"""Bills, breaks and settlements; what a lender's files are made of."""
