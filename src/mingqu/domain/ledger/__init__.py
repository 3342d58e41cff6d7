"""The ledger's words: accounts, transfers, reasons and results."""

from mingqu.domain.ledger.chart import (
    CHART,
    REASONS,
    Account,
    AccountCode,
    ChartLine,
    Reason,
    Side,
)
from mingqu.domain.ledger.transfer import ENDINGS, MEANINGS, TRANSFERS_MAX, Balance, Result, Transfer, TransferKind
from mingqu.domain.ledger.way import FORWARD, HELD, WAYS
from mingqu.domain.money import AMOUNT_FEN_MAX

__all__ = [
    "AMOUNT_FEN_MAX",
    "CHART",
    "ENDINGS",
    "FORWARD",
    "HELD",
    "MEANINGS",
    "REASONS",
    "TRANSFERS_MAX",
    "WAYS",
    "Account",
    "AccountCode",
    "Balance",
    "ChartLine",
    "Reason",
    "Result",
    "Side",
    "Transfer",
    "TransferKind",
]
