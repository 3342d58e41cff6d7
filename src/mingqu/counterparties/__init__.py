"""The real counterparties: their credentials read from a file, their channels made. Only `main` asks for them."""
