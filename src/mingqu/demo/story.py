"""Three people, over HTTP: one late once who settles early, one who is refused, one whose payout falls silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.demo.report import DemoReport, PersonReport, as_fraction, written_reasons
from mingqu.demo.tell import Teller
from mingqu.demo.visit import (
    Taken,
    apply,
    arrive,
    borrow,
    certify,
    come_back,
    owed,
    pay_by_hand,
    payout_states,
)
from mingqu.demo.world import OnlineWorld, World
from mingqu.domain.moment import start_of
from mingqu.domain.money import Money
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.funding.fund_lender import fund_lender
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.services.loans.read_loan import first_slots

STARTS_ON: Final = date(2026, 8, 15)
ENDS_ON: Final = date(2027, 8, 15)
FUNDING: Final = Money(50_000_000, "CNY")  # 500,000.00 for each lender and cell
_LATE_FROM: Final = date(2027, 1, 15)
_CURED_ON: Final = date(2027, 2, 1)
_SETTLED_ON: Final = date(2027, 5, 25)
_MORNING: Final = timedelta(hours=9, minutes=5)  # deductions go out at nine
_NOON: Final = timedelta(hours=12)


def fund_lenders(world: World, *, amount: Money = FUNDING) -> None:
    """Let every lender put money into every cell; `amount` is for each lender and cell."""
    house = world.house
    for lender in house.pack.lenders:
        for slot in first_slots(house):
            reference = house.identifiers.fresh(slot)
            fund_lender(house, lender_id=lender.id, amount=amount, reference=reference)


def tell_story(world: OnlineWorld, tell: Teller, *, ends_on: date = ENDS_ON) -> DemoReport:
    """Play the story from its first day to the end of the terms and return what came of it."""
    report = DemoReport()
    fund_lenders(world)
    xia, xia_report = _kitchen(world, tell)
    refused = _refused(world, tell)
    zhou, zhou_report = _silent_bank(world, tell)
    report.people = [xia_report, refused, zhou_report]
    acts: dict[date, Callable[[], None]] = {
        _LATE_FROM - timedelta(days=1): lambda: _empty_card(world, tell, xia),
        _CURED_ON: lambda: _cure(world, tell, xia),
        _SETTLED_ON: lambda: _settle_early(world, tell, xia),
    }
    tell.chapter("4", "A year goes by · 一年过去")
    report.days_closed = live(world, tell, until=ends_on, acts=acts)
    for taken, person in ((xia, xia_report), (zhou, zhou_report)):
        _finish(world, tell, taken, person)
    report.evidence_root = publish_evidence(world.house).root.hex()
    return report


def live(world: World, tell: Teller, *, until: date, acts: dict[date, Callable[[], None]]) -> int:
    """Let days pass: mornings, deductions, what people do at noon, the close of each. Return how many."""
    house = world.house
    first = house.clock.business_date()
    days = (until - first).days + 1
    with tell.progress("closing days", days) as step:
        for offset in range(days):
            day = first + timedelta(days=offset)
            bring_up_today(house)
            world.go_to(max(house.clock.now(), start_of(day) + _MORNING))
            work_until_idle(world)
            if day in acts:
                world.go_to(start_of(day) + _NOON)
                acts[day]()
            world.go_to_date(day + timedelta(days=1))
            closed = close_through(house, to=day)
            assert not closed.stopped, "a demonstration has no trouble"
            follow_funding(house)
            publish_evidence(house)
            step(day.isoformat())
    return days


def _kitchen(world: OnlineWorld, tell: Teller) -> tuple[Taken, PersonReport]:
    tell.chapter("1", f"{XIA.alias} borrows 10,000.00 for a kitchen · 装修借款")
    xia = arrive(world, XIA, balance_fen=6_000_000)
    tell.identity()
    tell.approved(apply(world, xia, amount_fen=1_000_000))
    taken = borrow(world, xia, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    tell.offer(taken.offer)
    work_until_idle(world)
    tell.disbursed(payout_states(taken))
    return taken, _report(taken)


def _refused(world: OnlineWorld, tell: Teller) -> PersonReport:
    tell.chapter("2", f"{CHUAN.alias} asks for 8,000.00 and is told why not · 被拒，并知道为什么")
    decision = apply(world, arrive(world, CHUAN, balance_fen=10_000), amount_fen=800_000)
    tell.refused(decision)
    return PersonReport(name=CHUAN.alias, outcome="refused", reasons=written_reasons(decision.reasons))


def _silent_bank(world: OnlineWorld, tell: Teller) -> tuple[Taken, PersonReport]:
    tell.chapter("3", f"{ZHOU.alias} borrows 6,000.00, and the bank falls silent · 放款失联")
    zhou = arrive(world, ZHOU, balance_fen=9_000_000)
    tell.approved(apply(world, zhou, amount_fen=600_000))
    taken = borrow(world, zhou, amount_fen=600_000, instalments=3, method="equal_principal")
    tell.offer(taken.offer)
    world.silence_next_payout()
    work_until_idle(world)
    order_id = taken.signed.payout_order_id
    tell.silence(payout_states(taken), order_id)
    world.go_to(world.house.clock.now() + timedelta(seconds=30))
    work_until_idle(world)
    tell.disbursed(payout_states(taken))
    moved = world.paid_out_by_bank()[order_id.hex]
    tell.note(f"The bank's own book shows one payout of {tell.money(moved)} under that number, and one only.")
    return taken, _report(taken)


def _empty_card(world: OnlineWorld, tell: Teller, xia: Taken) -> None:
    newcomer = xia.visitor.newcomer
    world.deposit(newcomer, -world.balance_fen(newcomer))
    tell.note("The day before the fifth instalment her card is empty: rent went out, wages are late.")


def _cure(world: OnlineWorld, tell: Teller, xia: Taken) -> None:
    come_back(world, xia)
    tell.overdue(owed(xia), since=_LATE_FROM)
    world.deposit(xia.visitor.newcomer, 9_000_000)
    paid = pay_by_hand(world, xia, intent="due")
    tell.note(f"She pays {tell.money(paid)} by hand; the loan is in order again the same minute.")


def _settle_early(world: OnlineWorld, tell: Teller, xia: Taken) -> None:
    come_back(world, xia)
    tell.payoff(owed(xia))
    pay_by_hand(world, xia, intent="payoff")


def _report(taken: Taken) -> PersonReport:
    return PersonReport(
        name=taken.visitor.newcomer.alias,
        apr_effective=as_fraction(taken.offer.annual_effective_ppm),
        disbursement_states=payout_states(taken),
    )


def _finish(world: OnlineWorld, tell: Teller, taken: Taken, person: PersonReport) -> None:
    come_back(world, taken)
    client, loan_id = taken.visitor.client, taken.signed.loan_id
    person.loan_state = client.loan(loan_id=loan_id).stage
    person.outcome = "settled" if person.loan_state == "settled" else "active"
    if person.outcome == "settled":
        tell.certificate(person.name, certify(taken))
    tell.ledger(person.name, client.ledger(loan_id=loan_id), loan_id)
