"""Agree to deductions from a wallet: signed on the wallet's page, heard by notice, by the way back, or by asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import MalformedIdentifier, parse
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed
from mingqu.ports.collection import Agreed, HostedAgreementRequest, HostedPage
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.orders.drop_agreement import CANCEL_AGREEMENT
from mingqu.services.orders.end_agreement import LEASE_SECONDS, end_agreement, tell_later
from mingqu.services.orders.run_errand import PaymentChannelUnknown, token_field
from mingqu.services.repayment.repay import AgreementRefused, ChannelUnavailable, keep_agreement, require_agreed
from mingqu.store.loans import repayment
from mingqu.store.loans.repayment import Agreement
from mingqu.store.parties.party import FIELD_ID_NUMBER, FIELD_NAME
from mingqu.store.people import vault
from mingqu.store.server import work
from mingqu.store.server.database import DatabaseUnavailable, Transaction
from mingqu.store.server.work import Work

ASK: Final = "ask_agreement"  # the work of asking what became of a page that somebody was sent to
ASK_AFTER: Final = timedelta(minutes=1)
# A page is good for ten minutes, and notices come for a day: after an hour a signature that nobody told of is ended.
GIVE_UP_AFTER: Final = timedelta(hours=1)
BATCH: Final = 100
PENDING: Final = "pending"
ACTIVE: Final = "active"
ENDED: Final = "ended"


class AgreementNoticeUnknown(Refusal):
    """A genuine notice tells of an agreement that its sender was never asked for."""

    code: ClassVar[str] = "agreement_notice_unknown"
    status: ClassVar[int] = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPage:
    """The agreement that waits for its signature, and where it is signed."""

    agreement_id: UUID
    page: HostedPage


def begin_at_wallet(house: House, *, person_id: UUID, channel: str, back: str, key: str) -> WalletPage:
    """Begin an agreement over a channel in `house.wallets`, and return the wallet's page for it.

    Under the same key it is the same agreement, and a page for it as long as it is not signed. `back` is where the
    browser goes afterwards. Errors: PaymentChannelUnknown, ConsentMissing, NotFound (not verified yet),
    AgreementRefused, ChannelUnavailable, and those of the idempotency key.
    """
    wallet = house.wallets.get(channel)
    if wallet is None:
        raise PaymentChannelUnknown("Nobody deducts here by this name.")

    def begin(tx: Transaction) -> Response:
        require_agreed(tx, house, person_id=person_id, channel=channel)
        now, agreement_id = house.clock.now(), house.id_for(person_id)
        agreement = Agreement(
            agreement_id=agreement_id, person_id=person_id, instrument_id=None, state=PENDING, channel=channel
        )
        repayment.insert_agreement(tx, agreement=agreement, at=now)
        work.enqueue(
            tx,
            cell=tx.cell_of(person_id),
            work_id=house.id_for(person_id),
            kind=ASK,
            subject_id=agreement_id,
            run_at=now + ASK_AFTER,
            payload={"person_id": person_id.hex, "until": (now + GIVE_UP_AFTER).isoformat()},
        )
        return {"agreement_id": agreement_id.hex}

    request = {"channel": channel}
    answer = once(house, person_id=person_id, command="begin_at_wallet", key=key, request=request, work=begin)
    agreement_id = UUID(str(answer["agreement_id"]))
    with house.database.transaction() as tx:
        name, id_number = (
            vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=field)
            for field in (FIELD_NAME, FIELD_ID_NUMBER)
        )
    try:
        page = wallet.agreement_page(
            HostedAgreementRequest(
                agreement_number=agreement_id.hex,
                holder_name=name,
                id_number=id_number,
                amount_fen_max=house.settings.wallet_deduction_fen_max,
                back=back,
            )
        )
    except ChannelSilent:
        raise ChannelUnavailable("The wallet did not answer; please try again.") from None
    if not isinstance(page, HostedPage):
        raise AgreementRefused("This agreement was signed or has ended; begin another.")
    return WalletPage(agreement_id=agreement_id, page=page)


def agreement_state(house: House, *, person_id: UUID, agreement_id: UUID) -> str:
    """Return how a person's agreement stands here: pending, active or ended. Errors: NotFound."""
    with house.database.transaction() as tx:
        return repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id).state


def ask_newest(house: House, *, person_id: UUID) -> str:
    """Ask what became of the page that a person was sent to last, and return its agreement's state.

    Errors: NotFound when there is none, ConsentMissing, ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        begun = [one for one in repayment.agreements_of(tx, person_id=person_id) if one.instrument_id is None]
    if not begun:
        raise NotFound
    return ask_wallet(house, person_id=person_id, agreement_id=begun[-1].agreement_id)


def wallet_of(house: House, *, person_id: UUID) -> str | None:
    """Return over which wallet's channel a person's active agreement is, or None: of a card, or of nothing."""
    with house.database.transaction() as tx:
        cell = tx.cell_of(person_id)
        holding = repayment.active_agreements(tx, cell=cell, person_ids=[person_id]).get(person_id)
    return None if holding is None or holding.instrument_id is not None else holding.channel


def ask_wallet(house: House, *, person_id: UUID, agreement_id: UUID) -> str:
    """Ask the wallet what became of a pending agreement and return its state: pending, active or ended.

    Errors: NotFound, ConsentMissing (it was withdrawn meanwhile, and the wallet hears so), ChannelUnavailable.
    """
    with house.database.transaction() as tx:
        agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id)
    wallet = house.wallets.get(agreement.channel)
    if agreement.state != PENDING or wallet is None:
        return agreement.state
    try:
        said = wallet.ask_agreement(agreement_id.hex)
    except ChannelSilent:
        raise ChannelUnavailable("The wallet did not answer; please try again.") from None
    if isinstance(said, Agreed | Failed):
        hear_wallet(house, person_id=person_id, agreement_id=agreement_id, word=said)
    return agreement_state(house, person_id=person_id, agreement_id=agreement_id)


def take_agreement_notice(house: House, *, channels: frozenset[str], number: str, word: Agreed | Failed) -> None:
    """Take a wallet's unasked word about an agreement. Errors: AgreementNoticeUnknown, ConsentMissing."""
    try:
        agreement_id = parse(number)
    except MalformedIdentifier:
        raise AgreementNoticeUnknown("No agreement of this number was asked for.") from None
    with house.database.transaction() as tx:
        owners = [repayment.owner_of(tx, agreement_id=agreement_id, channel=channel) for channel in sorted(channels)]
    person_id = next((owner for owner in owners if owner is not None), None)
    if person_id is None:
        raise AgreementNoticeUnknown("No agreement of this number was asked for.")
    hear_wallet(house, person_id=person_id, agreement_id=agreement_id, word=word)


def hear_wallet(house: House, *, person_id: UUID, agreement_id: UUID, word: Agreed | Failed) -> None:
    """Let an agreement begin or end by the wallet's word; a word that came before changes nothing.

    A signature for an agreement that has ended here (another one took its place, the consent was withdrawn, nobody
    heard of it for an hour) does not revive it: the wallet is told that it has ended.
    Errors: NotFound, ConsentMissing.
    """

    def hear(tx: Transaction) -> Refusal | None:
        tx.lock_cell(tx.cell_of(person_id))
        agreement = repayment.load_agreement(tx, person_id=person_id, agreement_id=agreement_id)
        if isinstance(word, Failed):
            if agreement.state == ACTIVE:
                end_agreement(tx, house, person_id=person_id)
            elif agreement.state == PENDING:
                repayment.set_agreement_state(tx, agreement=agreement, state=ENDED, at=house.clock.now())
            return None
        if agreement.state == ENDED:
            _tell_ended(tx, house, agreement=agreement, token=word.token)
            return None
        return keep_agreement(tx, house, person_id=person_id, agreement_id=agreement_id, token=word.token)

    refusal = house.database.run(hear)
    if refusal is not None:
        raise refusal


def _tell_ended(tx: Transaction, house: House, *, agreement: Agreement, token: Personal[str]) -> None:
    """Let a wallet hear, once, that what was signed there after all does not hold here."""
    cell, subjects = tx.cell_of(agreement.person_id), [agreement.agreement_id]
    if work.of_subjects(tx, cell=cell, kind=CANCEL_AGREEMENT, subject_ids=subjects, limit=1):
        return
    vault.seal(
        tx,
        keyring=house.keyring,
        person_id=agreement.person_id,
        field=token_field(agreement.agreement_id),
        value=token,
        at=house.clock.now(),
    )
    tell_later(tx, house, agreement=agreement)


def ask_wallets(house: House, *, cell: int) -> int:
    """Ask what became of pages that people of a cell were sent to, at most BATCH of them; return how many ended."""
    now = house.clock.now()
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[ASK], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    ended: list[UUID] = []

    def ask(piece: Work) -> None:
        if _ask(house, piece, at=now):
            ended.append(piece.work_id)

    do_each(house, leased, ask)
    return len(ended)


def _ask(house: House, piece: Work, *, at: datetime) -> bool:
    """Ask what became of one page, and let it be asked again or end; return whether it ended."""
    person_id = UUID(str(piece.payload["person_id"]))
    try:
        state = ask_wallet(house, person_id=person_id, agreement_id=piece.subject_id)
    except DatabaseUnavailable:
        raise  # the lease runs out, and somebody asks again
    except ChannelUnavailable:
        state = PENDING
    except Refusal:
        state = ENDED
    given_up = state == PENDING and at.isoformat() >= str(piece.payload["until"])
    if given_up:
        hear_wallet(house, person_id=person_id, agreement_id=piece.subject_id, word=Failed(code="page_never_signed"))
    waits = state == PENDING and not given_up
    with house.database.transaction() as tx:
        if waits:
            work.reschedule(tx, work=piece, run_at=house.clock.now() + ASK_AFTER)
        else:
            work.complete(tx, work=piece, now=house.clock.now())
        tx.commit()
    return not waits
