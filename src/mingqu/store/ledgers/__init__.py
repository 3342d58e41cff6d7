"""Accounts, transfers, holds and accruals, statements, and their proof."""
