"""Put one application to lenders that decide by themselves, each under a consent of its own, and ask until they say.

A lender is reached by a gateway where credentials name it (`House.lenders`), and decides by the house's own policy
otherwise: `make_offers` gives what both offer, and an offer that comes late joins the others the next time it is asked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.domain.business import BusinessNotStated
from mingqu.domain.canonical import Canonical
from mingqu.domain.consent import ConsentMissing, ConsentPurpose
from mingqu.domain.consent import require as require_consent
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.domain.identifier import beside
from mingqu.domain.institution import InstitutionNotConnected, PartnerNotListed, PilotExcludes
from mingqu.domain.lender_answer import OPEN, LenderOffer, LenderQuestion, QuestionState
from mingqu.domain.product import Product, TermsNotOffered
from mingqu.ports.lender import Declined, Later, LenderApplication, LenderChannel, NotKnown
from mingqu.ports.silence import ChannelSilent
from mingqu.services.access.note_refused import note_lender
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.do_each import do_each
from mingqu.services.house import House
from mingqu.services.lenders.hear_lender import hear_answer, note_trouble
from mingqu.services.lenders.tell_expired import promise_to_tell
from mingqu.services.lenders.want_answer import is_paid, is_wanted
from mingqu.services.limits.check_drawing import lines_of, require_drawing_open
from mingqu.services.offers.make_offers import INSTALMENT, ForOrder, require_routed
from mingqu.services.offers.price_offer import product_of
from mingqu.services.once import Response, once
from mingqu.services.people.state_business import require_business
from mingqu.services.policies.switch_off import require_lending
from mingqu.store.lenders import lender_question
from mingqu.store.loans.offer import Facility
from mingqu.store.parties import consent, party
from mingqu.store.people import vault
from mingqu.store.server import work
from mingqu.store.server.database import Transaction
from mingqu.store.server.work import Work

log: Final = logging.getLogger("mingqu.lender")
ASK: Final = "ask_lender"
BATCH: Final = 20  # of a cell and round: a lender that hangs must not keep orders waiting for long
LEASE_SECONDS: Final = 600  # a whole batch of lenders that hang
WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 2, 5, 10, 30, 60))
ORDER_WAITS: Final = tuple(timedelta(seconds=each) for each in (15, 30, 60, 120, 300))  # somebody is about to pay
NEVER: Final = "lender_never_answered"
LENDERS_MAX: Final = 50  # one application is put to no more: each gets a person's data


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A lender that was not asked, and the code of why not, e.g. "consent_missing"."""

    lender: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one application became: a question for each lender that was asked, and who was left out."""

    questions: tuple[LenderQuestion, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What lenders are asked for: an amount to be repaid in a way, and for which order, if any."""

    amount_fen: int
    instalments: int
    method: str
    order: ForOrder | None

    @property
    def checkout_id(self) -> UUID | None:
        return None if self.order is None else self.order.checkout_id


_LASTING: Final = OPEN | {QuestionState.REFUSED}  # nobody is asked anew while one of these would still be open
_NOT_ASKED: Final = (
    LendingSwitchedOff, TermsNotOffered, InstitutionNotConnected, PartnerNotListed, PilotExcludes, ConsentMissing,
    BusinessNotStated,
)  # fmt: skip


def ask_lenders(
    house: House,
    *,
    person_id: UUID,
    amount_fen: int,
    instalments: int,
    method: str,
    key: str,
    order: ForOrder | None = None,
) -> Asked:
    """Put an application to every lender that decides by itself and may be asked; return how each stands now.

    Whoever was asked the same and has not ended, or refused while it would still be open, is not asked anew. With the
    same `key` it is one application. One for an `order` is that order's own: only products that pay a seller are asked.
    Sources: PIPL art. 23 (a consent for each lender by name); 金规〔2025〕9号 (only on a list of partners).
    Errors: DrawingFrozen, DrawingStopped, AssessmentExpired, those of the order, and those of the key.
    """
    wanted = _Wish(amount_fen, instalments, method, order)

    def work_(tx: Transaction) -> Response:
        require_drawing_open(tx, house, person_id=person_id)
        if order is not None:
            order.require(tx)
        asked: list[str] = []
        left_out: list[dict[str, str]] = []
        lines = [one for one in lines_of(tx, house, person_id=person_id) if _may_answer(house, one[0], order)]
        before = lender_question.of_person(tx, person_id=person_id)
        for line, available_fen in lines[:LENDERS_MAX]:
            code = lender_code(house, line)
            wish = (line.facility_id, amount_fen, instalments, method, wanted.checkout_id)
            same = next((one for one in before if _wish_of(one) == wish and _is_alive(house, one)), None)
            if same is not None:
                asked.append(same.question_id.hex)
                continue
            if available_fen < amount_fen:
                left_out.append({"lender": code, "code": "no_limit"})
                continue
            try:
                asked.append(_ask_one(tx, house, line, wanted).question_id.hex)
            except _NOT_ASKED as refusal:
                left_out.append({"lender": code, "code": refusal.code})
        return {"question_ids": asked, "left_out": left_out}

    request: dict[str, Canonical] = {"amount_fen": amount_fen, "instalments": instalments, "method": method}
    if order is not None:
        request["checkout_id"] = order.checkout_id.hex
    answer = once(house, person_id=person_id, command="ask_lenders", key=key, request=request, work=work_)
    ids, out = answer["question_ids"], answer["left_out"]
    assert isinstance(ids, list)
    assert isinstance(out, list)
    questions = [_put(house, question_id=UUID(one)) for one in ids]
    return Asked(
        questions=tuple(questions), left_out=tuple(LeftOut(lender=one["lender"], code=one["code"]) for one in out)
    )


def lender_code(house: House, line: Facility) -> str:
    """Return the code of the lender of a line."""
    return house.pack.lender(lender_id=line.lender_id).code


def follow_lenders(house: House, *, cell: int) -> int:
    """Ask lenders about the questions of a cell that are due, and return how many were."""
    if not house.lenders:
        return 0
    with house.database.transaction() as tx:
        leased = work.lease(tx, cell=cell, kinds=[ASK], now=house.clock.now(), lease_seconds=LEASE_SECONDS, limit=BATCH)
        tx.commit()
    return do_each(house, leased, lambda piece: _follow(house, piece))


def _follow(house: House, piece: Work) -> None:
    known = _put(house, question_id=piece.subject_id)
    now, tries = house.clock.now(), int(str(piece.payload.get("tries", 0))) + 1
    with house.database.transaction() as tx:
        tx.lock_cell(piece.cell)
        known = lender_question.load(tx, question_id=piece.subject_id)
        if known.state not in OPEN:
            work.complete(tx, work=piece, now=now)
        elif not is_wanted(tx, question=known, at=now):
            _expire(tx, house, known)
            work.complete(tx, work=piece, now=now)
        else:
            waits = WAITS if known.checkout_id is None else ORDER_WAITS
            run_at = min(now + waits[min(tries, len(waits) - 1)], known.open_until)
            work.reschedule(tx, work=piece, run_at=run_at, payload={"tries": tries})
        tx.commit()


def _expire(tx: Transaction, house: House, known: LenderQuestion) -> None:
    """End a question to which no answer that may be shown came in its time; what a parked one said is noted already.

    Of one for an order nobody is told: its page says so, and another order is another question. Where another lender's
    offer was signed for it, it is not the lender's doing either.
    """
    lender_question.update(tx, question=replace(known, state=QuestionState.EXPIRED, heard_at=house.clock.now()))
    if known.state is not QuestionState.PARKED and not is_paid(tx, question=known):
        note_lender(tx, house, question=known, reason=NEVER)
    if known.checkout_id is None:
        promise_to_tell(tx, house, question=known)


def _put(house: House, *, question_id: UUID) -> LenderQuestion:
    """Put an open question to its lender, again if need be, and return it as it stands then."""
    with house.database.transaction() as tx:
        known = lender_question.load(tx, question_id=question_id)
        if not is_wanted(tx, question=known, at=house.clock.now()):
            return known
        channel = house.lenders.get(known.lender)
        if channel is None:
            return known
        try:
            application = _application(tx, house, question=known)
        except ConsentMissing:
            return known  # withdrawn since: this lender gets nothing any more (PIPL art. 15)
    try:
        return hear_answer(house, question_id=question_id, word=_said(channel, known, application))
    except ChannelSilent as silent:
        note_trouble(house, question_id=question_id, reason=silent.reason)
        log.warning("lender.no_answer", extra={"fields": {"question_id": question_id.hex, "reason": silent.reason}})
    with house.database.transaction() as tx:
        return lender_question.load(tx, question_id=question_id)


def _said(
    channel: LenderChannel, known: LenderQuestion, application: LenderApplication
) -> LenderOffer | Declined | Later:
    """Return what the lender says: asked where it has the application, told where it does not."""
    if known.state is QuestionState.LATER:
        said = channel.ask(number=known.number)
        if not isinstance(said, NotKnown):
            return said
    return channel.assess(application)


def _may_answer(house: House, line: Facility, order: ForOrder | None) -> bool:
    """Return whether the lender of a line decides by itself, and may be paid out to a seller where that is wanted."""
    if lender_code(house, line) not in house.lenders:
        return False
    return order is None or product_of(house, line).kind == INSTALMENT


def _ask_one(tx: Transaction, house: House, line: Facility, wanted: _Wish) -> LenderQuestion:
    """Store the question to one lender with the work of asking it. Errors: those of `_NOT_ASKED`."""
    now, today = house.clock.now(), house.clock.business_date()
    lender = house.pack.lender(lender_id=line.lender_id)
    current = house.policies.current(tx)
    require_lending(current, product_id=line.product_id, lender_id=line.lender_id, business_date=today)
    product = house.pack.product_version(product_id=line.product_id, version=line.product_version)
    product.check_terms(
        amount_fen=wanted.amount_fen,
        instalments=wanted.instalments,
        method=wanted.method,
        stepped=wanted.order is None,
    )
    require_business(tx, product=product, person_id=line.person_id)
    _require_connected(house, product=product, person_id=line.person_id)
    agreed = require_consent(
        consents=consent.of_person(tx, person_id=line.person_id),
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=lender.name_zh,
        at=now,
    )
    made = LenderQuestion(
        question_id=house.id_for(line.person_id),
        person_id=line.person_id,
        facility_id=line.facility_id,
        lender=lender.code,
        product_id=line.product_id,
        amount_fen=wanted.amount_fen,
        currency=line.currency,
        instalments=wanted.instalments,
        method=wanted.method,
        consent_id=agreed.consent_id,
        asked_at=now,
        state=QuestionState.ASKED,
        heard_at=now,
        checkout_id=wanted.checkout_id,
        closes_at=None if wanted.order is None else wanted.order.until,
    )
    lender_question.insert(tx, question=made)
    work.enqueue(
        tx,
        cell=tx.cell_of(made.person_id),
        work_id=beside(made.question_id, purpose=ASK),
        kind=ASK,
        subject_id=made.question_id,
        run_at=now + (WAITS if wanted.order is None else ORDER_WAITS)[0],
        payload={"tries": 0},
    )
    return made


def _require_connected(house: House, *, product: Product, person_id: UUID) -> None:
    """Return when the directory lets a person be sent to a lender today; a lender without an entry is sent nobody."""
    today = house.clock.business_date()
    if house.directory.of_lender(lender_id=product.lender_id, business_date=today) is None:
        raise InstitutionNotConnected("This lender is not in the directory.", stands_at="connecting")
    require_routed(house, product=product, person_id=person_id)


def _application(tx: Transaction, house: House, *, question: LenderQuestion) -> LenderApplication:
    """Return what the lender is told, opened from the vault. Errors: ConsentMissing, PersonErased, SealBroken."""
    person_id = question.person_id
    consents = consent.of_person(tx, person_id=person_id)
    given = next(one for one in consents if one.consent_id == question.consent_id)
    require_consent(consents=consents, purpose=given.purpose, recipient=given.recipient, at=house.clock.now())
    made = decision_view(house, person_id=person_id, advice=False)
    name, id_number, phone = (
        vault.open_field(tx, keyring=house.keyring, person_id=person_id, field=field)
        for field in (party.FIELD_NAME, party.FIELD_ID_NUMBER, party.FIELD_PHONE)
    )
    return LenderApplication(
        number=question.number,
        lender=question.lender,
        product=question.product_id,
        amount_fen=question.amount_fen,
        currency=question.currency,
        instalments=question.instalments,
        method=question.method,
        consent_id=question.consent_id.hex,
        name=name,
        id_number=id_number,
        phone=phone,
        score=made.score,
        band=made.band,
    )


def _wish_of(one: LenderQuestion) -> tuple[UUID, int, int, str, UUID | None]:
    return (one.facility_id, one.amount_fen, one.instalments, one.method, one.checkout_id)


def _is_alive(house: House, one: LenderQuestion) -> bool:
    now = house.clock.now()
    return one.stands(at=now) or (one.state in _LASTING and now < one.open_until)
