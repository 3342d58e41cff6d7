"""A new version of what a loan's money is bound by: the same contract and payee, with the payee's right account.

What was signed is version 1. A later one is published after the money came back, says by hash what it replaces, and is
agreed to by its own hash or not at all; who does not agree keeps what was signed. Source: 《民法典》 art. 543 and 544
(its parties change a contract by agreement; a change that is not clear counts as none).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.refusal import Refusal

SIGNED: Final = 1  # the number of what was signed
# A buyer waits for their car: who has not answered in a month does not wait any more.
VERSION_LASTS: Final = timedelta(days=30)
VERSIONS_MAX: Final = 20  # of one loan: whoever needs more has another trouble than a wrong account


class VersionState(Enum):
    """Where a version stands. Words of answers are stored: never changed, never used again."""

    OPEN = "open"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"  # by the house, before anybody answered
    LAPSED = "lapsed"


class VersionOver(Refusal):
    """This version was answered, withdrawn, or nobody answered in time; what it would have changed stays as it is."""

    code: ClassVar[str] = "contract_version_over"
    status: ClassVar[int] = 409


class VersionDiffers(Refusal):
    """What was agreed to is not the text of this version: show it anew."""

    code: ClassVar[str] = "contract_version_differs"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a version says: hashes are in hexadecimal, those of payees keyed; `payees` is the list and its version.

    Of a loan by stages (`by_stages`) it is what its borrower named; nothing is paid by agreeing, a stage is released.
    """

    contract_id: UUID
    contract_hash: str
    funds_contract: str
    number: int
    replaces: str
    payee: str
    payees: str
    merchant: str
    bank: str
    purpose: str
    returned_id: UUID
    amount_fen: int
    by_stages: bool = False


def version_body(of: Correction) -> bytes:
    """Return the canonical bytes that are published and agreed to; account and name are in the vault."""
    assert of.number > SIGNED, "what was signed is written by its contract"
    said: dict[str, Canonical] = {
        "kind": "funds_contract_version",
        "contract_id": of.contract_id.hex,
        "contract_hash": of.contract_hash,
        "funds_contract": of.funds_contract,
        "version": of.number,
        "replaces_payee": of.replaces,
        "payee": {"hash": of.payee, "bank": of.bank, "purpose": of.purpose, "merchant": of.merchant, "list": of.payees},
        "returned_payout": of.returned_id.hex,
        "amount_fen": of.amount_fen,
        "unchanged": "everything else that was signed",
        **({"by_stages": True} if of.by_stages else {}),
    }
    return canonical(said)


def standing(*, answer: VersionState | None, lapses_at: datetime, at: datetime) -> VersionState:
    """Return where a version stands at a moment. One that lapsed needs nobody to write that down."""
    if answer is not None:
        return answer
    return VersionState.LAPSED if at >= lapses_at else VersionState.OPEN
