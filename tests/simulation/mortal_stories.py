"""What the house is doing when it dies. Every story can be told again from its beginning, and goes on where it was.

payout   contracts are signed, paid out and partly repaid by hand
close    four days are closed from a due date on: bills, deductions, one card that is empty, accrual, checkpoints
many     one day is closed on which more loans fall due in one cell than one chunk takes
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from mingqu.demo.journey import Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.demo.story import fund_lenders
from mingqu.demo.world import Newcomer
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.loan import Stage as LoanStage
from mingqu.domain.moment import start_of
from mingqu.domain.one_time_code import CodeTooSoon
from mingqu.domain.personal import Personal
from mingqu.services.close.close_day import Stopped, bring_up_today, close_through
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.disclose_cost import OfferStale, confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.repayment.repay import ChannelUnavailable, NothingDue, open_page, repay_by_hand
from mingqu.store.server.database import DatabaseUnavailable
from tests.simulation.mortal_house import CHUNK_LOANS, Stage

OPENED_ON: Final = date(2026, 8, 15)
STARTS_AT: Final = start_of(OPENED_ON) + timedelta(hours=10)
_DUE_ON: Final = date(2026, 9, 15)
DAYS: Final = tuple(_DUE_ON + timedelta(days=offset) for offset in range(4))
_MORNING: Final = timedelta(hours=9, minutes=5)
_READING: Final = timedelta(seconds=12)
_PAYOUTS_AT: Final = STARTS_AT + timedelta(hours=2)
_BALANCE_FEN: Final = 9_000_000
# All of them with the record of one who is approved.
PEOPLE: Final[tuple[Newcomer, ...]] = tuple(
    replace(one, features=ZHOU.features, monthly_income_fen=ZHOU.monthly_income_fen) for one in (XIA, CHUAN, ZHOU)
)
_RICH: Final = replace(ZHOU, monthly_income_fen=3_000_000)
_WANTED: Final = ((150_000, 3, "equal_principal"), (200_000, 6, "equal_instalment"))
_ROUNDS: Final = 8  # of a worker in a life that may end with its orders open
_SMALL: Final = (50_000, 3, "equal_principal")
MANY: Final = CHUNK_LOANS + 5
CONTRACTS: Final = len(PEOPLE) * len(_WANTED)


def borrow(stage: Stage) -> None:
    """Sign every contract that was prepared, let the payouts go out, repay some of the loans by hand."""
    plan = stage.plan()
    signed = [
        _sign(stage, wanted, key=f"sign {place}", payout_at=_PAYOUTS_AT) for place, wanted in enumerate(plan["offers"])
    ]
    stage.clock.advance_to(_PAYOUTS_AT)
    _let_work(stage, step=timedelta(seconds=40))
    for place, (wanted, one) in enumerate(zip(plan["offers"], signed, strict=True)):
        _repay(stage, wanted, one, key=f"repay {place}", intent=Intent.PAYOFF if place % 3 == 0 else Intent.PREPAY)
    _let_work(stage, step=timedelta(seconds=400))


def close_days(stage: Stage) -> None:
    """Live through the days from the due date on, from each day's morning to its close."""
    for day in DAYS:
        if stage.clock.business_date() <= day:
            stage.patiently(lambda: _all_went_on(bring_up_today(stage.house).stopped))
            stage.clock.advance_to(start_of(day) + _MORNING)
            stage.work(rounds=_ROUNDS, step=timedelta(seconds=40))
            stage.clock.advance_to_date(day + timedelta(days=1))
        stage.patiently(lambda day=day: _all_went_on(close_through(stage.house, to=day).stopped))
        stage.patiently(lambda: publish_evidence(stage.house))
    if stage.life.quiet:
        stage.work_to_the_end()


def close_many(stage: Stage) -> None:
    """Close the one day on which the many loans fall due."""
    stage.clock.advance_to_date(_DUE_ON + timedelta(days=1))
    stage.patiently(lambda: _all_went_on(close_through(stage.house, to=_DUE_ON).stopped))


def _all_went_on(stopped: tuple[Stopped, ...]) -> None:
    """See that no cell stopped for another reason than that the database went away, which is tried again."""
    assert {one.code for one in stopped} <= {DatabaseUnavailable.code}, stopped
    if stopped:
        raise DatabaseUnavailable("A cell stopped: the database went away.")


STORIES: Final[dict[str, Callable[[Stage], None]]] = {"payout": borrow, "close": close_days, "many": close_many}


def prepare_offers(stage: Stage) -> None:
    """Lead everybody up to the moment before signing, and write down what is wanted."""
    fund_lenders(stage.world)
    offers = []
    for newcomer in PEOPLE:
        known = introduce(stage.world, newcomer, balance_fen=_BALANCE_FEN)
        be_assessed(stage.world, known, amount_fen=600_000)
        offers += [_read_offer(stage, known, *wanted) for wanted in _WANTED]
    _write_plan(stage, {"offers": offers})


def prepare_due(stage: Stage) -> None:
    """Let everybody borrow twice, agree to deductions, and come to the first due date."""
    fund_lenders(stage.world)
    for newcomer in PEOPLE:
        known = introduce(stage.world, newcomer, balance_fen=_BALANCE_FEN)
        be_assessed(stage.world, known, amount_fen=600_000)
        for amount_fen, instalments, method in _WANTED:
            take_loan(stage.world, known, amount_fen=amount_fen, instalments=instalments, method=method)
            work_until_idle(stage.world)
    stage.world.deposit(PEOPLE[0], -stage.world.balance_fen(PEOPLE[0]))
    _come_to(stage, DAYS[0])


def prepare_many(stage: Stage) -> None:
    """Let one person take more loans than one chunk of a close takes, all due on one day, and agree to deductions."""
    fund_lenders(stage.world)
    known = introduce(stage.world, _RICH, balance_fen=_BALANCE_FEN)
    be_assessed(stage.world, known, amount_fen=600_000)
    take_loan(stage.world, known, amount_fen=_SMALL[0], instalments=_SMALL[1], method=_SMALL[2])
    # A phone is sent few codes a day: here it is the loans that matter, not who signs them.
    with patch("mingqu.services.contracts.sign_contract.try_signing_code", return_value=None):
        for place in range(1, MANY):
            wanted = _read_offer(stage, known, *_SMALL)
            _sign(stage, wanted, key=f"sign {place}", payout_at=stage.clock.now(), code=Personal("000000"))
    work_until_idle(stage.world)
    _come_to(stage, _DUE_ON)


def _read_offer(stage: Stage, known: Known, amount_fen: int, instalments: int, method: str) -> dict[str, str]:
    """Choose an offer, read its cost table and name its lender in a consent; all that is missing is the signature."""
    house, person_id = stage.house, known.person_id
    chosen = make_offers(house, person_id=person_id, amount_fen=amount_fen, instalments=instalments, method=method)[0]
    table = show_cost_table(house, person_id=person_id, offer_id=chosen.offer.offer_id)
    stage.clock.advance(_READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=table.disclosure_id)
    give_consent(
        house,
        person_id=person_id,
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=chosen.lender_name_zh,
        key=f"pass to {chosen.lender_name_zh}",
    )
    return {
        "alias": known.newcomer.alias,
        "person_id": person_id.hex,
        "instrument_id": known.instrument_id.hex,
        "offer_id": chosen.offer.offer_id.hex,
    }


def _come_to(stage: Stage, day: date) -> None:
    stage.clock.advance_to_date(day)
    close_through(stage.house, to=day - timedelta(days=1))
    publish_evidence(stage.house)
    _write_plan(stage, {})


def _write_plan(stage: Stage, plan: dict[str, Any]) -> None:
    (stage.life.place / "plan.json").write_text(json.dumps(plan))


def _code(stage: Stage, wanted: dict[str, str]) -> Personal[str]:
    """Return a code that signs an offer; one that was signed in an earlier life is only asked for again, with any."""
    person_id, offer_id = UUID(wanted["person_id"]), UUID(wanted["offer_id"])
    phone = next(newcomer.phone for newcomer in PEOPLE if newcomer.alias == wanted["alias"])
    for _ in range(2):
        try:
            stage.patiently(lambda: send_signing_code(stage.house, person_id=person_id, offer_id=offer_id))
        except CodeTooSoon:
            stage.clock.advance(timedelta(minutes=1))
        except OfferStale:
            break
        else:
            return stage.world.read_code(phone)
    return Personal("000000")


def _sign(
    stage: Stage, wanted: dict[str, str], *, key: str, payout_at: datetime, code: Personal[str] | None = None
) -> Signed:
    code = code or _code(stage, wanted)
    answer = stage.command(
        key,
        lambda: sign_contract(
            stage.house,
            person_id=UUID(wanted["person_id"]),
            offer_id=UUID(wanted["offer_id"]),
            instrument_id=UUID(wanted["instrument_id"]),
            payout_at=payout_at,
            code=code,
            key=key,
        ),
    )
    assert isinstance(answer, Signed)
    return answer


def _repay(stage: Stage, wanted: dict[str, str], signed: Signed, *, key: str, intent: Intent) -> None:
    """Repay a loan that was paid out, on the bank's page; whoever finds the bank silent comes back in a later life."""
    house, person_id = stage.house, UUID(wanted["person_id"])
    loan = stage.patiently(lambda: loan_state(house, person_id=person_id, loan_id=signed.loan_id))
    if loan.stage is not LoanStage.ACTIVE and key not in stage.answers:
        return
    page = stage.command(
        key,
        lambda: repay_by_hand(
            house,
            person_id=person_id,
            loan_id=signed.loan_id,
            intent=intent,
            amount_fen=None if intent is Intent.PAYOFF else 30_000,
            key=key,
        ),
    )
    try:
        stage.patiently(lambda: open_page(house, person_id=person_id, order_id=page.order_id))
    except (ChannelUnavailable, NothingDue):
        return  # the second: it ended, paid or not, before this life
    payer = next(newcomer for newcomer in PEOPLE if newcomer.alias == wanted["alias"])
    stage.bank.pay_by_hand(order_number=page.order_id.hex, card_number=payer.card_number)


def _let_work(stage: Stage, *, step: timedelta) -> None:
    if stage.life.quiet:
        stage.work_to_the_end()
    else:
        stage.work(rounds=_ROUNDS, step=step)
