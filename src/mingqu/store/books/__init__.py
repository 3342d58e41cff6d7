"""A whole book: created, copied, restored, cut into other cells."""
