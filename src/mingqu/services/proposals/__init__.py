"""What takes two people: proposed by one, carried out once when another agrees."""
