"""The cost table (综合融资成本明示表): shown, read for long enough, confirmed; only then can a contract be signed.

Source: 《个人贷款业务明示综合融资成本规定》 (NFRA and PBOC), published 2026-03-15, in force from 2026-08-01.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical, canonical, read
from mingqu.domain.cost import DELAY_DAYS_SHOWN, cost_of_delay
from mingqu.domain.evidence import LeafKind
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import require_drawing_open
from mingqu.services.offers.price_offer import Offered, delay_terms, priced
from mingqu.services.once import once
from mingqu.services.policies.switch_off import require_lending
from mingqu.store import evidence
from mingqu.store.loans import offer
from mingqu.store.loans.offer import Disclosure, Offer
from mingqu.store.server.database import Transaction

CLOSING_STATEMENT: Final = "除已明示的成本外，不再收取其他与贷款相关的息费。"
DATES_NOTE: Final = "还款日自放款到账之日起算；表中日期按今日到账列示。"
RISK_WARNING: Final = "借之前请想一想：请确认收入能稳定覆盖每期还款。逾期会产生罚息、暂停新的借款，并可能依法报送征信。"


class OfferStale(Refusal):
    """The offer has run out, was signed already, or the person's line changed: ask for new offers."""

    code: ClassVar[str] = "offer_stale"
    status: ClassVar[int] = 409


class CostTableNotRead(Refusal):
    """The cost table was confirmed before it could be read, or not at all."""

    code: ClassVar[str] = "cost_table_not_read"
    status: ClassVar[int] = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """The table as shown: `body` is what is hashed, kept and printed."""

    disclosure_id: UUID
    body: dict[str, Canonical]
    body_hash: bytes


def live_offer(tx: Transaction, house: House, *, person_id: UUID, offer_id: UUID) -> tuple[Offer, Offered]:
    """Return a person's offer that can still be taken, with its price.

    Errors: NotFound, OfferStale, DrawingFrozen, DrawingStopped, LendingSwitchedOff, CostAboveCap, RuleBroken.
    """
    stored, facility = offer.load_offer_with_line(tx, person_id=person_id, offer_id=offer_id)
    current, today = house.policies.current(tx), house.clock.business_date()
    require_lending(current, product_id=facility.product_id, lender_id=facility.lender_id, business_date=today)
    require_drawing_open(tx, house, person_id=person_id)
    if house.clock.now() >= stored.expires_at:
        raise OfferStale("This offer has run out; ask for new offers.")
    if stored.loan_id is not None:
        raise OfferStale("This offer was signed already.")
    return stored, priced(house, stored=stored, facility=facility)


def read_disclosure(tx: Transaction, *, stored: Offer, offered: Offered) -> Disclosure:
    """Return the cost table that was read and confirmed, if it says just what the contract will say.

    Errors: CostTableNotRead, OfferStale.
    """
    read = offer.confirmed_disclosure(tx, person_id=stored.person_id, offer_id=stored.offer_id)
    if read is None:
        raise CostTableNotRead("The cost table must be read and confirmed before signing.")
    if read.body != canonical(cost_table(stored, offered)):
        raise OfferStale("The cost is no longer what the table showed; ask for new offers.")
    return read


def show_cost_table(house: House, *, person_id: UUID, offer_id: UUID, key: str | None = None) -> CostTable:
    """Store the cost table of an offer as it is shown now, and return it; with the same `key` it is shown once.

    Errors: NotFound, OfferStale, and those of the idempotency key.
    """

    def show(tx: Transaction) -> Disclosure:
        tx.lock_cell(tx.cell_of(person_id))
        stored, offered = live_offer(tx, house, person_id=person_id, offer_id=offer_id)
        shown = Disclosure(
            disclosure_id=house.id_for(person_id),
            offer_id=offer_id,
            person_id=person_id,
            body=canonical(cost_table(stored, offered)),
            shown_at=house.clock.now(),
            confirmed_at=None,
        )
        offer.insert_disclosure(tx, disclosure=shown)
        return shown

    if key is None:
        shown = house.database.run(show)
    else:
        answer = once(
            house,
            person_id=person_id,
            command="show_cost_table",
            key=key,
            request={"offer_id": offer_id.hex},
            work=lambda tx: {"disclosure_id": show(tx).disclosure_id.hex},
        )
        with house.database.transaction() as tx:
            disclosure_id = UUID(str(answer["disclosure_id"]))
            shown = offer.load_disclosure(tx, person_id=person_id, disclosure_id=disclosure_id)
    body = read(shown.body)
    assert isinstance(body, dict)
    return CostTable(disclosure_id=shown.disclosure_id, body=body, body_hash=hashlib.sha256(shown.body).digest())


def confirm_cost_table(house: House, *, person_id: UUID, disclosure_id: UUID) -> None:
    """Record that the person read the table and confirmed it; confirming again changes nothing.

    The time of reading is measured here, from when it was shown. Errors: NotFound, OfferStale, CostTableNotRead.
    """

    def confirm(tx: Transaction) -> None:
        cell, now = tx.cell_of(person_id), house.clock.now()
        tx.lock_cell(cell)
        shown = offer.load_disclosure(tx, person_id=person_id, disclosure_id=disclosure_id)
        if shown.confirmed_at is not None:
            return
        live_offer(tx, house, person_id=person_id, offer_id=shown.offer_id)
        dwell = now - shown.shown_at
        if dwell < house.settings.cost_table_reading:
            seconds = int((house.settings.cost_table_reading - dwell).total_seconds()) + 1
            raise CostTableNotRead("Please read the cost table first.", wait_seconds=seconds)
        offer.confirm_disclosure(tx, disclosure=shown, at=now)
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=cell,
            person_id=person_id,
            kind=LeafKind.DISCLOSURE,
            subject_id=disclosure_id,
            at=now,
            facts={
                "table_hash": hashlib.sha256(shown.body).hexdigest(),
                "dwell_ms": int(dwell.total_seconds() * 1000),
            },
        )

    house.database.run(confirm)


def cost_table(stored: Offer, offered: Offered) -> dict[str, Canonical]:
    """Return the table's content: each cost with who collects it, the yearly cost, and what only default costs."""
    cost, rows = offered.cost, offered.schedule.rows
    delay = delay_terms(terms=stored.terms, lender=offered.lender_name_zh)
    on_default = [
        cost_of_delay(schedule=offered.schedule, first_missed=rows[0].number, days=days, terms=delay)
        for days in DELAY_DAYS_SHOWN
    ]
    return {
        "offer_id": stored.offer_id.hex,
        "lender": offered.lender_name_zh,
        "product": offered.product.id,
        "product_version": offered.product.version,
        "principal_fen": cost.principal_fen,
        "currency": stored.terms.currency,
        "method": stored.terms.method.value,
        "items": [
            {
                "code": item.code,
                "collector": item.collector,
                "standard": item.standard,
                "amount_fen": item.amount_fen,
            }
            for item in cost.items
        ],
        "cost_fen": cost.cost_fen,
        "annual_simple_ppm": cost.annual.simple_ppm,
        "annual_effective_ppm": cost.annual.effective_ppm,
        "payments": [[one.due.isoformat(), one.payment_fen] for one in offered.payments],
        "payments_note": DATES_NOTE,
        "on_default": [
            {
                "code": "penalty",
                "collector": offered.lender_name_zh,
                "annual_ppm": delay.yearly_ppm,
                "base": "overdue_principal",
                "days_and_cost_fen": [[late.days, late.cost_fen] for late in on_default],
            }
        ],
        "early_repayment_fee_ppm": offered.product.early_repayment_fee_ppm,
        # Named where there are such days, so that tables of products without them stay what was signed, to the byte.
        **({"cooling_off_days": days} if (days := offered.product.cooling_off_days) else {}),
        "statement": CLOSING_STATEMENT,
        "risk_warning": RISK_WARNING,
    }
