"""Give people a copy of everything that is kept about them: all that is sealed, and all that was agreed and paid.

Source: PIPL art. 45. The copy is personal data itself: it is made for its person alone and kept nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mingqu.domain.canonical import read
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.personal import Personal
from mingqu.services.house import House
from mingqu.services.people.read_person import CardView, ConsentView, cards_of, consents_of
from mingqu.services.repayment.read_loans import LoanView, loans_of
from mingqu.store.merchants import checkout
from mingqu.store.parties import erasure, party
from mingqu.store.people import vault
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

FORM: Final = "mingqu-own-data/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """A copy of a person's data: `document` is JSON in UTF-8, `summary` what a printed page of it shows."""

    document: Personal[str]
    summary: Personal[dict[str, Any]]
    made_at: datetime


def copy_own_data(house: House, *, person_id: UUID) -> OwnData:
    """Return everything kept about a person. Errors: NotFound, PersonErased.

    `sealed` has every field of the vault by its name, whatever it is; what a leaf of evidence committed to is there
    with its salt, so that the person can open it against the published proof.
    """
    with house.database.transaction() as tx:
        person = party.load_person(tx, person_id=person_id)
        sealed = vault.open_all(tx, keyring=house.keyring, person_id=person_id)
        decisions = erasure.decisions_of(tx, person_id=person_id)
        contracts = erasure.contracts_of(tx, person_id=person_id)
        events = erasure.events_of(tx, person_id=person_id)
        orders = checkout.of_person(tx, person_id=person_id)
        holds = vault.holds(tx, person_id=person_id, on=house.clock.business_date())
        accounts = [_account(tx, one) for one in spend.of_person(tx, person_id=person_id)]
    loans = loans_of(house, person_id=person_id)
    consents = consents_of(house, person_id=person_id)
    made_at = house.clock.now()
    document = {
        "form": FORM,
        "made_at": made_at.isoformat(),
        "person": {"id": person_id.hex, "since": person.created_at.isoformat(), "level": person.identity_level.value},
        "sealed": {name: value.reveal() for name, value in sorted(sealed.items())},
        "consents": _consents(consents),
        "decisions": [read(record) for record in decisions],
        "contracts": [
            {"id": contract_id.hex, "signed_at": at.isoformat(), "content": read(body)}
            for contract_id, body, at in contracts
        ],
        "loans": _loans(loans, events),
        "accounts": accounts,
        "orders": [
            {"id": one.checkout_id.hex, "taken_at": str(one.taken_at), "content": read(one.body)}
            for one in orders
            if one.body is not None
        ],
        "kept_for": [{"law": hold.reason, "until": hold.held_until.isoformat()} for hold in holds],
    }
    text = json.dumps(document, ensure_ascii=False, indent=1)
    cards = cards_of(house, person_id=person_id)
    summary = _summary(made_at, sealed, cards, consents, loans, holds)
    return OwnData(document=Personal(text), summary=Personal(summary), made_at=made_at)


def _consents(given: Sequence[ConsentView]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.consent_id.hex,
            "purpose": one.purpose.value,
            "recipient": one.recipient,
            "version": one.version,
            "given_at": one.given_at.isoformat(),
            "withdrawn_at": one.withdrawn_at.isoformat() if one.withdrawn_at else None,
        }
        for one in given
    ]


def _account(tx: Transaction, account: SpendAccount) -> dict[str, Any]:
    """Return a revolving account: how it stands by what is booked, and everything that happened to it."""
    return {
        "id": account.account_id.hex,
        "product": account.product_id,
        "currency": account.currency,
        "opened_on": account.opened_on.isoformat(),
        "limit_fen": account.state.limit_fen,
        "used_fen": account.state.used_fen,
        "credit_fen": account.state.credit_fen,
        "events": [
            {"kind": event.kind.value, "value_date": event.on.isoformat(), "amount_fen": event.amount_fen}
            for event in spend.events_of(tx, account_id=account.account_id)
        ],
    }


def _loans(loans: Sequence[LoanView], events: Sequence[tuple[UUID, str, str, int | None]]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.loan_id.hex,
            "product": one.product_id,
            "lender": one.lender_zh,
            "currency": one.currency,
            "stage": one.stage.value,
            "principal_fen": one.principal_fen,
            "outstanding_fen": one.outstanding_fen,
            "overdue_days": one.overdue_days,
            "events": [
                {"kind": kind, "value_date": day, "amount_fen": amount_fen}
                for loan_id, kind, day, amount_fen in events
                if loan_id == one.loan_id
            ],
        }
        for one in loans
    ]


def _summary(
    made_at: datetime,
    sealed: Mapping[str, Personal[str]],
    cards: Sequence[CardView],
    consents: Sequence[ConsentView],
    loans: Sequence[LoanView],
    holds: Sequence[vault.Hold],
) -> dict[str, Any]:
    """Return what fits on a page."""
    return {
        "made_at": made_at.isoformat(timespec="seconds"),
        "known": [
            (zh, en, sealed[name].reveal())
            for name, zh, en in (
                (party.FIELD_NAME, "姓名", "Name"),
                (party.FIELD_ID_NUMBER, "证件号码", "ID number"),
                (party.FIELD_PHONE, "手机号", "Phone"),
            )
            if name in sealed
        ],
        "cards": [(one.bank_zh, one.bank_en, one.tail) for one in cards],
        "consents": [(_title(one.purpose, one.title_zh), one.recipient or "–", one.given_at.date().isoformat())
                     for one in consents],
        "loans": [
            (one.lender_zh, one.signed_at.date().isoformat(), one.principal_fen, one.outstanding_fen) for one in loans
        ],
        "kept_for": [(hold.reason, hold.held_until.isoformat()) for hold in holds],
    }  # fmt: skip


def _title(purpose: ConsentPurpose, title: str) -> str:
    return title or purpose.value
