"""What goes out: to people's phones, to programs of others, to lenders, and whether a message is ours."""
