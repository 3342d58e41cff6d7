"""How loans and accounts are paid: by hand, by agreement, several at once."""
