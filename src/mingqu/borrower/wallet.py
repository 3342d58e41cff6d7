"""Which of a person's cards and accounts a page offers money to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Response

from mingqu.borrower.door import Visit
from mingqu.borrower.form import Form
from mingqu.domain.instrument import PAID_OUT_TO, InstrumentKind
from mingqu.services.agree_at_wallet import begin_wallet_agreement
from mingqu.services.house import ALIPAY_ACCOUNT
from mingqu.services.read_person import CardView


def payable_kinds(visit: Visit) -> tuple[InstrumentKind, ...]:
    """Return the kinds of instruments that money can be paid out to here: wallets where Alipay pays them."""
    connected = visit.house.payout_of(ALIPAY_ACCOUNT) is not None
    return tuple(kind for kind in PAID_OUT_TO if kind is not InstrumentKind.WALLET or connected)


def may_bind_wallet(visit: Visit, cards: Sequence[CardView]) -> bool:
    """Return whether a page offers to bind an account at Alipay: money can go there, and none is bound yet."""
    bound = any(one.kind == InstrumentKind.WALLET.value for one in cards)
    return visit.door.alipay is not None and InstrumentKind.WALLET in payable_kinds(visit) and not bound


def payable(visit: Visit, cards: Sequence[CardView], *, besides: UUID | None = None) -> list[dict[str, Any]]:
    """Return the cards and accounts that money can be paid out to, as a page offers them; one may be left out."""
    return verified_of(visit, [one for one in cards if one.instrument_id != besides], kinds=payable_kinds(visit))


def verified_of(visit: Visit, cards: Sequence[CardView], *, kinds: Sequence[InstrumentKind]) -> list[dict[str, Any]]:
    """Return the verified cards of some kinds, as a page offers them."""
    return [
        {
            "id": one.instrument_id.hex,
            "bank": visit.words.pick(one.bank_zh, one.bank_en),
            "tail": one.tail,
            "deducts": one.agreement_id is not None,
            "wallet": one.kind == InstrumentKind.WALLET.value,
        }
        for one in cards
        if one.verified and one.kind in [kind.value for kind in kinds]
    ]


def deductible_kinds(visit: Visit) -> tuple[InstrumentKind, ...]:
    """Return the kinds of instruments that due amounts can be deducted from here."""
    wallets = visit.house.wallet_agreements is not None and visit.door.alipay is not None
    return (InstrumentKind.DEBIT_CARD, InstrumentKind.WALLET) if wallets else (InstrumentKind.DEBIT_CARD,)


def is_wallet(card: CardView) -> bool:
    """Whether an instrument is an account at a wallet."""
    return card.kind == InstrumentKind.WALLET.value


def begin_at_wallet(visit: Visit, form: Form, *, wallet_id: UUID) -> Response[Any]:
    """Send the person to the wallet's page, from which they come back to be asked for."""
    assert visit.door.alipay is not None
    there = quote(form.back_to, safe="")
    back = visit.door.alipay.here(path=f"/agreement/{{agreement}}/signed?next={there}")
    begun = begin_wallet_agreement(
        visit.house, person_id=visit.person_id, instrument_id=wallet_id, back=back, key=form.key
    )
    return visit.go(begun.address)
