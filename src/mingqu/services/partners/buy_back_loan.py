"""Buy back (回购) a funder's part of a joint loan: two people agree, and from that day on the part is the buyer's.

What holds is what the lenders had agreed when the loan was funded (`policies/funding`, kind `buy_back`): for which
cause, by whom, at which price. The loan goes on as it is, with every account and every fen its borrower owes. Whose the
part's memorandum accounts are changes with the morning of the day, so a part of which something was booked that day is
bought back on the next one. Limits follow at once: the part weighs on its buyer, and the source's line is free of it.

A claim is bought back whole and once. What cannot be is refused with what would help: a loan of one lender (a bank's
line is repaid, not sold), one that a guarantor paid for or a pool holds, one that is over, lost, or not paid out in
full, and one of which a payment of the borrower's is on its way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.funding import BuyBackRule, BuyBackTerms, Cause, Price, price_of, require_may_buy
from mingqu.domain.identifier import derived
from mingqu.domain.ledger import Account, AccountCode, Reason, Transfer
from mingqu.domain.loan import Stage, quote
from mingqu.domain.moment import business_date_of
from mingqu.domain.partner import LISTED_AS
from mingqu.domain.proposal import Proposal, ProposalStale
from mingqu.domain.refusal import Refusal
from mingqu.services.funding.keep_headroom import HeadroomExhausted, use_headroom
from mingqu.services.funding.name_holder import Holder, holder_of, holders
from mingqu.services.funding.share_loan import shared_of
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import limits_of_source
from mingqu.services.loans.follow_up import notice_of
from mingqu.services.partners.compensate_loans import money_moves
from mingqu.store import evidence
from mingqu.store.funders import pool_book
from mingqu.store.ledgers import ledger
from mingqu.store.limits import headroom
from mingqu.store.loans import loan, loan_buy_back, loan_funding
from mingqu.store.loans.loan import Loan
from mingqu.store.loans.loan_buy_back import BuyBack
from mingqu.store.loans.loan_funding import LoanFunding
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

PART_BOUGHT: Final = "loan.part_bought"
DOCUMENT_LENGTH_MIN: Final = 6
DOCUMENT_LENGTH_MAX: Final = 120  # of the number of a judgment, a report or a file: what is longer is not a number
_PLACE: Final = 1  # of the parts of a joint loan the other lender's, behind that of the lender who made it


class BuyBackNotAgreed(Refusal):
    """Nothing was agreed that lets this part be bought back: no joint loan, no agreement, or not for this cause."""

    code: ClassVar[str] = "buy_back_not_agreed"
    status: ClassVar[int] = 409


class CauseNotProved(Refusal):
    """The cause does not hold: the loan is not late enough, or no document is named that proves it."""

    code: ClassVar[str] = "buy_back_cause_not_proved"
    status: ClassVar[int] = 409


class ClaimElsewhere(Refusal):
    """The claim is somebody else's already: bought back before, paid for by a guarantor, or held by a pool."""

    code: ClassVar[str] = "buy_back_claim_elsewhere"
    status: ClassVar[int] = 409


class LoanNotForBuyBack(Refusal):
    """Only a loan that runs, was paid out in full and still owes principal is bought back; undo a loss first."""

    code: ClassVar[str] = "buy_back_loan_not_running"
    status: ClassVar[int] = 409


class MoneyOnItsWay(Refusal):
    """A payment of the borrower's is on its way, or something was booked today: propose again when it has ended."""

    code: ClassVar[str] = "buy_back_money_on_its_way"
    status: ClassVar[int] = 409


class BuyerUnfit(Refusal):
    """The buyer is suspended, not on the seller's list of partners, guarantees this loan itself, or has no room."""

    code: ClassVar[str] = "buy_back_buyer_unfit"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What buying a part back would come to on a day, by which rule."""

    routed: LoanFunding
    terms: BuyBackTerms
    rule: BuyBackRule
    buyer: Holder
    price: Price
    overdue_days: int
    on: date

    @property
    def slice(self) -> UUID:
        """Whose name the part's memorandum accounts bear."""
        return self.routed.slices[_PLACE]


def say_buy_back(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan it is of, by whom and at which price its part would be bought back today.

    It is asked with `cause` and, but for lateness, `document`: the number of what proves it, with no name in it.
    Errors: NotFound, and those of `offer_of`.
    """
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    cause = next((one for one in Cause if one.value == asked.get("cause")), None)
    if cause is None:
        raise BuyBackNotAgreed("Say why the part is bought back.", causes=", ".join(Cause))
    document = str(asked.get("document", "")).strip()
    if cause.is_proved_by_document and not (
        DOCUMENT_LENGTH_MIN <= len(document) <= DOCUMENT_LENGTH_MAX and document.isprintable()
    ):
        raise CauseNotProved(
            f"Name the document that proves it, in {DOCUMENT_LENGTH_MIN} to {DOCUMENT_LENGTH_MAX} characters."
        )
    return of.person_id, {
        **_said(offer_of(tx, house, of=of, cause=cause)),
        "document": document if cause.is_proved_by_document else "",
    }


def basis_of_buy_back(tx: Transaction, proposal: Proposal) -> str:
    """Return what a buy-back rests on: what has happened to the loan. Errors: NotFound."""
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    told = "".join(event.event_id.hex for event in loan.events(tx, loan=of))
    return hashlib.sha256(f"{of.loan_id.hex}{of.state.stage.value}{told}".encode()).hexdigest()


def buy_back_loan(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Make a part its buyer's from today on, at the price that was proposed: of another day it is proposed anew.

    Errors: NotFound, ProposalStale, BuyerUnfit (no room), TransferRefused, and those of `offer_of`.
    """
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    offer = offer_of(tx, house, of=of, cause=Cause(str(proposal.body["buy_back"])))
    if any(proposal.body.get(name) != value for name, value in _said(offer).items()):
        raise ProposalStale("The price is of the day on which it was proposed: propose it anew.")
    _move_limits(tx, house, of, offer)
    _book(tx, of, offer, proposal_id=proposal.proposal_id)
    loan_buy_back.insert(
        tx,
        cell=of.cell,
        bought=BuyBack(
            loan_id=of.loan_id,
            proposal_id=proposal.proposal_id,
            slice=offer.slice,
            seller=offer.terms.seller_id,
            buyer=offer.buyer.id,
            buyer_code=offer.buyer.code,
            terms_id=offer.terms.id,
            terms_version=offer.terms.version,
            cause=offer.rule.cause.value,
            overdue_days=offer.overdue_days,
            price=offer.price,
            bought_on=offer.on,
            bought_at=house.clock.now(),
        ),
    )
    _witness(tx, house, of, offer, proposal)
    _tell(tx, house, of, offer)


def offer_of(tx: Transaction, house: House, *, of: Loan, cause: Cause) -> Offer:
    """Return what buying back the other lender's part of a loan comes to today. The caller reads under the cell's lock.

    Errors, in this order: BuyBackNotAgreed, ClaimElsewhere, LoanNotForBuyBack, CauseNotProved, BuyerNotLicensed,
    LatenessNotGuaranteed, RuleMissing, BuyerUnfit, MoneyOnItsWay.
    """
    on = house.booking_date(tx, cell=of.cell)
    routed = loan_funding.of_loan(tx, loan_id=of.loan_id)
    if routed is None or not routed.slices:
        raise BuyBackNotAgreed("The loan is one lender's: a line that pays for it is repaid, and nothing is sold.")
    terms, rule = _agreed(house, routed, cause)
    _require_claim_here(tx, of)
    _require_running(of)
    overdue_days = of.state.overdue_days(on)
    if cause is Cause.OVERDUE and overdue_days < rule.overdue_days_min:
        raise CauseNotProved(
            f"The loan is {overdue_days} days late; it may be bought back from {rule.overdue_days_min} on.",
            overdue_days=overdue_days,
            overdue_days_min=rule.overdue_days_min,
        )
    buyer = _buyer(house, of, terms, rule, on)
    if money_moves(tx, of.loan_id):
        raise MoneyOnItsWay("A payment is on its way: propose again when it has ended.")
    if loan_buy_back.moved_on(tx, cell=of.cell, owner=routed.slices[_PLACE], on=on):
        raise MoneyOnItsWay("Something was booked today, and today's is the seller's: propose again tomorrow.")
    shared = shared_of(tx, cell=of.cell, loan_ids=[of.loan_id])[of.loan_id]
    return Offer(
        routed=routed,
        terms=terms,
        rule=rule,
        buyer=buyer,
        price=price_of(
            funding=shared.funding,
            place=_PLACE,
            totals=shared.totals,
            owed=quote(terms=of.terms, state=of.state, on=on),
            parts=rule.parts,
        ),
        overdue_days=overdue_days,
        on=on,
    )


def _agreed(house: House, routed: LoanFunding, cause: Cause) -> tuple[BuyBackTerms, BuyBackRule]:
    lender, seller = (share.lender_id for share in routed.funding.shares)
    terms = house.funding.buy_back_of(lender_id=lender, seller_id=seller, funded_on=business_date_of(routed.routed_at))
    rule = None if terms is None else terms.rule(cause=cause)
    if terms is None or rule is None:
        causes = "" if terms is None else ", ".join(one.cause for one in terms.rules)
        raise BuyBackNotAgreed("When this loan was funded nothing was agreed for this cause.", causes=causes)
    return terms, rule


def _require_claim_here(tx: Transaction, of: Loan) -> None:
    if loan_buy_back.of_loan(tx, loan_id=of.loan_id) is not None:
        raise ClaimElsewhere("The part was bought back already: it is bought back once.")
    if of.state.guarantor_claim_fen:
        raise ClaimElsewhere("A guarantor has paid and has the claim: it is settled with by its statement.")
    if pool_book.holds(tx, cell=of.cell, loan_id=of.loan_id):
        raise ClaimElsewhere("A pool has bought the loan: what was not eligible goes back by the pool's own terms.")


def _require_running(of: Loan) -> None:
    """Errors: LoanNotForBuyBack."""
    state = of.state
    if state.stage is not Stage.ACTIVE or state.lost or state.principal_outstanding_fen <= 0:
        raise LoanNotForBuyBack("The loan does not run: it is over, or was taken for lost.", stage=state.stage.value)
    if state.disbursed_fen != of.terms.principal_fen:
        raise LoanNotForBuyBack("The loan is not paid out in full: who lends the rest would be somebody else.")


def _buyer(house: House, of: Loan, terms: BuyBackTerms, rule: BuyBackRule, on: date) -> Holder:
    """Return who buys. Errors: FunderUnknown, BuyerNotLicensed, LatenessNotGuaranteed, RuleMissing, BuyerUnfit."""
    buyer, seller = holder_of(house, word=rule.buyer), holders(house)[terms.seller_id]
    assert seller.licence is not None, "a funder has a licence"
    require_may_buy(
        rule=rule,
        licence=buyer.licence,
        role=buyer.role,
        seller=seller.licence,
        rules=house.pack.rules,
        business_date=on,
    )
    if buyer.status != "active":
        raise BuyerUnfit("The buyer is suspended: wait, or agree on another one for loans to come.", buyer=buyer.code)
    if any(fee.partner == buyer.code for fee in of.terms.fees):
        raise BuyerUnfit("It guarantees this loan: it pays for it on its day, and need not buy it.", buyer=buyer.code)
    entry = next((one for one in house.directory.on(on) if one.code == seller.code), None)
    if buyer.role is None or entry is None:
        return buyer
    # 金规〔2025〕9号 (名单制): who stands beside a bank stands on the bank's own list.
    if not entry.lists(partner=buyer.name_zh, role=LISTED_AS[buyer.role], business_date=on):
        raise BuyerUnfit("The buyer is not on the seller's list of partners today.", buyer=buyer.code)
    return buyer


def _said(offer: Offer) -> dict[str, Canonical]:
    return {
        "buy_back": offer.rule.cause.value,
        "agreement": f"{offer.terms.id} {offer.terms.version}",
        "buyer": offer.buyer.code,
        "principal_fen": offer.price.principal_fen,
        "interest_fen": offer.price.interest_fen,
        "penalty_fen": offer.price.penalty_fen,
        "amount_fen": offer.price.total_fen,
        "value_date": offer.on.isoformat(),
    }


def _move_limits(tx: Transaction, house: House, of: Loan, offer: Offer) -> None:
    """Let the part weigh on its buyer, and no more on its seller or the source's line. Errors: BuyerUnfit."""
    plan = house.funding.plan_version(product_id=offer.routed.product_id, version=offer.routed.plan_version)
    source = plan.source(source_id=offer.routed.source_id)
    owed_fen = of.state.principal_outstanding_fen
    for limit in limits_of_source(house, plan, source.id, house.clock.business_date()):
        used_fen = headroom.use_of(tx, cell=of.cell, headroom_id=limit.id, use_id=of.loan_id)
        bought = (offer.terms.seller_id, offer.buyer.id)
        use_fen = limit.used_by(source=source, amount_fen=owed_fen, bought=bought)
        if used_fen == 0 and use_fen == 0:
            continue
        try:
            use_headroom(tx, cell=of.cell, headroom_id=limit.id, use_id=of.loan_id, amount_fen=use_fen)
        except HeadroomExhausted as refused:
            raise BuyerUnfit(
                "The buyer has no room for the part: its own figures or its other loans leave it.", limit=limit.name
            ) from refused


def _book(tx: Transaction, of: Loan, offer: Offer, *, proposal_id: UUID) -> None:
    """Book what the buyer owes the seller, a line for each part of the price. Nothing of the loan's own moves."""
    price, owed = (
        Account(owner=offer.slice, code=code, currency=of.currency)
        for code in (AccountCode.SHARE_PRICE, AccountCode.SHARE_SOLD)
    )
    ledger.open_accounts(tx, cell=of.cell, accounts=[price, owed])
    parts = (offer.price.principal_fen, offer.price.interest_fen, offer.price.penalty_fen)
    ledger.post(
        tx,
        cell=of.cell,
        transfers=[
            Transfer(
                id=derived(proposal_id, number),
                debit=price,
                credit=owed,
                amount_fen=fen,
                reason=Reason.SHARE_SELL,
                value_date=offer.on,
                posted_on=offer.on,
                reference=proposal_id,
            )
            for number, fen in enumerate(parts, start=1)
            if fen
        ],
    )


def _witness(tx: Transaction, house: House, of: Loan, offer: Offer, proposal: Proposal) -> None:
    facts: dict[str, Canonical] = {
        "loan_id": of.loan_id.hex,
        "terms_hash": offer.terms.hash,
        "seller": offer.terms.seller_id.hex,
        "buyer_id": offer.buyer.id.hex,
        "overdue_days": offer.overdue_days,
        **_said(offer),
    }
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.BUY_BACK,
        subject_id=proposal.proposal_id,
        at=house.clock.now(),
        facts=facts,
    )


def _tell(tx: Transaction, house: House, of: Loan, offer: Offer) -> None:
    """Tell the borrower whose the part is from now on; whom and how they pay stays as it was (《民法典》546)."""
    notice = notice_of(
        of,
        template=PART_BOUGHT,
        on=offer.on,
        mark=offer.buyer.code,
        amount_fen=offer.price.principal_fen,
        at=house.clock.now(),
    )
    said = {"creditor": offer.buyer.name_zh, "seller": holders(house)[offer.terms.seller_id].name_zh}
    work.enqueue_many(tx, cell=of.cell, rows=[replace(notice, payload={**notice.payload, **said})])
