"""Four borrowers in the middle of their lives, and every page that one of them opens without changing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from mingqu.demo.journey import READING, Borrowed, be_assessed, introduce, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU, neighbor
from mingqu.demo.story import fund_lenders
from mingqu.demo.world import Newcomer, World
from mingqu.domain.loan import Intent
from mingqu.domain.moment import start_of
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.repayment.read_loans import orders_of

_BALANCE_FEN: Final = 6_000_000
_AMOUNT_FEN: Final = 1_000_000
_DAYS: Final = 36  # one instalment comes due and is paid, or is five days late
_MORNING: Final = timedelta(hours=9, minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page: its name with holes, its address, and who opens it."""

    name: str
    path: str
    person_id: UUID

    def at(self, number: int) -> str:
        """Return the address for the n-th time it is opened (up to 200): a calculator is asked for another amount."""
        return self.path.replace("{amount}", str(500 + 100 * number))


def places(world: World) -> list[Place]:
    """Let people borrow, pay, be late, settle and be refused; return the pages they then have."""
    fund_lenders(world)
    steady, late, settled = (_borrow(world, one) for one in (XIA, neighbor(number=1, months_late=-1, lenders=1), ZHOU))
    refused = introduce(world, CHUAN, balance_fen=0)
    be_assessed(world, refused, amount_fen=800_000)
    pay_by_hand(world, settled.known, loan_id=settled.signed.loan_id, intent=Intent.PAYOFF)
    world.deposit(late.known.newcomer, -world.balance_fen(late.known.newcomer))
    _let_days_pass(world)
    return [
        *_of(steady, _before_borrowing(world, steady)),
        *_of(steady, _of_a_loan(steady)),
        *_of(late, _of_being_late(late)),
        *_of(settled, _of_the_end(world, settled)),
        Place(name="/decision (refused)", path="/decision", person_id=refused.person_id),
    ]


def _of(borrowed: Borrowed, named: Mapping[str, str]) -> list[Place]:
    return [Place(name=name, path=path, person_id=borrowed.known.person_id) for name, path in named.items()]


def _before_borrowing(world: World, borrowed: Borrowed) -> dict[str, str]:
    """Return the pages of somebody who pays on time and is about to borrow again."""
    house, person_id = world.house, borrowed.known.person_id
    offers = make_offers(house, person_id=person_id, amount_fen=300_000, instalments=6, method="equal_instalment")
    offer_id = offers[0].offer.offer_id
    table = show_cost_table(house, person_id=person_id, offer_id=offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    return {
        "/": "/",
        "/me": "/me",
        "/consents": "/consents",
        "/decision": "/decision",
        "/draw": "/draw",
        "/draw (another amount)": "/draw?amount={amount}",
        "/offers": "/offers?" + "&".join(f"o={one.offer.offer_id.hex}" for one in offers),
        "/cost-tables/{id}": f"/cost-tables/{table.disclosure_id.hex}",
        "/offers/{id}/contract": f"/offers/{offer_id.hex}/contract",
        "/agreement": "/agreement",
    }


def _of_a_loan(borrowed: Borrowed) -> dict[str, str]:
    signed = borrowed.signed
    return {
        "/loans": "/loans",
        "/loans/{id}": f"/loans/{signed.loan_id.hex}",
        "/loans/{id}/payout": f"/loans/{signed.loan_id.hex}/payout",
        "/loans/{id}/repay": f"/loans/{signed.loan_id.hex}/repay",
        "/contracts/{id}": f"/contracts/{signed.contract_id.hex}",
    }


def _of_being_late(borrowed: Borrowed) -> dict[str, str]:
    loan = f"/loans/{borrowed.signed.loan_id.hex}"
    return {"/ (late)": "/", "/loans/{id} (late)": loan, "/loans/{id}/help": f"{loan}/help"}


def _of_the_end(world: World, borrowed: Borrowed) -> dict[str, str]:
    house, person_id, loan_id = world.house, borrowed.known.person_id, borrowed.signed.loan_id
    paper = issue_certificate(house, person_id=person_id, loan_id=loan_id)
    publish_evidence(house)
    paid = next(one for one in orders_of(house, person_id=person_id, loan_id=loan_id) if one.kind == "collection")
    return {
        "/payments/{id}": f"/payments/{paid.order_id.hex}",
        "/loans/{id}/certificate": f"/loans/{loan_id.hex}/certificate",
        "/certificates/{id}": f"/certificates/{paper.certificate_id.hex}",
    }


def _borrow(world: World, newcomer: Newcomer) -> Borrowed:
    known = introduce(world, newcomer, balance_fen=_BALANCE_FEN)
    be_assessed(world, known, amount_fen=_AMOUNT_FEN)
    borrowed = take_loan(world, known, amount_fen=_AMOUNT_FEN, instalments=12, method="equal_instalment")
    work_until_idle(world)
    return borrowed


def _let_days_pass(world: World) -> None:
    house = world.house
    for _ in range(_DAYS):
        day = house.clock.business_date()
        bring_up_today(house)
        world.go_to(max(house.clock.now(), start_of(day) + _MORNING))
        work_until_idle(world)
        world.go_to_date(day + timedelta(days=1))
        close_through(house, to=day)
    bring_up_today(house)
    work_until_idle(world)
