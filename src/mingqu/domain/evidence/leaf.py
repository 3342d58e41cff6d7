"""Leaves: what they bear witness to, their exact bytes, and the salted commitments inside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical, canonical_text
from mingqu.domain.evidence.tree import Hash

SALT_BYTES: Final = 32
_COMMITMENT = b"\x02"


class LeafKind(Enum):
    """What a leaf bears witness to."""

    CONSENT = "consent"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    DECISION = "decision"
    DISCLOSURE = "disclosure"
    CONTRACT = "contract"
    FUNDING = "funding"  # which source funds a payout, and why not those before it
    BUY_BACK = "buy_back"  # a funder's part of a joint loan is somebody else's from a day on
    POOL_DAY = "pool_day"  # what a pool of securities received, paid and bought on a day
    DISBURSEMENT = "disbursement"
    REPAYMENT = "repayment"
    AMENDMENT = "amendment"  # a loan was changed: by agreement, in the borrower's favor, or for loss
    TAKING_OVER = "taking_over"  # of a file of another system's loans, all at once
    CERTIFICATE = "certificate"
    ERASURE = "erasure"
    FREEZE = "freeze"  # drawing stopped by a person
    REVIEW = "review"  # what a person answered whoever asked for one
    SWITCH = "switch"  # a rule, product or lender switched off by a person
    SWITCHED_ON = "switched_on"  # a rule that was off holds again, by a person
    LISTED = "listed"  # a value put on a list by a person; which one, the leaf does not say
    REPORT = "report"  # something suspicious that a person received and told us of
    REFERRAL = "referral"  # of a person to a bank, for something that the bank alone decides
    LENDER_ANSWER = "lender_answer"  # the word of a lender that decides by itself
    SPEND_ACCOUNT = "spend_account"  # a revolving account was opened, and by which terms
    SPEND = "spend"  # what happened to it: a purchase, a draw, a payment, a refund, instalments, its limit
    LINK = "link"  # whether two accounts of a person may be linked
    PURPOSE_CARD = "purpose_card"  # a funds contract was agreed
    FUNDS_VERSION = "funds_version"  # a new version of what a loan's money is bound by was published
    PAYEE_WISH = "payee_wish"  # a borrower named another account of the payee of their loan by stages
    CALLED_OFF = "called_off"  # a loan whose payout came back ended unpaid: by its borrower, or by the house's time
    FUNDS_VERSION_ANSWER = "funds_version_answer"  # it was agreed to, declined or withdrawn
    CARD_SPEND = "card_spend"  # what a card's network asked or said, and what was answered
    PURPOSE_ALERT = "purpose_alert"  # what the monitor found about a card, and what was done
    CAR_QUOTE = "car_quote"  # what a loan for a car would cost, by band, down payment and papers
    WALLET_BINDING = "wallet_binding"  # whether a card with a purpose may be used in a wallet
    PURPOSE_EVIDENCE = "purpose_evidence"  # a paper that shows what money was spent on
    GRIEVANCE = "grievance"  # a complaint or dispute, and what became of it
    COLLECTION = "collection"  # what was done about an overdue loan
    MERCHANT_TOLD = "merchant_told"  # a merchant took our message of what became of an order
    PROPOSAL = "proposal"  # what one operator proposed, and how another decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One line of evidence: its place (cell, sequence), what it is about, its exact bytes and their hash."""

    cell: int
    sequence: int
    person_id: UUID
    kind: LeafKind
    subject_id: UUID
    at: datetime
    body: bytes
    hash: Hash


def moment(at: datetime) -> str:
    """Return a moment as evidence writes it, in UTC with six decimals. Example: 2026-08-15T01:02:03.000000Z."""
    offset = at.utcoffset()
    assert offset is not None, "a moment knows its time zone"
    return (at.replace(tzinfo=None) - offset).isoformat(timespec="microseconds") + "Z"


def commit(*, salt: bytes, value: Canonical) -> Hash:
    """Return the salted commitment to a value: SHA-256 of 0x02, the salt and the canonical bytes.

    Without the salt nothing follows about the value, not even of a value with few possibilities; when the salt
    is destroyed, the commitment is a random number for ever.
    """
    assert len(salt) == SALT_BYTES
    return hashlib.sha256(_COMMITMENT + salt + canonical(value)).digest()


def leaf_body(
    *,
    cell: int,
    sequence: int,
    person_id: UUID,
    kind: LeafKind,
    subject_id: UUID,
    at: datetime,
    facts: Canonical,
    commitments: Canonical,
) -> bytes:
    """Return the bytes of a leaf, canonical JSON. `facts` are public; `commitments` hide what they commit to."""
    # As `canonical` writes it, which looks at every member; of these it knows nothing that is not known here.
    return (
        f'{{"at":"{moment(at)}","cell":{cell},"commitments":{canonical_text(commitments)},'
        f'"facts":{canonical_text(facts)},"kind":"{kind.value}","person":"{person_id.hex}","sequence":{sequence},'
        f'"subject":"{subject_id.hex}","version":1}}'
    ).encode()
