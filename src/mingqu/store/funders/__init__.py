"""Funders, pools, guarantors and partners: plans, statements, fees."""
