"""Correct the account of a payee by a new version of what was signed: two people publish, its borrower agrees.

The account in the contract was wrong and the money came back. Nobody types another one: it is read from the list of
payees that was published last, by two people as any policy is, for the same merchant of the same name. So it is checked
as the first one was, and no operator can send money elsewhere by this. What was signed stays; until the borrower agrees
nothing changes (`answer_version`).

The payee of a loan by stages stands on no list: its borrower named it, and names its right account (`name_account`).
Two people look at that; then stages that came back or are still to come are released to it. A merchant's account is
the merchant's own affair with the platform: its buyer calls the loan off, and the merchant opens a new order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import LeafKind
from mingqu.domain.loan import Reversed
from mingqu.domain.order import Order, OrderKind
from mingqu.domain.proposal import Proposal, ProposalStale
from mingqu.domain.purpose.version import VERSION_LASTS, VERSIONS_MAX, Correction, version_body
from mingqu.domain.refusal import Refusal
from mingqu.services.changes.read_stages import returned_stage
from mingqu.services.changes.take_payout_back import VersionWaits, returned_payout
from mingqu.services.house import House
from mingqu.services.loans.follow_up import notice_of
from mingqu.services.purpose.list_payees import listed_for
from mingqu.store import evidence
from mingqu.store.loans import loan, offer
from mingqu.store.loans.loan import Loan
from mingqu.store.merchants import checkout
from mingqu.store.orders import order
from mingqu.store.purposes import funds_version, payee_wish, purpose_loan
from mingqu.store.purposes import payee as payees
from mingqu.store.purposes.funds_version import FundsVersion
from mingqu.store.purposes.payee import Payee
from mingqu.store.purposes.purpose_loan import PurposeLoan
from mingqu.store.server import work
from mingqu.store.server.database import Transaction

PUBLISHED: Final = "loan.contract_version"  # the notice that a version waits for an answer


class PayeeNotBound(Refusal):
    """No version corrects whom this loan pays: no company, or a merchant, whose buyer calls it off and orders anew."""

    code: ClassVar[str] = "payee_not_bound"
    status: ClassVar[int] = 409


class PayeeNotCorrected(Refusal):
    """No other account of this payee is named: by the list published last, or, by stages, by its borrower."""

    code: ClassVar[str] = "payee_not_corrected"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What a correction of a loan's payee would say: whom it pays now, and whom it would, by which list."""

    returned: Order
    known: Payee
    payee: Payee
    merchant: str
    payees: str
    by_stages: bool = False


def correction_of(tx: Transaction, house: House, *, of: Loan) -> Corrected:
    """Return what the list published last corrects of a loan whose money came back.

    Errors: PayeeNotBound, NoPayoutReturned, PayoutWaiting, VersionWaits, PayeeNotCorrected, PersonErased.
    """
    quoted = purpose_loan.of_loan(tx, loan_id=of.loan_id)
    known = payees.load(tx, keyring=house.keyring, loan_id=of.loan_id, person_id=of.person_id)
    by_stages = of.terms.disbursements_max > 1
    if checkout.of_loan(tx, loan_id=of.loan_id) is not None:
        raise PayeeNotBound(
            "A merchant keeps its account with the platform itself: its buyer calls this loan off, and the merchant"
            " opens a new order, which pays its account of that day.",
            remedy="call_off",
        )
    if known is None or (quoted is None and not by_stages):
        raise PayeeNotBound("The money of this loan is bound by no funds contract.")
    returned = returned_stage(tx, house, of=of) if by_stages else returned_payout(tx, of=of)
    versions = funds_version.of_loan(tx, loan_id=of.loan_id)
    if funds_version.waiting(tx, loan_id=of.loan_id, at=house.clock.now()) is not None:
        raise VersionWaits("A new version of this contract waits for its borrower's answer already.")
    found, merchant, written = _named_now(tx, house, of=of, quoted=quoted, known=known)
    if not found or found == known or found.name != known.name or len(versions) >= VERSIONS_MAX:
        raise PayeeNotCorrected("Nobody names another account of this company.", merchant=merchant)
    return Corrected(
        returned=returned, known=known, payee=found, merchant=merchant, payees=written, by_stages=by_stages
    )


def is_listed_still(tx: Transaction, house: House, *, version: FundsVersion) -> bool:
    """Whether the list in force, or the borrower of a loan by stages, names just the account that a version does."""
    quoted = purpose_loan.of_loan(tx, loan_id=version.loan_id)
    of = loan.get(tx, cell=tx.cell_of(version.loan_id), loan_id=version.loan_id)
    named = payees.of_version(
        tx, keyring=house.keyring, loan_id=version.loan_id, person_id=version.person_id, number=version.number
    )
    assert named is not None
    found, _, _ = _named_now(tx, house, of=of, quoted=quoted, known=named)
    return found == named


def _named_now(
    tx: Transaction, house: House, *, of: Loan, quoted: PurposeLoan | None, known: Payee
) -> tuple[Payee | None, str, str]:
    """Return the payee as it is named today, which merchant that is, and by whom: a list, or its borrower."""
    if quoted is not None:
        return listed_for(tx, house, quoted=quoted, purpose=known.purpose)
    wish = payee_wish.newest(tx, keyring=house.keyring, loan_id=of.loan_id, person_id=of.person_id)
    if wish is None:
        return None, "", ""
    return replace(known, account=wish.account, bank=wish.bank), "", f"named {wish.wish_id.hex}"


def say_correction(
    tx: Transaction, house: House, loan_id: UUID, asked: Mapping[str, Canonical]
) -> tuple[UUID, dict[str, Canonical]]:
    """Return whose loan a correction is of, and what it says. Errors: NotFound, and those of `correction_of`."""
    assert not asked, "a correction says nothing but which loan's: the account is the list's"
    of = loan.get(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)
    found = correction_of(tx, house, of=of)
    return of.person_id, _said(house, found)


def _said(house: House, found: Corrected) -> dict[str, Canonical]:
    return {
        "amount_fen": found.returned.amount_fen,
        "returned": found.returned.order_id.hex,
        "merchant": found.merchant,
        "payees": found.payees,
        "payee": payees.hash_of(house.keyring, payee=found.payee).hex(),
        "payee_bank": found.payee.bank,
        "payee_tail": found.payee.account.reveal()[-4:],
        "replaces": payees.hash_of(house.keyring, payee=found.known).hex(),
    }


def basis_of_correction(tx: Transaction, proposal: Proposal) -> str:
    """Return what a correction rests on: the payout that came back, and what became of every version before.

    Errors: NotFound, NoPayoutReturned, PayoutWaiting.
    """
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    before = funds_version.of_loan(tx, loan_id=of.loan_id)
    rests: Canonical = {
        "returned": _rests_on(tx, of),
        "versions": [[one.hash, "" if one.answer is None else one.answer.value] for one in before],
    }
    return hashlib.sha256(canonical(rests)).hexdigest()


def _rests_on(tx: Transaction, of: Loan) -> str:
    """Return the payout that came back, or of a loan by stages what became of all of them."""
    if of.terms.disbursements_max == 1:
        return returned_payout(tx, of=of).order_id.hex
    undone = {event.target for event in loan.events(tx, loan=of) if isinstance(event, Reversed)}
    paid = [one for one in order.orders_of_loan(tx, loan_id=of.loan_id) if one.kind is OrderKind.PAYOUT]
    return " ".join(f"{one.order_id.hex} {one.state.value} {one.order_id in undone}" for one in paid)


def correct_payee(tx: Transaction, house: House, proposal: Proposal) -> None:
    """Publish the version for good, with its hash and leaf, and tell the borrower that it waits.

    Errors: NotFound, ProposalStale (another list was published since), and those of `correction_of`.
    """
    of = loan.get(tx, cell=tx.cell_of(proposal.subject_id), loan_id=proposal.subject_id)
    found, now = correction_of(tx, house, of=of), house.clock.now()
    if _said(house, found) != dict(proposal.body):
        raise ProposalStale("The list of payees has changed since this was proposed.")
    made = _version(tx, house, of=of, found=found, proposal=proposal)
    funds_version.publish(tx, keyring=house.keyring, version=made, payee=found.payee)
    evidence.append(
        tx,
        keyring=house.keyring,
        cell=of.cell,
        person_id=of.person_id,
        kind=LeafKind.FUNDS_VERSION,
        subject_id=made.version_id,
        at=now,
        facts={
            "loan_id": of.loan_id.hex,
            "version": made.number,
            "hash": made.hash,
            "returned": made.returned_id.hex,
            "proposal": made.proposal_id.hex,
        },
    )
    told = notice_of(
        of,
        template=PUBLISHED,
        on=house.booking_date(tx, cell=of.cell),
        mark=str(made.number),
        amount_fen=found.returned.amount_fen,
        at=now,
    )
    work.enqueue_many(tx, cell=of.cell, rows=[told])


def _version(tx: Transaction, house: House, *, of: Loan, found: Corrected, proposal: Proposal) -> FundsVersion:
    signed = offer.load_contract(tx, person_id=of.person_id, contract_id=of.contract_id)
    quoted = purpose_loan.of_loan(tx, loan_id=of.loan_id)
    assert quoted is not None or found.by_stages, "what is corrected is bound"
    before, now = funds_version.of_loan(tx, loan_id=of.loan_id), house.clock.now()
    number = before[0].number + 1 if before else 2
    body = version_body(
        Correction(
            contract_id=of.contract_id,
            contract_hash=hashlib.sha256(signed.body).hexdigest(),
            funds_contract="" if quoted is None else quoted.contract_hash,
            number=number,
            replaces=payees.hash_of(house.keyring, payee=found.known).hex(),
            payee=payees.hash_of(house.keyring, payee=found.payee).hex(),
            payees=found.payees,
            merchant=found.merchant,
            bank=found.payee.bank,
            purpose=found.payee.purpose,
            returned_id=found.returned.order_id,
            amount_fen=found.returned.amount_fen,
            by_stages=found.by_stages,
        )
    )
    return FundsVersion(
        version_id=house.id_for(of.person_id),
        loan_id=of.loan_id,
        person_id=of.person_id,
        number=number,
        body=body,
        hash=hashlib.sha256(body).hexdigest(),
        returned_id=found.returned.order_id,
        proposal_id=proposal.proposal_id,
        published_at=now,
        lapses_at=now + VERSION_LASTS,
    )
