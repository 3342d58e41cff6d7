"""Collect: take a case, log a call that the gate let pass, note a promise or a word, hand the case over, call it back.

A debt is a loan or a revolving account, by its id. Each is a step that is only ever added to
(`store/overdue/collection.py`), with who did it. A call is held against the gate as of the moment it is logged, over
every call to this person about any debt; one that was not allowed is kept as a denial (`contact_denial`) and logged
nowhere else. A promise follows the ledger from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.collection import (
    AGENCY_FOR_MAX,
    AgencyNotListed,
    Case,
    CollectionStepUnknown,
    NotOverdue,
    Step,
    StepKind,
    case_of,
    check_promise,
)
from mingqu.domain.contact import Allowed, Answer, Contact, Denied, Dialed, Medium
from mingqu.domain.evidence import LeafKind
from mingqu.domain.gate import at_collect
from mingqu.domain.moment import start_of
from mingqu.domain.operator import Permission
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.access.note_access import note_access
from mingqu.services.access.sign_in_operator import Seat
from mingqu.services.collection.debt import Debt, debt_id_of, due_fen, find_debt
from mingqu.services.collection.pass_contact_gate import keep_denial
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.people.write_note import NOTE_LENGTH_MAX, NOTE_LENGTH_MIN, NoteMalformed
from mingqu.services.policies.pass_rule_gates import case_of as rules_case_of
from mingqu.store import evidence
from mingqu.store.loans.loan import Loan
from mingqu.store.operators import access
from mingqu.store.overdue import collection
from mingqu.store.parties import party
from mingqu.store.people import life, vault
from mingqu.store.server.database import Transaction

AGENCY: Final = "collection_agency"  # the role on a lender's published list
LAWSUITS: Final = ("lawsuit", "arbitration", "notarized")  # 诉讼, 仲裁, 赋强公证
OTHERS_NUMBER: Final = b"other"  # of a call to somebody else: no number of theirs is kept


class ContactDenied(Refusal):
    """The rules do not allow this contact now; the row, its document and the first moment that allows it are named."""

    code: ClassVar[str] = "contact_denied"
    status: ClassVar[int] = 409


def take_case(house: House, *, seat: Seat, debt_id: UUID, key: str) -> UUID:
    """Take the case of a debt that is late; whoever had it before has it no longer. Return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CaseElsewhere, and those of the key.
    """

    def work(_: Transaction, of: Debt, case: Case) -> Step:
        case.require_here()
        return _step(house, seat, of, StepKind.ASSIGNED)

    return _do(house, seat, debt_id, key, {"step": "take"}, work)


def log_call(house: House, *, seat: Seat, debt_id: UUID, spoken: bool, to_debtor: bool, key: str) -> UUID:
    """Log a call about a debt, `spoken` if somebody was spoken with, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CaseElsewhere, PersonDeceased, ContactDenied (kept as a
    denial), RuleMissing, and those of the key.
    """

    def work(tx: Transaction, of: Debt, case: Case) -> Step | Refusal:
        case.require_here()
        now = house.clock.now()
        life.require_living(tx, person_id=of.person_id)
        answer = gate_call(tx, house, about=of, to_debtor=to_debtor, at=now)
        made = _step(house, seat, of, StepKind.CALLED, number=_number(tx, house, of, to_debtor), effective=spoken)
        if isinstance(answer, Denied):
            keep_denial(tx, work_id=made.step_id, about=of, denied=answer, at=now, medium=Medium.CALL)
            return _denied(answer)
        return made

    return _do(house, seat, debt_id, key, {"step": "call", "spoken": spoken, "to_debtor": to_debtor}, work)


def note_promise(house: House, *, seat: Seat, debt_id: UUID, amount_fen: int, until: date, key: str) -> UUID:
    """Note that the borrower promises to pay `amount_fen` by `until`, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CaseElsewhere, PromiseMalformed, and those of the key.
    """

    def work(_: Transaction, of: Debt, case: Case) -> Step:
        case.require_here()
        today = house.clock.business_date()
        check_promise(amount_fen=amount_fen, owed_fen=due_fen(of, on=today), until=until, on=today)
        return _step(house, seat, of, StepKind.PROMISED, amount_fen=amount_fen, until=until)

    return _do(
        house, seat, debt_id, key, {"step": "promise", "amount_fen": amount_fen, "until": until.isoformat()}, work
    )


def note_word(house: House, *, seat: Seat, debt_id: UUID, text: Personal[str], key: str) -> UUID:
    """Note what was said about a case, sealed under the person's key, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, NoteMalformed, PersonErased, and those of the key.
    """
    said = Personal(text.reveal().replace("\r\n", "\n").strip())
    if not NOTE_LENGTH_MIN <= len(said.reveal()) <= NOTE_LENGTH_MAX:
        raise NoteMalformed(f"A note has {NOTE_LENGTH_MIN} to {NOTE_LENGTH_MAX} characters.")

    def work(tx: Transaction, of: Debt, _: Case) -> Step:
        made = _step(house, seat, of, StepKind.NOTED)
        field = field_of(made.step_id)
        vault.seal(tx, keyring=house.keyring, person_id=of.person_id, field=field, value=said, at=made.at)
        return made

    said_hash = house.keyring.lookup_hash(kind="note", value=said).hex()
    return _do(house, seat, debt_id, key, {"step": "note", "text": said_hash}, work)


def hand_over(house: House, *, seat: Seat, debt_id: UUID, agency: str, until: date, key: str) -> UUID:
    """Hand a case to an agency of the lender's list up to a day, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CaseElsewhere, AgencyNotListed, and those of the key.
    """

    def work(_: Transaction, of: Debt, case: Case) -> Step:
        case.require_here()
        today = house.clock.business_date()
        listed = all(agency in agencies_of(house, of=of, on=day) for day in (today, until))
        if not (listed and today < until <= today + AGENCY_FOR_MAX):
            raise AgencyNotListed("The lender's list does not name this agency from today to that day.")
        return _step(house, seat, of, StepKind.TO_AGENCY, party_name=agency, until=until)

    return _do(house, seat, debt_id, key, {"step": "agency", "agency": agency, "until": until.isoformat()}, work)


def take_to_court(house: House, *, seat: Seat, debt_id: UUID, how: str, key: str) -> UUID:
    """Take a case to court, arbitration or a notary, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CaseElsewhere, CollectionStepUnknown, and those of the key.
    """
    if how not in LAWSUITS:
        raise CollectionStepUnknown(f"A case goes by one of: {', '.join(LAWSUITS)}.")

    def work(_: Transaction, of: Debt, case: Case) -> Step:
        case.require_here()
        return _step(house, seat, of, StepKind.TO_COURT, party_name=how)

    return _do(house, seat, debt_id, key, {"step": "court", "how": how}, work)


def call_back(house: House, *, seat: Seat, debt_id: UUID, key: str) -> UUID:
    """Take a case back from an agency or a court, and return the step's id.

    Errors: OperatorForbidden, NotFound, NotOverdue, CollectionStepUnknown, and those of the key.
    """

    def work(_: Transaction, of: Debt, case: Case) -> Step:
        if case.party is None:
            raise CollectionStepUnknown("The desk has this case already.")
        return _step(house, seat, of, StepKind.CALLED_BACK)

    return _do(house, seat, debt_id, key, {"step": "back"}, work)


def gate_call(tx: Transaction, house: House, *, about: Debt, to_debtor: bool, at: datetime) -> Answer:
    """Return whether a debtor may be called at a moment, with all calls to them of the last day counted.

    Nobody agrees here to be woken. Errors: RuleMissing.
    """
    day = house.clock.business_date()
    made = collection.calls_of_person(tx, person_id=about.person_id, since=start_of(day) - timedelta(days=1))
    history = [Dialed(at=step.at, number=step.number_hash or b"", effective=bool(step.effective)) for step in made]
    rows = rules_case_of(house, lender_id=about.lender_id, product_id=about.product_id, on=day)
    contact = Contact(
        medium=Medium.CALL,
        number=_number(tx, house, about, to_debtor),
        to_debtor=to_debtor,
        night_agreed=False,
        lender_type=rows.lender_type,
        product_kind=rows.product_kind,
    )
    found = at_collect(now=at, contact=contact, history=history, rules=house.pack.rules)
    return Allowed() if found is None else found[1]


def agencies_of(house: House, *, of: Debt, on: date) -> list[str]:
    """Return the agencies on the list of a debt's lender on a day, by name. Source: the guideline of 2026-01-30."""
    entry = house.directory.of_lender(lender_id=of.lender_id, business_date=on)
    if entry is None:
        return []
    return sorted(one.name for one in entry.partners if one.role == AGENCY and one.holds(business_date=on))


def field_of(step_id: UUID) -> str:
    """Return the name under which the words of a step are sealed."""
    return f"collection.{step_id.hex}"


def _do(
    house: House,
    seat: Seat,
    debt_id: UUID,
    key: str,
    said: dict[str, Canonical],
    work: Callable[[Transaction, Debt, Case], Step | Refusal],
) -> UUID:
    """Add the step that `work` makes of a debt and its case, once, with its leaf and a note of who did it."""
    seat.operator.require(Permission.COLLECT)

    def do(tx: Transaction) -> Response | Refusal:
        of = find_debt(tx, debt_id=debt_id)
        today = house.clock.business_date()
        if of.state.overdue_days(today) == 0:
            raise NotOverdue("Nothing of this loan or account is overdue.")
        steps = collection.of_debts(tx, cell=of.cell, debt_ids=[debt_id])[debt_id]
        made = work(tx, of, case_of(steps=steps, on=today))
        if isinstance(made, Refusal):
            return made
        collection.insert(tx, step=made)
        _witness(tx, house, of, made)
        note_access(tx, house, seat=seat, person_id=of.person_id, what=access.NOTE, subject_id=made.step_id)
        return {"step_id": made.step_id.hex}

    request: dict[str, Canonical] = {"operator": seat.operator.operator_id.hex, "loan": debt_id.hex, **said}
    answer = once(house, person_id=debt_id, command="collect", key=key, request=request, work=do)
    return UUID(str(answer["step_id"]))


def _witness(tx: Transaction, house: House, of: Debt, made: Step) -> None:
    facts: dict[str, Canonical] = {
        "loan_id" if isinstance(of, Loan) else "account_id": debt_id_of(of).hex,
        "step": made.kind.value,
        "operator": made.operator_id.hex,
        "amount_fen": made.amount_fen,
        "until": None if made.until is None else made.until.isoformat(),
        "party": made.party,
        "effective": made.effective,
    }
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.COLLECTION,
        subject_id=made.step_id,
        at=made.at,
        facts=facts,
    )


def _step(
    house: House,
    seat: Seat,
    of: Debt,
    kind: StepKind,
    *,
    number: bytes | None = None,
    effective: bool | None = None,
    amount_fen: int | None = None,
    until: date | None = None,
    party_name: str | None = None,
) -> Step:
    return Step(
        step_id=house.id_for(of.person_id),
        debt_id=debt_id_of(of),
        person_id=of.person_id,
        kind=kind,
        at=house.clock.now(),
        operator_id=seat.operator.operator_id,
        number_hash=number,
        effective=effective,
        amount_fen=amount_fen,
        until=until,
        party=party_name,
    )


def _number(tx: Transaction, house: House, of: Debt, to_debtor: bool) -> bytes:
    """Return the keyed hash of the debtor's own number: calls to it count. Errors: NotFound, PersonErased."""
    if not to_debtor:
        return OTHERS_NUMBER
    phone = vault.open_field(tx, keyring=house.keyring, person_id=of.person_id, field=party.FIELD_PHONE)
    return house.keyring.lookup_hash(kind="collection_number", value=phone)


def _denied(answer: Denied) -> ContactDenied:
    return ContactDenied(
        f"The rule {answer.rule.id} ({answer.rule.document}) does not allow this contact now.",
        reason=answer.reason.value,
        rule_id=answer.rule.id,
        document=answer.rule.document,
        next_at=None if answer.next_at is None else answer.next_at.isoformat(),
    )
