"""Wallets that a card may be asked for: their rails, how well they know their holders, what the issuer lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mingqu.domain.policy_file import Document

CLEARING: Final = "clearing"  # messages of the central bank, which the card itself is settled by
QUICK_PAY: Final = "quick_pay"  # reached by a bridge: money goes back to the loan by it, and payments do not
RAILS: Final = (CLEARING, QUICK_PAY, "other")
ISSUER: Final = ("none", "repay_only", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A wallet as its operator and the card's issuer describe it."""

    code: str
    name_zh: str
    name_en: str
    rails: str
    tier: int
    keeps_money_apart: bool
    issuer: str

    @property
    def reached(self) -> str:
        """Whether the card's rails reach the wallet: "same", "bridged" or "apart"."""
        return {CLEARING: "same", QUICK_PAY: "bridged"}.get(self.rails, "apart")


def parse_wallets(*, document: Document) -> dict[str, Wallet]:
    """Return the wallets of a file by their codes. Errors: PolicyFault."""
    reader = document.reader()
    reader.only(("kind", "id", "version", "wallet"))
    found: dict[str, Wallet] = {}
    for row in reader.tables("wallet", label="code"):
        row.only(("code", "name_zh", "name_en", "rails", "tier", "keeps_money_apart", "issuer"))
        made = Wallet(
            code=row.text("code"),
            name_zh=row.text("name_zh"),
            name_en=row.text("name_en"),
            rails=row.choice("rails", RAILS),
            tier=row.integer("tier", least=0, most=3),
            keeps_money_apart=row.flag("keeps_money_apart"),
            issuer=row.choice("issuer", ISSUER),
        )
        if made.code in found:
            raise row.fault("code", "the wallet stands twice.", "Write each wallet once.")
        found[made.code] = made
    return found
