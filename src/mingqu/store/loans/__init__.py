"""Loans, their events and what was signed for them; deductions, repayments, stages."""
