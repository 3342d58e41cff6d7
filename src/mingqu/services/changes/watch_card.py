"""Watch cards with a purpose as their words come in: raise an alert, freeze the card, make the whole loan due, by rule.

A word that is more than a plain "yes" leaves work in its own transaction, and so does each paper that falls due; the
worker looks at the card soon after. An alert has an id made of what was found, so finding it again changes nothing.
What freezes, two people let go on (`thaw_card`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.identifier import beside
from mingqu.domain.loan import Accelerated, Stage
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.operator import Permission
from mingqu.domain.proposal import Proposal
from mingqu.domain.purpose.watch import Deed, Finding, Heard, WatchRow, parse_watch, watch
from mingqu.domain.refusal import Refusal
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.purpose.bind_money import CAME_BACK, card_of_loan
from mingqu.services.purpose.spend_card import WATCH, contract_of
from mingqu.services.repayment.return_unspent import tell_of_unspent, unspent_fen
from mingqu.store import evidence
from mingqu.store.loans import loan
from mingqu.store.purposes import purpose, purpose_alert, purpose_loan
from mingqu.store.purposes.purpose import Card
from mingqu.store.purposes.purpose_alert import Alert
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

BATCH: Final = 100  # cards of a cell and round; each is one short transaction
LEASE_SECONDS: Final = 300
WORDS_READ_MAX: Final = 200  # of a card: a rule looks back a month at most, and a car takes a few
ALERTS_SHOWN_MAX: Final = 200


class CardNotFrozen(Refusal):
    """This card is not frozen, or goes on again."""

    code: ClassVar[str] = "card_not_frozen"
    status: ClassVar[int] = 409


class CardWithoutMoney(Refusal):
    """The money of this card came back from where it was paid: there is nothing that it could spend."""

    code: ClassVar[str] = "card_without_money"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """An open alert with its age, and whether its card is frozen."""

    alert: Alert
    age: timedelta
    frozen_for: str | None


def watch_cards(house: House, *, cell: int) -> int:
    """Look at the cards of a cell that somebody said something about, or owe a paper; return how many."""
    with house.database.transaction() as tx:
        now = house.clock.now()
        leased = work.lease(tx, cell=cell, kinds=[WATCH], now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        if not leased:
            return 0
        house.policies.refresh(tx)
        tx.commit()
    return do_each(house, leased, lambda piece: _watch(house, piece))


def _watch(house: House, piece: Work) -> None:
    due = _looked(house, piece)
    if due is not None:
        _accelerate(house, *due)
    with house.database.transaction() as tx:
        work.complete(tx, work=piece, now=house.clock.now())
        tx.commit()


def _looked(house: House, piece: Work) -> tuple[UUID, UUID] | None:
    return house.database.run(lambda tx: _look(tx, house, piece))


def _look(tx: Transaction, house: House, piece: Work) -> tuple[UUID, UUID] | None:
    """Raise what the rules find about a card; return the loan that is to fall due, with the alert, if one is."""
    card_id, now = piece.subject_id, house.clock.now()
    tx.lock_cell(piece.cell)
    today = now.astimezone(MARKET_TIME).date()
    card = purpose.standing(tx, card_id=card_id, day=today)
    rows = rows_of(house)
    if card is None or not rows:
        return None
    contract = contract_of(tx, contract_hash=card.contract_hash).contract
    messages = purpose.messages_of(tx, card_id=card_id, limit=WORDS_READ_MAX)
    late = [
        (due.kind, due.by(first_captured_on=card.first_captured_on))
        for due in contract.evidence
        if card.first_captured_on is not None and due.kind not in card.evidence
    ]
    heard = [_heard(one) for one in reversed(messages)]
    left_fen = unspent_fen(tx, card=card)
    found = watch(rows=rows, contract=contract, heard=heard, late=late, on=today, unspent_fen=left_fen)
    new = [(one, made) for one in found if (made := _raise(tx, house, card=card, finding=one, at=now)) is not None]
    if card.frozen_for is None and (first := next((one for one, _ in new if one.deed is not Deed.WATCH), None)):
        purpose.freeze(tx, card_id=card_id, reason=first.rule.value)
    alert = next((made for one, made in new if one.deed is Deed.ACCELERATE), None) or _due_before(tx, card_id)
    quotes = purpose_loan.signed_of(tx, person_id=card.person_id)
    loan_id = next((one.loan_id for one in quotes if _is_of(one.loan_id, card_id)), None)
    if loan_id is None:
        return None
    of = loan.get(tx, cell=piece.cell, loan_id=loan_id)
    tell_of_unspent(tx, house, of=of, card=card, contract=contract, on=today)
    return None if alert is None else (loan_id, alert.alert_id)


def _is_of(loan_id: UUID | None, card_id: UUID) -> bool:
    return loan_id is not None and card_of_loan(loan_id) == card_id


def _due_before(tx: Transaction, card_id: UUID) -> Alert | None:
    """Return an alert by which a loan was to fall due: its worker may have died before it did."""
    known = purpose_alert.of_card(tx, card_id=card_id, limit=ALERTS_SHOWN_MAX)
    return next((one for one in known if one.deed == Deed.ACCELERATE.value and one.closed_at is None), None)


def rows_of(house: House) -> tuple[WatchRow, ...]:
    """Return the rules of today; none where no file says any."""
    held = house.pack.in_force(business_date=house.clock.business_date())
    document = next((one for one in held if one.kind == "card_watch"), None)
    return () if document is None else parse_watch(document=document)


def _heard(one: purpose.Message) -> Heard:
    amount_fen, of = one.said.get("amount_fen"), one.said.get("of")
    assert one.at is not None
    return Heard(
        word=one.message_id.hex,
        kind=one.kind,
        at=one.at,
        amount_fen=amount_fen if isinstance(amount_fen, int) else 0,
        merchant=str(one.said.get("merchant") or ""),
        outcome=str(one.answer["outcome"]),
        reason=str(one.answer["reason"]),
        clause=str(one.answer["clause"]),
        reference=str(one.said["reference"]),
        of=None if of is None else str(of),
    )


def _raise(tx: Transaction, house: House, *, card: Card, finding: Finding, at: datetime) -> Alert | None:
    """Store an alert with its leaf, and return it if it is new."""
    made = Alert(
        alert_id=beside(card.card_id, purpose=f"alert {finding.mark}"),
        card_id=card.card_id,
        person_id=card.person_id,
        rule=finding.rule.value,
        deed=finding.deed.value,
        facts=finding.facts,
        raised_at=at,
    )
    if not purpose_alert.insert(tx, alert=made):
        return None
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(card.card_id),
        person_id=card.person_id,
        kind=LeafKind.PURPOSE_ALERT,
        subject_id=made.alert_id,
        at=at,
        facts={"card_id": card.card_id.hex, "rule": made.rule, "deed": made.deed},
    )
    return made


def _accelerate(house: House, loan_id: UUID, alert_id: UUID) -> None:
    """Make a whole loan due by an alert; done again it is done once. A loan that has ended stays as it is."""
    with house.database.transaction() as tx:
        of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
        on = house.booking_date(tx, cell=of.cell)
    if of.state.stage is not Stage.ACTIVE or of.state.ended:
        return
    event = Accelerated(event_id=beside(alert_id, purpose="accelerate"), value_date=on)
    if any(one.event_id == event.event_id for one in _events(house, loan_id)):
        return
    change_loan(house, loan_id=loan_id, event=event, key=f"alert {alert_id.hex}")


def _events(house: House, loan_id: UUID) -> list[Accelerated]:
    with house.database.transaction() as tx:
        of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
        return [one for one in loan.events(tx, loan=of) if isinstance(one, Accelerated)]


def open_alerts(house: House, *, seat: Seat) -> list[AlertView]:
    """Return the open alerts of all cards, the oldest first. Errors: OperatorForbidden."""
    seat.operator.require(Permission.DECISION)  # whoever sees what was decided about people sees what rules found
    now = house.clock.now()
    with house.database.transaction() as tx:
        found = purpose_alert.standing(tx, limit=ALERTS_SHOWN_MAX)
        frozen = {one.card_id: purpose.frozen_for(tx, card_id=one.card_id) for one in found}
    return [AlertView(alert=one, age=now - one.raised_at, frozen_for=frozen[one.card_id]) for one in found]


def say_thaw_card(
    tx: Transaction, _: House, card_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose card is to go on, and what it was frozen for.

    Errors: NotFound, CardNotFrozen, CardWithoutMoney.
    """
    assert not asked, "a thaw says nothing but which card goes on"
    return purpose.owner_of(tx, card_id=card_id), {"card_rule": _frozen(tx, card_id)}


def basis_of_thaw_card(tx: Transaction, proposal: Proposal) -> str:
    """Return what a thaw rests on: the freeze and the alerts that stand.

    Errors: NotFound, CardNotFrozen, CardWithoutMoney.
    """
    cause = _frozen(tx, proposal.subject_id)
    known = purpose_alert.of_card(tx, card_id=proposal.subject_id, limit=ALERTS_SHOWN_MAX)
    return " ".join([cause, *sorted(one.alert_id.hex for one in known if one.closed_at is None)])


def thaw_card(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Let a card go on, and close what was open about it.

    Errors: NotFound, CardNotFrozen, CardWithoutMoney.
    """
    card_id = proposal.subject_id
    _frozen(tx, card_id)
    purpose.freeze(tx, card_id=card_id, reason=None)
    purpose_alert.close_all(tx, card_id=card_id, by=proposal.proposal_id, at=house.clock.now())


def _frozen(tx: Transaction, card_id: UUID) -> str:
    cause = purpose.frozen_for(tx, card_id=card_id)
    if cause is None:
        purpose.owner_of(tx, card_id=card_id)
        raise CardNotFrozen("This card is not frozen.")
    if cause == CAME_BACK:
        raise CardWithoutMoney("The money of this card came back; nobody lets it be spent.")
    return cause
