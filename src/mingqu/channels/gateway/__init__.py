"""Bank, identity, messages and bureau behind the signed gateway protocol (docs/reference/bank-gateway.md)."""
