"""Where the money comes from: sources with room, shares of a joint loan, slices of the book's limits, statements."""
