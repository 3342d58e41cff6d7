"""Our orders beside bills, statements and lenders' files; the breaks and who works them."""
