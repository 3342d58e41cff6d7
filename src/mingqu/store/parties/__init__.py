"""The row of a person, raised, merged and erased with everything that hangs on it."""
