"""Guarantors and insurers: compensation, fees, settlement, files."""
