"""Hear how far a referral has come: from the browser that comes back, and by asking the bank until it says the end."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.cash_advance import Referral, follows
from mingqu.domain.identifier import MalformedIdentifier, beside, parse
from mingqu.domain.refusal import Refusal
from mingqu.ports.cash_advance import Standing
from mingqu.ports.silence import ChannelSilent
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.store.lenders import referral
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

log: Final = logging.getLogger("mingqu.referral")
ASK: Final = "ask_referral"
BATCH: Final = 20  # of a cell and round: a bank that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 600  # a whole batch of banks that hang
# A person reads for some minutes; whoever takes longer is heard of when they come back, or within the hour.
WAITS: Final = (
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
)
ASKED_FOR: Final = timedelta(days=7)  # a bank ends its page after a day, and pays out within some


class ReturnUnsigned(Refusal):
    """What the browser brought back is not the word of the bank of this referral; nothing was changed by it."""

    code: ClassVar[str] = "return_unsigned"
    status: ClassVar[int] = 403


def promise_to_ask(tx: Transaction, house: House, *, referral: Referral) -> None:
    """Write the work of asking the bank, in the transaction that makes the referral. The caller commits."""
    work.enqueue(
        tx,
        cell=tx.cell_of(referral.person_id),
        work_id=beside(referral.referral_id, purpose=ASK),
        kind=ASK,
        subject_id=referral.referral_id,
        run_at=house.clock.now() + WAITS[0],
        payload={"tries": 0},
    )


def hear(house: House, *, referral_id: UUID, standing: Standing) -> Referral:
    """Keep what the bank says of a referral, if it takes it further, and return the referral as it stands then.

    A word that comes late, again, or against an end that was told changes nothing; one that tells of more than was
    asked for is no answer, is logged, and waits for the bank to say something else.
    """

    def keep(tx: Transaction) -> Referral:
        tx.lock_cell(tx.cell_of(referral_id))
        known = referral.load(tx, referral_id=referral_id)
        if standing.amount_fen is not None and standing.amount_fen > known.wish.amount_fen:
            log.error("referral.paid_above_wish", extra={"fields": {"referral_id": referral_id.hex}})
            return known
        if not follows(before=known.state, after=standing.state):
            if known.is_final and standing.state is not known.state:
                log.warning("referral.contrary_word", extra={"fields": {"referral_id": referral_id.hex}})
            return known
        heard = replace(
            known,
            state=standing.state,
            heard_at=house.clock.now(),
            amount_paid_fen=standing.amount_fen,
            refusal_code=standing.code,
        )
        referral.update(tx, referral=heard)
        return heard

    return house.database.run(keep)


def come_back(house: House, *, person_id: UUID | None, result: str) -> Referral:
    """Hear what a browser brought back from a bank, signed by it; return the referral.

    With `person_id` it must be that person's own. Errors: ReturnUnsigned, NotFound.
    """
    for code, bank in house.issuers.items():
        found = bank.read_return(result=result)
        if found is None:
            continue
        number, standing = found
        try:
            referral_id = parse(number)
        except MalformedIdentifier:
            break
        with house.database.transaction() as tx:
            known = referral.load(tx, referral_id=referral_id, person_id=person_id)
        if known.bank == code:
            return hear(house, referral_id=referral_id, standing=standing)
    raise ReturnUnsigned("This is not what a bank of ours sent you back with.")


def ask_bank(house: House, *, referral_id: UUID) -> Referral:
    """Ask the bank how far a referral has come, and return the referral as it stands then. Errors: ChannelSilent."""
    with house.database.transaction() as tx:
        known = referral.load(tx, referral_id=referral_id)
    bank = house.issuers.get(known.bank)
    if known.is_final or bank is None:
        return known
    said = bank.ask(number=known.number)
    return hear(house, referral_id=referral_id, standing=said) if isinstance(said, Standing) else known


def follow_referrals(house: House, *, cell: int) -> int:
    """Ask banks about the referrals of a cell that are due, and return how many were."""
    if not house.issuers:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[ASK], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    silent: set[str] = set()
    return do_each(house, leased, lambda piece: _ask(house, piece, silent))


def _ask(house: House, piece: Work, silent: set[str]) -> None:
    with house.database.transaction() as tx:
        known = referral.load(tx, referral_id=piece.subject_id)
    if known.bank not in silent:
        try:
            known = ask_bank(house, referral_id=known.referral_id)
        except ChannelSilent:
            silent.add(known.bank)  # the others of this round wait for it as well
    now, tries = house.clock.now(), int(str(piece.payload.get("tries", 0))) + 1
    with house.database.transaction() as tx:
        if known.is_final or now >= known.made_at + ASKED_FOR:
            work.complete(tx, work=piece, now=now)
            if not known.is_final:
                log.error("referral.without_end", extra={"fields": {"referral_id": known.referral_id.hex}})
        else:
            wait = WAITS[min(tries, len(WAITS) - 1)]
            work.reschedule(tx, work=piece, run_at=now + wait, payload={"tries": tries})
        tx.commit()
