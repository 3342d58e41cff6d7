"""What people raise: a person asked for, a suspicious message, a complaint or dispute, each with a last day."""
