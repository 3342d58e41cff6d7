"""Transfers, for whom they credit: what stays with one owner is found where that owner is debited."""

from __future__ import annotations

from typing import Final, LiteralString

# Half of what is posted for a bill debits and credits the same owner. Such a transfer is in the index of debits alone:
# whoever looks transfers up by the owner that they credit takes them from here, where each half has its own index.
CREDITED: Final[LiteralString] = """(
    SELECT * FROM transfer WHERE debit_owner <> credit_owner UNION ALL
    SELECT * FROM transfer WHERE debit_owner = credit_owner
) AS transfer"""
