"""Pay a bill, or a purchase that is not billed, in instalments: shown with its cost first, agreed to by its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.calendar import add_months
from mingqu.domain.canonical import Canonical, canonical
from mingqu.domain.cost import AnnualCost, annual_cost
from mingqu.domain.gate import Case, cap_year_ppm
from mingqu.domain.spend import (
    SpendEvent,
    SpendKind,
    advance,
    convertible_bill_fen,
    convertible_purchase_fen,
    cut,
    step,
)
from mingqu.services.house import House
from mingqu.services.offers.price_offer import CostAboveCap
from mingqu.services.once import Response, id_of_key, once
from mingqu.services.revolving.open_spend import TermsNotShown
from mingqu.services.revolving.record_spend import brought_up, record_spend
from mingqu.store.revolving import spend
from mingqu.store.revolving.spend import SpendAccount
from mingqu.store.server.database import Transaction

FIRST_PART: Final = 1  # month from the next bill day that the first instalment is due in


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instalment as the cost table shows it."""

    number: int
    billed_on: date
    due: date
    principal_fen: int
    fee_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionOffer:
    """What paying an amount in instalments would cost: the parts, and the cost a year from the cash flows."""

    amount_fen: int
    count: int
    fee_fen: int
    fee_ppm: int
    parts: tuple[Part, ...]
    cost: AnnualCost
    table_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionOffers:
    """How much can be paid in instalments, and what each count would cost; none when nothing can."""

    convertible_fen: int
    offers: tuple[ConversionOffer, ...]


def conversion_offers(
    house: House, *, person_id: UUID, account_id: UUID, purchase_id: UUID | None = None, amount_fen: int | None = None
) -> ConversionOffers:
    """Return what a bill, or a purchase, can be cut into today, for all that can be cut or an amount of it.

    Errors: NotFound, CostAboveCap.
    """
    today = house.clock.business_date()
    with house.database.transaction() as tx:
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
    state = advance(terms=account.terms, state=account.state, to=max(today, account.state.day)).state
    most_fen = (
        convertible_bill_fen(state, on=today)
        if purchase_id is None
        else convertible_purchase_fen(state, purchase_id=purchase_id)
    )
    wanted_fen = most_fen if amount_fen is None else min(amount_fen, most_fen)
    offers = [
        conversion_offer(house, account=account, amount_fen=wanted_fen, count=count, on=today)
        for count, _ in account.terms.instalment_fees
        if wanted_fen >= account.terms.instalment_least_fen and not state.lacking_fen
    ]
    return ConversionOffers(convertible_fen=most_fen, offers=tuple(offers))


def conversion_offer(house: House, *, account: SpendAccount, amount_fen: int, count: int, on: date) -> ConversionOffer:
    """Return what an amount in so many instalments costs from a day on. Errors: ConversionRefused, CostAboveCap.

    Source: PBOC notice 2021 No. 3 (the fee of instalments is shown as a yearly rate). Example: 12,000.00 in 12 for
    8.8 %: 1,056.00, 1,088.00 each, 15.86 % a year (simple).
    """
    terms = account.terms
    cutting = cut(terms=terms, amount_fen=amount_fen, count=count)
    first = terms.bill_after(on)
    parts = []
    for number, (principal_fen, fee_fen) in enumerate(cutting, start=1):
        billed_on = add_months(day=first, months=number - 1)
        parts.append(
            Part(
                number=number,
                billed_on=billed_on,
                due=terms.due_of(billed_on),
                principal_fen=principal_fen,
                fee_fen=fee_fen,
            )
        )
    # Counted from a month before the first due day, as if each instalment took a whole month: never too low a rate.
    begin = add_months(day=parts[0].due, months=-FIRST_PART)
    flows = [(begin, amount_fen), *((part.due, -(part.principal_fen + part.fee_fen)) for part in parts)]
    cost = annual_cost(flows=flows)
    _require_under_cap(house, account, cost, on)
    table: dict[str, Canonical] = {
        "account_id": account.account_id.hex,
        "amount_fen": amount_fen,
        "count": count,
        "simple_ppm": cost.simple_ppm,
        "effective_ppm": cost.effective_ppm,
        "parts": [[part.due.isoformat(), part.principal_fen, part.fee_fen] for part in parts],
    }
    return ConversionOffer(
        amount_fen=amount_fen,
        count=count,
        fee_fen=sum(part.fee_fen for part in parts),
        fee_ppm=terms.fee_ppm(count) or 0,
        parts=tuple(parts),
        cost=cost,
        table_hash=hashlib.sha256(canonical(table)).hexdigest(),
    )


def convert_spend(
    house: House,
    *,
    person_id: UUID,
    account_id: UUID,
    purchase_id: UUID | None,
    amount_fen: int,
    count: int,
    table_hash: str,
    key: str,
) -> UUID:
    """Agree to instalments whose cost table was shown, named by its hash, and return the plan's id.

    Errors: NotFound, TermsNotShown, ConversionRefused, InstalmentAlready, MinimumNotConvertible,
    ConversionWhileOverdue, CostAboveCap, RepaymentUnderWay, and those of the key.
    """

    def work(tx: Transaction) -> Response:
        today = house.clock.business_date()
        account = spend.get_for(tx, person_id=person_id, account_id=account_id)
        account = brought_up(tx, house, account=account, to=today)
        event = SpendEvent(
            event_id=id_of_key(scope=person_id, command="convert_spend", key=key),
            kind=SpendKind.CONVERTED,
            on=max(today, account.state.day),
            amount_fen=amount_fen,
            target=purchase_id,
            count=count,
        )
        step(terms=account.terms, state=account.state, event=event)  # refuses for its own reasons first
        offer = conversion_offer(house, account=account, amount_fen=amount_fen, count=count, on=event.on)
        if offer.table_hash != table_hash:
            raise TermsNotShown("The cost table has changed; please read it again.")
        record_spend(tx, house, account=account, event=event)
        return {"plan_id": event.event_id.hex}

    request: dict[str, Canonical] = {
        "account_id": account_id.hex,
        "purchase_id": None if purchase_id is None else purchase_id.hex,
        "amount_fen": amount_fen,
        "count": count,
        "table_hash": table_hash,
    }
    answer = once(house, person_id=person_id, command="convert_spend", key=key, request=request, work=work)
    return UUID(str(answer["plan_id"]))


def _require_under_cap(house: House, account: SpendAccount, cost: AnnualCost, on: date) -> None:
    product = house.pack.spend_version(product_id=account.product_id, version=account.product_version)
    lender = house.pack.lender(lender_id=account.lender_id)
    case = Case(lender_type=lender.licence, product_kind=product.kind, on=on)
    cap, row = cap_year_ppm(case=case, rules=house.pack.rules)
    if cost.simple_ppm > cap:
        said = "These instalments would cost more than the law allows."
        raise CostAboveCap(said, cap_ppm=cap, rule_id=row.id, document=row.document)
