"""Money with a purpose: contracts, cards, spends, alerts, payees."""
