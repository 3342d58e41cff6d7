"""Bind a person's own Alipay account, so that a loan can be paid out to it.

That it is theirs rests on two things. Alipay vouches for who is signed in there (the code that only their own account
gives), and with each transfer the real name travels along, verified here by four elements: Alipay refuses an account
of another name. Source: opendocs.alipay.com, "alipay.fund.trans.uni.transfer", `payee_info.name` (2026).
"""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.instrument import InstrumentEvent, InstrumentKind, InstrumentState, after
from mingqu.domain.party import IdentityLevel, LoginProvider
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.signal import SignalKind
from mingqu.services.house import House
from mingqu.services.people.note_signals import promise_signal
from mingqu.services.people.sign_in_with_alipay import alipay_subject
from mingqu.store.parties import party
from mingqu.store.people import directory, instrument
from mingqu.store.server.database import Transaction

ALIPAY_ISSUER: Final = "alipay"  # of a wallet, where a card has its bank


class IdentityNotVerified(Refusal):
    """The person must be verified by the four elements first: the name of the account is compared with theirs."""

    code: ClassVar[str] = "identity_not_verified"
    status: ClassVar[int] = 409


class WalletNotOwn(Refusal):
    """This account signs another person in here; it cannot be this person's as well."""

    code: ClassVar[str] = "wallet_not_own"


def bind_alipay_account(house: House, *, person_id: UUID, code: Personal[str]) -> UUID:
    """Bind the account that a code stands for and return the instrument's id; one that is bound stays as it is.

    From then on the account signs this person in. No transaction may be open. Errors: IdentityNotVerified,
    WalletNotOwn, and those of `alipay_subject`; nothing is bound then.
    """
    with house.database.transaction() as tx:
        _require_verified(tx, person_id=person_id)
    account = alipay_subject(house, code=code)
    try:
        return house.database.run(lambda tx: _bind(tx, house, person_id=person_id, account=account))
    except directory.DirectoryTaken:
        raise WalletNotOwn("This Alipay account signs somebody else in here: take one of your own.") from None


def _bind(tx: Transaction, house: House, *, person_id: UUID, account: Personal[str]) -> UUID:
    tx.lock_cell(tx.cell_of(person_id))
    _require_verified(tx, person_id=person_id)
    at, keyring = house.clock.now(), house.keyring
    directory.add_login(tx, keyring=keyring, provider=LoginProvider.ALIPAY, subject=account, person_id=person_id, at=at)
    for held in instrument.opened_of_person(tx, keyring=keyring, person_id=person_id):
        if held.number == account and held.card.state is InstrumentState.VERIFIED:
            return held.card.instrument_id
    bound = instrument.add(
        tx,
        keyring=keyring,
        instrument_id=house.id_for(person_id),
        person_id=person_id,
        kind=InstrumentKind.WALLET,
        issuer=ALIPAY_ISSUER,
        number=account,
        at=at,
    )
    own = after(instrument=bound, event=InstrumentEvent.VERIFY)
    instrument.set_state(tx, instrument=own, was=bound.state, at=at)
    promise_signal(tx, person_id=person_id, event_id=own.instrument_id, kind=SignalKind.CARD_BOUND, at=at)
    return own.instrument_id


def _require_verified(tx: Transaction, *, person_id: UUID) -> None:
    if party.load_person(tx, person_id=person_id).identity_level is not IdentityLevel.FOUR_ELEMENTS:
        raise IdentityNotVerified("Prove your name and a card of your own first.")
