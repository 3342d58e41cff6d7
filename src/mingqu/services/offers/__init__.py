"""What each product would lend at which whole cost (综合融资成本)."""
