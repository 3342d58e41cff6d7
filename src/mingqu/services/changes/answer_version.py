"""Answer a new version of what a loan's money is bound by: agree by its hash and have the payee paid, or decline.

Agreeing changes whom the loan pays and reserves the payment of just the money that came back, in one transaction: so it
is paid once, and never while another payout is on its way. Declining leaves everything as it was signed: the payee that
was signed can be paid again, or two people publish another version. The house may take a version back that nobody
answered yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.operator import Permission, check_reason
from mingqu.domain.ownership import NotFound
from mingqu.domain.purpose.version import VersionDiffers, VersionOver, VersionState
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.changes.correct_payee import correction_of, is_listed_still
from mingqu.services.changes.read_stages import returned_stage
from mingqu.services.changes.take_payout_back import returned_payout
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.loans.read_loan_at import visible_loan
from mingqu.services.once import Response, once
from mingqu.services.orders.entrust_payment import PayeeView, entrust_payment
from mingqu.store import evidence
from mingqu.store.loans import loan
from mingqu.store.operators import access
from mingqu.store.purposes import funds_version
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes.funds_version import FundsVersion
from mingqu.store.purposes.payee import Payee
from mingqu.store.server.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version as it stands: which account it names instead of which, and the hash that is agreed to."""

    version_id: UUID
    number: int
    hash: str
    body: bytes
    state: VersionState
    payee: PayeeView
    published_at: datetime
    lapses_at: datetime
    answered_at: datetime | None
    order_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsView:
    """What was signed of a loan's payee, and the versions after it, the newest first; `by_stages`: as released."""

    loan_id: UUID
    contract_id: UUID
    signed: PayeeView
    versions: tuple[VersionView, ...]
    by_stages: bool

    @property
    def waiting(self) -> VersionView | None:
        """The version that waits for an answer, if one does."""
        return next((one for one in self.versions if one.state is VersionState.OPEN), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionSeen:
    """What an operator sees of a loan's payee: its versions, and what could be proposed, or the code of why not."""

    loan_id: UUID
    versions: VersionsView | None
    amount_fen: int
    listed: PayeeView | None
    payees: str
    refusal: str


def versions_view(house: House, *, person_id: UUID, loan_id: UUID) -> VersionsView:
    """Return the versions of a person's own loan. Errors: NotFound (also where no payee was signed), PersonErased."""
    with house.database.transaction() as tx:
        loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        found = _view(tx, house, person_id=person_id, loan_id=loan_id)
    if found is None:
        raise NotFound
    return found


def agree_version(
    house: House, *, person_id: UUID, loan_id: UUID, version_id: UUID, agreed_hash: str, key: str
) -> UUID | None:
    """Agree to a version by the hash of its text, and reserve the payment of what came back; return its order's id.

    Of a loan by stages nothing is paid yet, and None is returned: two people release the stage to that account.

    An account that the list of payees in force names no more is paid nothing: a version is about a list that holds.
    Errors: NotFound, VersionOver, VersionDiffers, NoPayoutReturned, PayoutWaiting, DrawingFrozen, DrawingStopped, those
    of `entrust_payment`, and those of the idempotency key; nothing has then changed.
    """

    def agree(tx: Transaction) -> Response:
        of, now = loan.get_for(tx, person_id=person_id, loan_id=loan_id), house.clock.now()
        known = _open(tx, loan_id=loan_id, version_id=version_id, at=now)
        if known.hash != agreed_hash:
            raise VersionDiffers("This is not the text of this version: read it anew.", hash=known.hash)
        by_stages = of.terms.disbursements_max > 1
        returned = returned_stage(tx, house, of=of) if by_stages else returned_payout(tx, of=of)
        if returned.order_id != known.returned_id:
            raise VersionOver("Other money came back since: this version is not about it.")
        if not is_listed_still(tx, house, version=known):
            raise VersionOver("The list of payees names this account no more: nothing is paid there.")
        if by_stages:
            _answer(tx, house, known, VersionState.AGREED)
            return {"order_id": ""}
        require_drawing_open(tx, house, person_id=person_id)
        order_id = entrust_payment(tx, house, of=of, amount_fen=returned.amount_fen, payout_at=now)
        _answer(tx, house, known, VersionState.AGREED, order_id=order_id)
        return {"order_id": order_id.hex}

    request: dict[str, Canonical] = {"loan_id": loan_id.hex, "version_id": version_id.hex, "hash": agreed_hash}
    answer = once(house, person_id=person_id, command="agree_version", key=key, request=request, work=agree)
    said = str(answer["order_id"])
    return UUID(said) if said else None


def decline_version(house: House, *, person_id: UUID, loan_id: UUID, version_id: UUID, key: str) -> None:
    """Decline a version: what was signed stays. Errors: NotFound, VersionOver, and those of the idempotency key."""

    def declined(tx: Transaction) -> Response:
        loan.get_for(tx, person_id=person_id, loan_id=loan_id)
        _answer(
            tx, house, _open(tx, loan_id=loan_id, version_id=version_id, at=house.clock.now()), VersionState.DECLINED
        )
        return {"version_id": version_id.hex}

    request: dict[str, Canonical] = {"loan_id": loan_id.hex, "version_id": version_id.hex}
    once(house, person_id=person_id, command="decline_version", key=key, request=request, work=declined)


def withdraw_version(house: House, *, seat: Seat, loan_id: UUID, version_id: UUID, reason: str) -> None:
    """Take a version back that nobody answered yet, as one person may: it lets no money move. Again it stays so.

    Errors: OperatorForbidden, ReasonMissing, NotFound (also for another lender's loan), VersionOver.
    """
    seat.operator.require(Permission.MOVE_MONEY)
    said = check_reason(reason)

    def withdraw(tx: Transaction) -> None:
        tx.lock_cell(tx.cell_of(loan_id))
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        known = _version(tx, loan_id=loan_id, version_id=version_id)
        if known.answer is VersionState.WITHDRAWN:
            return
        _answer(
            tx, house, _open(tx, loan_id=loan_id, version_id=version_id, at=house.clock.now()), VersionState.WITHDRAWN
        )
        note_access(
            tx, house, seat=seat, person_id=of.person_id, what=access.DECLINE, subject_id=known.version_id, reason=said
        )

    house.database.run(withdraw)


def look_at_payee(house: House, *, seat: Seat, loan_id: UUID) -> CorrectionSeen:
    """Return what an operator sees of a loan's payee and of its correction; the look is noted.

    Errors: OperatorForbidden, NotFound (also for another lender's loan), PersonErased.
    """
    seat.operator.require(Permission.LOAN)

    def look(tx: Transaction) -> CorrectionSeen:
        of = visible_loan(tx, seat=seat, loan_id=loan_id)
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.LOAN, subject_id=loan_id)
        known = _view(tx, house, person_id=of.person_id, loan_id=loan_id)
        try:
            found = correction_of(tx, house, of=of)
        except Refusal as refusal:
            return CorrectionSeen(
                loan_id=loan_id, versions=known, amount_fen=0, listed=None, payees="", refusal=refusal.code
            )
        return CorrectionSeen(
            loan_id=loan_id,
            versions=known,
            amount_fen=found.returned.amount_fen,
            listed=_shown(found.payee),
            payees=found.payees,
            refusal="",
        )

    return house.database.run(look)


def _version(tx: Transaction, *, loan_id: UUID, version_id: UUID) -> FundsVersion:
    found = next((one for one in funds_version.of_loan(tx, loan_id=loan_id) if one.version_id == version_id), None)
    if found is None:
        raise NotFound
    return found


def _open(tx: Transaction, *, loan_id: UUID, version_id: UUID, at: datetime) -> FundsVersion:
    known = _version(tx, loan_id=loan_id, version_id=version_id)
    state = known.standing(at=at)
    if state is not VersionState.OPEN:
        raise VersionOver("This version is not open any more.", state=state.value)
    return known


def end_waiting(tx: Transaction, house: House, *, loan_id: UUID, answer: VersionState) -> None:
    """Answer the version of a loan that waits, if one does; the caller holds the cell's lock and commits."""
    waits = funds_version.waiting(tx, loan_id=loan_id, at=house.clock.now())
    if waits is not None:
        _answer(tx, house, waits, answer)


def _answer(
    tx: Transaction, house: House, known: FundsVersion, answer: VersionState, *, order_id: UUID | None = None
) -> None:
    """Store an answer with its leaf; the caller holds the cell's lock and commits."""
    now = house.clock.now()
    funds_version.answer(tx, version=known, answer=answer, at=now, order_id=order_id)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=tx.cell_of(known.loan_id),
        person_id=known.person_id,
        kind=LeafKind.FUNDS_VERSION_ANSWER,
        subject_id=known.version_id,
        at=now,
        facts={
            "loan_id": known.loan_id.hex,
            "version": known.number,
            "hash": known.hash,
            "answer": answer.value,
            "order": "" if order_id is None else order_id.hex,
        },
    )


def _view(tx: Transaction, house: House, *, person_id: UUID, loan_id: UUID) -> VersionsView | None:
    of = loan.get_for(tx, person_id=person_id, loan_id=loan_id)
    signed = payees.as_signed(tx, keyring=house.keyring, loan_id=loan_id, person_id=person_id)
    if signed is None:
        return None
    versions = []
    for one in funds_version.of_loan(tx, loan_id=loan_id):
        payee = payees.of_version(tx, keyring=house.keyring, loan_id=loan_id, person_id=person_id, number=one.number)
        assert payee is not None, "a version names its payee"
        versions.append(
            VersionView(
                version_id=one.version_id,
                number=one.number,
                hash=one.hash,
                body=one.body,
                state=one.standing(at=house.clock.now()),
                payee=_shown(payee),
                published_at=one.published_at,
                lapses_at=one.lapses_at,
                answered_at=one.answered_at,
                order_id=one.order_id,
            )
        )
    return VersionsView(
        loan_id=loan_id,
        contract_id=of.contract_id,
        signed=_shown(signed),
        versions=tuple(versions),
        by_stages=of.terms.disbursements_max > 1,
    )


def _shown(payee: Payee) -> PayeeView:
    return PayeeView(name=payee.name.reveal(), bank=payee.bank, tail=payee.account.reveal()[-4:])
