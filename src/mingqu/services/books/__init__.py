"""A whole book taken over, handed over, reconciled or cut into other cells."""
