"""What somebody may draw: limits in the ledger, caps, freezes, links between accounts, bands and the way back."""
