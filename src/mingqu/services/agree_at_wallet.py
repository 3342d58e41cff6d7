"""Agree to deductions at a wallet: the person signs on a page of Alipay's, and Alipay says whether they did.

Where a bank sends a code, Alipay shows a page. The agreement's number is ours, stored before the page is shown; on
the way back, and whenever somebody asks, it is Alipay that is asked and not the browser that is believed. From then on
what is due is withheld in the morning as from a card. Source: opendocs.alipay.com, 商家扣款 (2026).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.instrument import CardNotSupported, InstrumentKind, require_verified
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed
from mingqu.ports.collection import Agreed, WalletAgreement
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.repay import (
    ENDED,
    AgreementRefused,
    ChannelUnavailable,
    keep_agreement,
    require_agreed,
)
from mingqu.store import instrument, repayment
from mingqu.store.database import Transaction
from mingqu.store.repayment import Agreement

# The largest single deduction that is agreed to; what is due above it is asked for by hand. A contract with Alipay may
# set it lower, and says so by refusing the page.
SINGLE_FEN_MAX: Final = 5_000_000
LAST_DAY: Final = 28  # Alipay names a day that every month has


class AgreementNotSigned(Refusal):
    """The person has not signed at the wallet yet, or the wallet does not know of it yet."""

    code: ClassVar[str] = "agreement_not_signed"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementPage:
    """An agreement that waits for the person, and the page of the wallet's on which they sign it."""

    agreement_id: UUID
    address: str


def begin_wallet_agreement(house: House, *, person_id: UUID, instrument_id: UUID, back: str, key: str) -> AgreementPage:
    """Begin an agreement on a person's bound wallet and return the page to sign on; the browser comes back to `back`.

    `{agreement}` in `back` becomes the agreement's id. Errors: NotFound, InstrumentNotVerified, CardNotSupported,
    ConsentMissing, ChannelUnavailable, and those of the idempotency key.
    """
    with house.database.transaction() as tx:
        instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
    wallets = house.wallet_agreements
    if wallets is None:
        raise CardNotSupported("Nothing can be deducted from this account here: take a debit card.")

    def work(tx: Transaction) -> Response:
        wallet = instrument.load(tx, person_id=person_id, instrument_id=instrument_id)
        require_verified(instrument=wallet)
        if wallet.kind is not InstrumentKind.WALLET:
            raise CardNotSupported("A bank's code agrees to deductions from a card.", kind=wallet.kind.value)
        require_agreed(tx, house, person_id=person_id)
        made = Agreement(
            agreement_id=house.id_for(person_id), person_id=person_id, instrument_id=instrument_id, state="pending"
        )
        repayment.insert_agreement(tx, agreement=made, at=house.clock.now())
        return {"agreement_id": made.agreement_id.hex}

    request = {"instrument_id": instrument_id.hex}
    answer = once(house, person_id=person_id, command="begin_wallet_agreement", key=key, request=request, work=work)
    agreement_id = UUID(str(answer["agreement_id"]))
    wanted = WalletAgreement(
        agreement_number=agreement_id.hex,
        first_on=_first_on(house.clock.business_date()),
        amount_fen_max=SINGLE_FEN_MAX,
        back=back.replace("{agreement}", agreement_id.hex),
    )
    try:
        page = wallets.agreement_page(wanted)
    except ChannelSilent:
        raise ChannelUnavailable("The wallet did not answer; please try again.") from None
    return AgreementPage(agreement_id=agreement_id, address=page.address)


def finish_wallet_agreement(house: House, *, person_id: UUID, agreement_id: UUID) -> None:
    """Ask the wallet whether the person signed, and let the agreement hold from now on; finished again changes nothing.

    An older agreement ends then. Errors: NotFound, ConsentMissing, AgreementNotSigned, AgreementRefused,
    ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        if repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id).state == ENDED:
            raise AgreementRefused("This agreement has ended; begin another.")
        require_agreed(tx, house, person_id=person_id)
    wallets = house.wallet_agreements
    if wallets is None:
        raise ChannelUnavailable("The wallet is not connected.")
    try:
        said = wallets.ask_agreement(agreement_id.hex)
    except ChannelSilent:
        raise ChannelUnavailable("The wallet did not answer; please try again.") from None
    if isinstance(said, Failed):
        raise AgreementRefused("The agreement has ended at the wallet; begin again.")
    if not isinstance(said, Agreed):
        raise AgreementNotSigned("It is not signed yet.")
    refusal = house.database.run(
        lambda tx: keep_agreement(tx, house, person_id=person_id, agreement_id=agreement_id, token=said.token)
    )
    if refusal is not None:
        raise refusal


def _first_on(today: date) -> date:
    """Return tomorrow, or the first of the month after, where tomorrow is a day that not every month has."""
    day = today + timedelta(days=1)
    while day.day > LAST_DAY:  # ends: a month has three such days at most
        day += timedelta(days=1)
    return day
