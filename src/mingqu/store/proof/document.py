"""Rows against their evidence: what a leaf says of a consent, a contract, a payment is what its row says today."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.evidence import LeafKind, commit, moment
from mingqu.store import evidence
from mingqu.store.evidence import Comparison, Said
from mingqu.store.operators import proposal
from mingqu.store.people import vault
from mingqu.store.proof.spend_document import SPEND_DOCUMENTS, Witnessed
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring


def compared_leaves(*, keyring: Keyring) -> Mapping[LeafKind, Comparison]:
    """Return the comparison of each kind of leaf with its rows; sealed values are opened with the keyring."""

    def decisions(tx: Transaction, cell: int, leaves: Sequence[Said]) -> Iterator[str]:
        yield from _compare(tx, cell, leaves, kind=LeafKind.DECISION, sql=_DECISION, witnessed=_decision)
        yield from _commitments(tx, cell, leaves, keyring=keyring)

    return {LeafKind.DECISION: decisions, **{kind: _comparison(kind, *rest) for kind, rest in _PLAIN.items()}}


def _comparison(kind: LeafKind, sql: LiteralString, witnessed: Callable[..., Witnessed]) -> Comparison:
    def compare(tx: Transaction, cell: int, leaves: Sequence[Said]) -> Iterator[str]:
        return _compare(tx, cell, leaves, kind=kind, sql=sql, witnessed=witnessed)

    return compare


def _compare(
    tx: Transaction,
    cell: int,
    leaves: Sequence[Said],
    *,
    kind: LeafKind,
    sql: LiteralString,
    witnessed: Callable[..., Witnessed],
) -> Iterator[str]:
    """Read the rows of a page of leaves in one query and yield a sentence for each that is not what its leaf says."""
    rows = {row[0]: row[1:] for row in tx.execute(sql, (cell, [leaf.subject_id for leaf in leaves]))}
    for leaf in leaves:
        row = rows.get(leaf.subject_id)
        if row is None:
            yield f"cell {cell}: leaf {leaf.sequence} speaks of {kind.value} {leaf.subject_id.hex}, which is not there"
            continue
        person_id, at, facts = witnessed(*row)
        # Written and read again, as the leaf was: a whole number beyond 2^53 is a text in both.
        same = json.loads(canonical(facts)) == leaf.facts and person_id.hex == leaf.person
        if not same or (at is not None and moment(at) != leaf.at):
            yield f"cell {cell}: {kind.value} {leaf.subject_id.hex} is not what leaf {leaf.sequence} says"


def _hash(body: bytes) -> str:
    return hashlib.sha256(bytes(body)).hexdigest()


_CONSENT: Final[LiteralString] = """
    SELECT consent_id, person_id, given_at, purpose, recipient, text_id, text_hash, version FROM consent
    WHERE cell = %s AND consent_id = ANY (%s)"""
_CONSENT_WITHDRAWN: Final[LiteralString] = """
    SELECT consent_id, person_id, withdrawn_at, purpose, recipient, text_id, text_hash, version FROM consent
    WHERE cell = %s AND consent_id = ANY (%s) AND withdrawn_at IS NOT NULL"""


def _consent(
    person_id: UUID, at: datetime, purpose: str, recipient: str | None, text_id: str, text_hash: bytes, version: int
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "purpose": purpose,
        "recipient": recipient,
        "text": text_id,
        "text_hash": bytes(text_hash).hex(),
        "version": version,
    }
    return person_id, at, facts


_DISCLOSURE: Final[LiteralString] = """
    SELECT disclosure_id, person_id, shown_at, confirmed_at, body FROM disclosure
    WHERE cell = %s AND disclosure_id = ANY (%s) AND confirmed_at IS NOT NULL"""


def _disclosure(person_id: UUID, shown_at: datetime, confirmed_at: datetime, body: bytes) -> Witnessed:
    dwell_ms = int((confirmed_at - shown_at).total_seconds() * 1000)
    return person_id, confirmed_at, {"table_hash": _hash(body), "dwell_ms": dwell_ms}


_CONTRACT: Final[LiteralString] = """
    SELECT contract_id, person_id, signed_at, body, loan_id FROM contract
    WHERE cell = %s AND contract_id = ANY (%s)"""


def _contract(person_id: UUID, signed_at: datetime, body: bytes, loan_id: UUID) -> Witnessed:
    return person_id, signed_at, {"contract_hash": _hash(body), "loan_id": loan_id.hex}


_CERTIFICATE: Final[LiteralString] = """
    SELECT certificate_id, person_id, issued_at, body, loan_id FROM certificate
    WHERE cell = %s AND certificate_id = ANY (%s)"""


def _certificate(person_id: UUID, issued_at: datetime, body: bytes, loan_id: UUID) -> Witnessed:
    return person_id, issued_at, {"certificate_hash": _hash(body), "loan_id": loan_id.hex}


_DISBURSEMENT: Final[LiteralString] = """
    SELECT order_id, person_id, loan_id, amount_fen, currency, value_date FROM channel_order
    WHERE cell = %s AND order_id = ANY (%s) AND kind = 'payout' AND state = 'PAID'"""
_REPAYMENT: Final[LiteralString] = """
    SELECT order_id, person_id, loan_id, amount_fen, currency, value_date FROM channel_order
    WHERE cell = %s AND order_id = ANY (%s) AND kind = 'collection' AND state = 'PAID'"""


def _payment(person_id: UUID, loan_id: UUID, amount_fen: int, currency: str, value_date: date) -> Witnessed:
    facts: dict[str, Canonical] = {
        "loan_id": loan_id.hex,
        "amount_fen": amount_fen,
        "currency": currency,
        "value_date": value_date.isoformat(),
    }
    return person_id, None, facts


_AMENDMENT: Final[LiteralString] = """
    SELECT e.event_id, l.person_id, e.posted_at, e.loan_id, e.kind, e.value_date, e.amount_fen, e.target, e.detail
    FROM loan_event e JOIN loan l ON l.cell = e.cell AND l.loan_id = e.loan_id
    WHERE e.cell = %s AND e.event_id = ANY (%s)"""


def _amendment(
    person_id: UUID,
    at: datetime,
    loan_id: UUID,
    kind: str,
    value_date: date,
    amount_fen: int | None,
    target: UUID | None,
    detail: dict[str, Canonical] | None,
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "loan_id": loan_id.hex,
        "event": kind,
        "value_date": value_date.isoformat(),
        "amount_fen": amount_fen,
        "target": None if target is None else target.hex,
        "detail": detail,
    }
    return person_id, at, facts


_TAKING_OVER: Final[LiteralString] = """
    SELECT import_id, import_id, imported_at, file_hash, as_of, loans, people, report FROM book_import
    WHERE cell = %s AND import_id = ANY (%s)"""


def _taking_over(
    import_id: UUID, at: datetime, file_hash: bytes, as_of: date, loans: int, people: int, report: dict[str, Canonical]
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "file_hash": bytes(file_hash).hex(),
        "as_of": as_of.isoformat(),
        "loans": loans,
        "people": people,
        "report": report,
    }
    return import_id, at, facts


_FREEZE: Final[LiteralString] = """
    SELECT freeze_id, person_id, frozen_at, cause, frozen_by FROM drawing_freeze
    WHERE cell = %s AND freeze_id = ANY (%s)"""


def _freeze(person_id: UUID, at: datetime, cause: str, frozen_by: UUID) -> Witnessed:
    return person_id, at, {"cause": cause, "operator": frozen_by.hex}


_REPORT: Final[LiteralString] = """
    SELECT work_id, (payload ->> 'person_id')::uuid, run_at, payload ->> 'wish' FROM work
    WHERE cell = %s AND work_id = ANY (%s) AND kind = 'person_asked'"""


def _report(person_id: UUID, at: datetime, wish: str) -> Witnessed:
    return person_id, at, {"wish": wish}


_REVIEW: Final[LiteralString] = """
    SELECT request_id, person_id, answered_at, subject_id, wish, outcome, answered_by FROM review
    WHERE cell = %s AND request_id = ANY (%s) AND answered_at IS NOT NULL"""


def _review(person_id: UUID, at: datetime, subject_id: UUID, wish: str, outcome: str, answered_by: UUID) -> Witnessed:
    facts: dict[str, Canonical] = {
        "about": subject_id.hex,
        "wish": wish,
        "outcome": outcome,
        "operator": answered_by.hex,
    }
    return person_id, at, facts


_REFERRAL: Final[LiteralString] = """
    SELECT referral_id, person_id, made_at, bank, entry_hash, amount_fen, repayment, months, consent_id, guidance_hash
    FROM referral WHERE cell = %s AND referral_id = ANY (%s)"""


def _referral(
    person_id: UUID,
    at: datetime,
    bank: str,
    entry_hash: bytes,
    amount_fen: int,
    repayment: str,
    months: int,
    consent_id: UUID,
    guidance_hash: bytes,
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "bank": bank,
        "entry_hash": bytes(entry_hash).hex(),
        "amount_fen": amount_fen,
        "repayment": repayment,
        "months": months,
        "consent_id": consent_id.hex,
        "guidance_hash": bytes(guidance_hash).hex(),
    }
    return person_id, at, facts


_LENDER_ANSWER: Final[LiteralString] = """
    SELECT w.word_id, w.person_id, w.at, w.question_id, q.lender, w.kind, w.number, w.said, w.rate_year_ppm, w.body
    FROM lender_word w JOIN lender_question q ON q.cell = w.cell AND q.question_id = w.question_id
    WHERE w.cell = %s AND w.word_id = ANY (%s)"""


def _lender_answer(
    person_id: UUID,
    at: datetime,
    question_id: UUID,
    lender: str,
    kind: str,
    number: str,
    said: str,
    rate_year_ppm: int | None,
    body: bytes,
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "question_id": question_id.hex,
        "lender": lender,
        "about": kind,
        "number": number,
        "said": said,
        "rate_year_ppm": rate_year_ppm,
        "answer_hash": _hash(body),
    }
    return person_id, at, facts


_PROPOSAL: Final[LiteralString] = """
    SELECT proposal_id, coalesce(person_id, '00000000-0000-0000-0000-000000000000'), decided_at, deed, subject_id,
           body, basis, reason, maker_id, checker_id, state, forgotten_hash
    FROM proposal WHERE cell = %s AND proposal_id = ANY (%s) AND decided_at IS NOT NULL"""


def _proposal(
    person_id: UUID,
    at: datetime,
    deed: str,
    subject_id: UUID,
    body: Mapping[str, Canonical],
    basis: str,
    reason: str,
    maker_id: UUID,
    checker_id: UUID,
    state: str,
    forgotten_hash: str | None,
) -> Witnessed:
    facts: dict[str, Canonical] = {
        "deed": deed,
        "subject": subject_id.hex,
        "proposal_hash": forgotten_hash or proposal.words_hash(body=body, basis=basis, reason=reason),
        "maker": maker_id.hex,
        "checker": checker_id.hex,
        "outcome": state,
    }
    return person_id, at, facts


_SWITCH: Final[LiteralString] = """
    SELECT switch_id, off_at, kind || '/' || name, cause, owner_id FROM policy_switch
    WHERE %s >= 0 AND switch_id = ANY (%s)"""


def _switch(at: datetime, what: str, cause: str, owner_id: UUID) -> Witnessed:
    return UUID(int=0), at, {"what": what, "cause": cause, "operator": owner_id.hex}


_DECISION: Final[LiteralString] = """
    SELECT decision_id, person_id, decided_at, outcome, business_date, record FROM decision
    WHERE cell = %s AND decision_id = ANY (%s)"""


def _decision(person_id: UUID, decided_at: datetime, outcome: str, business_date: date, record: bytes) -> Witnessed:
    facts: dict[str, Canonical] = {
        "outcome": outcome,
        "business_date": business_date.isoformat(),
        "public_hash": _hash(record),
    }
    return person_id, decided_at, facts


def _commitments(tx: Transaction, cell: int, leaves: Sequence[Said], *, keyring: Keyring) -> Iterator[str]:
    """Open what a decision's leaf commits to, where its person's key still is: it is the hash in the row."""
    rows = tx.execute(
        "SELECT decision_id, record_hash FROM decision WHERE cell = %s AND decision_id = ANY (%s)",
        (cell, [leaf.subject_id for leaf in leaves]),
    )
    hashes: dict[UUID, bytes] = {decision_id: bytes(record_hash) for decision_id, record_hash in rows}
    fields = {
        (person, evidence.private_field(tx, person_id=person, cell=leaf.cell, sequence=leaf.sequence)): leaf
        for leaf in leaves
        for person in (UUID(leaf.person),)
    }
    for place, opened in vault.open_many(tx, keyring=keyring, cell=cell, fields=list(fields)).items():
        leaf = fields[place]
        if opened is None or not _is_committed(
            leaf, json.loads(opened.reveal()), bytes(hashes.get(leaf.subject_id, b""))
        ):
            yield f"cell {cell}: decision {leaf.subject_id.hex} is not what leaf {leaf.sequence} commits to"


def _is_committed(leaf: Said, opened: Mapping[str, Any], record_hash: bytes) -> bool:
    entry = opened.get("record_hash")
    if entry is None or set(opened) != set(leaf.commitments):
        return False
    committed = commit(salt=bytes.fromhex(entry["salt"]), value=entry["value"]).hex()
    return bool(entry["value"] == record_hash.hex() and committed == leaf.commitments["record_hash"])


_PLAIN: Final[dict[LeafKind, tuple[LiteralString, Callable[..., Witnessed]]]] = {
    LeafKind.CONSENT: (_CONSENT, _consent),
    LeafKind.CONSENT_WITHDRAWN: (_CONSENT_WITHDRAWN, _consent),
    LeafKind.DISCLOSURE: (_DISCLOSURE, _disclosure),
    LeafKind.CONTRACT: (_CONTRACT, _contract),
    LeafKind.CERTIFICATE: (_CERTIFICATE, _certificate),
    LeafKind.DISBURSEMENT: (_DISBURSEMENT, _payment),
    LeafKind.REPAYMENT: (_REPAYMENT, _payment),
    LeafKind.AMENDMENT: (_AMENDMENT, _amendment),
    LeafKind.TAKING_OVER: (_TAKING_OVER, _taking_over),
    LeafKind.FREEZE: (_FREEZE, _freeze),
    LeafKind.REPORT: (_REPORT, _report),
    LeafKind.REVIEW: (_REVIEW, _review),
    LeafKind.REFERRAL: (_REFERRAL, _referral),
    LeafKind.LENDER_ANSWER: (_LENDER_ANSWER, _lender_answer),
    LeafKind.PROPOSAL: (_PROPOSAL, _proposal),
    LeafKind.SWITCH: (_SWITCH, _switch),
    **SPEND_DOCUMENTS,
}
