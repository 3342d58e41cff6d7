"""Alipay's open platform: payments by hand, refunds, deductions by agreement, transfers, sign-in, bills, notices."""
