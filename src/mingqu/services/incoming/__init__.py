"""What channels say unasked."""
