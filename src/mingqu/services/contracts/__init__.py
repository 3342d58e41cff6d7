"""From an offer to a signature: the cost explained, the code, the contract."""
