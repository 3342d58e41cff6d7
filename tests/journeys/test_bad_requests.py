"""Whatever people send, a typed refusal with a stable code answers, and no table of the book has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.demo.journey import READING, Borrowed, Known, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.loan import Intent
from mingqu.domain.money import AMOUNT_FEN_MAX, Money, parse_yuan
from mingqu.domain.one_time_code import CodePurpose, CodeWrong
from mingqu.domain.party import read_uscc
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.close.close_day import close_through
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import sign_contract
from mingqu.services.decisions.assess import assess
from mingqu.services.funding.fund_lender import fund_lender
from mingqu.services.loans.issue_certificate import issue_certificate
from mingqu.services.loans.read_loan import loan_ledger, loan_state
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.services.repayment.repay import (
    confirm_agreement,
    open_page,
    quote_repayment,
    repay_by_hand,
    request_agreement,
)
from tests.journeys.fingerprint import fingerprint, refused
from tests.world import OpenWorld

BEYOND_INT64: Final = 2**63
CODES: Final = frozenset({"one_time_code"})  # where a try is counted, also a refused one


@pytest.fixture
def xia(world: OpenWorld) -> Known:
    """A person who proved who they are."""
    return introduce(world, XIA, balance_fen=6_000_000)


@pytest.fixture
def owing(world: OpenWorld, xia: Known) -> Borrowed:
    """The same person, with a loan that is paid out."""
    be_assessed(world, xia, amount_fen=1_000_000)
    borrowed = take_loan(world, xia, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    work_until_idle(world)
    return borrowed


@pytest.mark.parametrize(
    "amount", [0, -1, BEYOND_INT64, -BEYOND_INT64, 10**30, 0.5, 1_000_000.0, "1000000", True, None]
)
def test_an_amount_that_is_none_is_not_decided_on(world: OpenWorld, xia: Known, amount: Any) -> None:
    consents(world, xia)
    for field in ("requested_amount_fen", "monthly_income_fen"):
        if field == "monthly_income_fen" and type(amount) is int and amount == 0:
            continue  # somebody may earn nothing
        asked: dict[str, Any] = {"requested_amount_fen": 1_000_000, "monthly_income_fen": 900_000} | {field: amount}
        with refused(world.house.database, "amount_out_of_range" if amount == 0 else "decision_input_invalid"):
            assess(world.house, person_id=xia.person_id, application_id=world.house.id_for(xia.person_id), **asked)


def consents(world: OpenWorld, known: Known) -> None:
    """Consent to the bureau query and the automated decision."""
    operator = world.house.settings.operator_name
    for purpose, recipient in ((ConsentPurpose.BUREAU_QUERY, operator), (ConsentPurpose.AUTOMATED_DECISION, None)):
        give_consent(
            world.house, person_id=known.person_id, purpose=purpose, recipient=recipient, key=f"consent {purpose.value}"
        )


def test_nobody_is_assessed_unproved_or_unasked(world: OpenWorld, xia: Known) -> None:
    house = world.house
    send_code(house, phone=CHUAN.phone, purpose=CodePurpose.SIGN_IN)
    unproved = sign_in(house, phone=CHUAN.phone, digits=world.read_code(CHUAN.phone))
    for person_id, code in ((unproved, "identity_unverified"), (xia.person_id, "consent_missing")):
        with refused(house.database, code):
            assess(
                house,
                person_id=person_id,
                application_id=house.id_for(person_id),
                requested_amount_fen=1_000_000,
                monthly_income_fen=900_000,
            )


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("terms_not_offered", {"amount_fen": 0}),
        ("terms_not_offered", {"amount_fen": -1_000_000}),
        ("terms_not_offered", {"amount_fen": 100_000.5}),
        ("terms_not_offered", {"amount_fen": True}),
        ("terms_not_offered", {"instalments": 0}),
        ("terms_not_offered", {"instalments": -12}),
        ("terms_not_offered", {"instalments": 7}),
        ("terms_not_offered", {"instalments": 10**9}),
        ("terms_not_offered", {"method": "never"}),
        ("no_limit", {"amount_fen": 100_000_000}),
        ("no_limit", {"amount_fen": AMOUNT_FEN_MAX}),
        ("no_limit", {"amount_fen": BEYOND_INT64}),
    ],
)
def test_terms_that_nobody_offers_are_refused(world: OpenWorld, xia: Known, code: str, change: dict[str, Any]) -> None:
    be_assessed(world, xia, amount_fen=1_000_000)
    asked: dict[str, Any] = {"amount_fen": 1_000_000, "instalments": 12, "method": "equal_instalment"} | change
    with refused(world.house.database, code):
        make_offers(world.house, person_id=xia.person_id, **asked)


@dataclass(slots=True, kw_only=True)
class Signing:
    """A person who was assessed, on the way to a contract."""

    world: OpenWorld
    known: Known
    code: Personal[str]

    def offer(self, amount_fen: int) -> UUID:
        """Ask for offers, take the cheapest, and let its lender have what it needs."""
        house, person_id = self.world.house, self.known.person_id
        made = make_offers(house, person_id=person_id, amount_fen=amount_fen, instalments=12, method="equal_instalment")
        lender = made[0].lender_name_zh
        give_consent(
            house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=lender, key=f"pass {lender}"
        )
        return made[0].offer.offer_id

    def read(self, offer_id: UUID) -> None:
        """Read the cost table for long enough and confirm it."""
        house, person_id = self.world.house, self.known.person_id
        shown = show_cost_table(house, person_id=person_id, offer_id=offer_id)
        self.world.go_to(house.clock.now() + READING)
        confirm_cost_table(house, person_id=person_id, disclosure_id=shown.disclosure_id)

    def ask(self, offer_id: UUID) -> None:
        """Have the code that signs an offer sent, when a minute is over since the last one."""
        self.world.go_to(self.world.house.clock.now() + timedelta(minutes=1))
        send_signing_code(self.world.house, person_id=self.known.person_id, offer_id=offer_id)
        self.code = self.world.read_code(self.known.newcomer.phone)

    def sign(self, offer_id: UUID, *, key: str, wait: timedelta = timedelta(0), card: UUID | None = None) -> None:
        """Sign, for a payout after a while to the person's card or another one."""
        sign_contract(
            self.world.house,
            person_id=self.known.person_id,
            offer_id=offer_id,
            instrument_id=card or self.known.instrument_id,
            payout_at=self.world.house.clock.now() + wait,
            code=self.code,
            key=key,
        )


@pytest.fixture
def signing(world: OpenWorld, xia: Known) -> Signing:
    """Somebody with a limit of 30,000.00."""
    be_assessed(world, xia, amount_fen=1_000_000)
    return Signing(world=world, known=xia, code=Personal("000000"))


def test_a_contract_takes_a_cost_table_that_was_read(signing: Signing) -> None:
    house, offer_id = signing.world.house, signing.offer(2_000_000)
    with refused(house.database, "cost_table_not_read"):
        signing.sign(offer_id, key="unread")
    shown = show_cost_table(house, person_id=signing.known.person_id, offer_id=offer_id)
    with refused(house.database, "cost_table_not_read"):
        confirm_cost_table(house, person_id=signing.known.person_id, disclosure_id=shown.disclosure_id)
    with refused(house.database, "cost_table_not_read"):
        signing.sign(offer_id, key="confirmed too early")
    with refused(house.database, "cost_table_not_read"):
        signing.ask(offer_id)
    signing.read(offer_id)
    signing.ask(offer_id)
    signing.sign(offer_id, key="read")


def test_a_payout_goes_to_an_own_card_within_a_week(signing: Signing) -> None:
    house, offer_id = signing.world.house, signing.offer(2_000_000)
    signing.read(offer_id)
    for wait in (timedelta(seconds=-1), timedelta(days=8), timedelta(days=900_000)):
        with refused(house.database, "payout_time_out_of_range"):
            signing.sign(offer_id, key="when", wait=wait)
    with refused(house.database, "not_found"):
        signing.sign(offer_id, key="which card", card=house.id_for(signing.known.person_id))


def test_a_second_draw_beyond_the_limit_a_key_used_again_and_an_offer_signed_already_are_refused(
    signing: Signing,
) -> None:
    database = signing.world.house.database
    first, second = signing.offer(2_000_000), signing.offer(2_000_000)
    signing.read(first)
    signing.read(second)
    signing.ask(first)
    signing.sign(first, key="sign")
    signing.ask(second)
    with refused(database, "idempotency_key_reused"):
        signing.sign(second, key="sign")
    with refused(database, "offer_stale"):
        signing.sign(first, key="sign once more")
    with refused(database, "limit_exceeded"):
        signing.sign(second, key="a second draw")
    with refused(database, "no_limit"):
        signing.offer(2_000_000)


def test_the_code_that_signs_is_for_one_offer_is_counted_and_is_used_once(signing: Signing) -> None:
    house = signing.world.house
    first, second = signing.offer(100_000), signing.offer(100_000)
    signing.read(first)
    signing.read(second)
    with refused(house.database, "code_missing"):
        signing.sign(first, key="nothing was sent")
    signing.ask(first)
    with refused(house.database, "code_too_soon"):
        send_signing_code(house, person_id=signing.known.person_id, offer_id=second)
    for left in (4, 3):
        with pytest.raises(CodeWrong) as wrong:
            signing.sign(second, key="the code of another offer")
        assert wrong.value.details["tries_left"] == left
    signing.sign(first, key="right")
    with refused(house.database, "code_used"):
        signing.sign(second, key="used up")
    signing.ask(second)
    signing.world.go_to(house.clock.now() + timedelta(minutes=5))
    with refused(house.database, "code_expired"):
        signing.sign(second, key="too old")
    signing.ask(second)
    right, signing.code = signing.code, Personal("000000")
    for _ in range(5):
        with pytest.raises(CodeWrong):
            signing.sign(second, key="guessing")
    signing.code = right
    with refused(house.database, "code_tries_exhausted"):
        signing.sign(second, key="guessing")


def test_an_offer_stands_for_a_week(signing: Signing) -> None:
    house, offer_id = signing.world.house, signing.offer(100_000)
    signing.read(offer_id)
    signing.world.go_to(house.clock.now() + house.settings.offer_lasts)
    with refused(house.database, "offer_stale"):
        signing.sign(offer_id, key="too late")
    with refused(house.database, "offer_stale"):
        show_cost_table(house, person_id=signing.known.person_id, offer_id=offer_id)


@pytest.mark.parametrize(
    ("code", "amount"),
    [("amount_out_of_range", amount) for amount in (0, -1, AMOUNT_FEN_MAX + 1, BEYOND_INT64, -BEYOND_INT64)]
    + [("amount_malformed", amount) for amount in (0.5, 100.0, "100", True)],
)
def test_a_repayment_that_is_no_amount_is_refused(world: OpenWorld, owing: Borrowed, code: str, amount: Any) -> None:
    with refused(world.house.database, code):
        repay_by_hand(
            world.house,
            person_id=owing.known.person_id,
            loan_id=owing.signed.loan_id,
            intent=Intent.DUE,
            amount_fen=amount,
            key="repay",
        )


def test_where_nothing_is_due_nothing_is_taken(world: OpenWorld, owing: Borrowed) -> None:
    with refused(world.house.database, "nothing_due"):
        repay_by_hand(
            world.house,
            person_id=owing.known.person_id,
            loan_id=owing.signed.loan_id,
            intent=Intent.DUE,
            key="repay",
        )
    with refused(world.house.database, "not_settled"):
        issue_certificate(world.house, person_id=owing.known.person_id, loan_id=owing.signed.loan_id)


def test_what_belongs_to_somebody_else_is_not_found(world: OpenWorld, owing: Borrowed) -> None:
    house, loan_id = world.house, owing.signed.loan_id
    zhou = introduce(world, ZHOU, balance_fen=9_000_000)
    be_assessed(world, zhou, amount_fen=600_000)
    me, hers = zhou.person_id, owing.known
    consent_id = give_consent(
        house, person_id=hers.person_id, purpose=ConsentPurpose.REAL_NAME_VERIFICATION, key="again"
    )
    agreement_id = request_agreement(
        house, person_id=hers.person_id, instrument_id=hers.instrument_id, key="another agreement"
    )
    own = make_offers(house, person_id=me, amount_fen=600_000, instalments=3, method="equal_principal")[0]
    her_offer = make_offers(
        house, person_id=hers.person_id, amount_fen=100_000, instalments=12, method="equal_instalment"
    )[0].offer.offer_id
    her_table = show_cost_table(house, person_id=hers.person_id, offer_id=her_offer).disclosure_id
    page = repay_by_hand(
        house, person_id=hers.person_id, loan_id=loan_id, intent=Intent.PAYOFF, key="her page"
    ).order_id
    _read_and_name(world, me, own.offer.offer_id, own.lender_name_zh)
    now = house.clock.now()
    attempts: list[Callable[[], object]] = [
        lambda: loan_state(house, person_id=me, loan_id=loan_id),
        lambda: loan_ledger(house, person_id=me, loan_id=loan_id),
        lambda: quote_repayment(house, person_id=me, loan_id=loan_id),
        lambda: repay_by_hand(house, person_id=me, loan_id=loan_id, intent=Intent.PAYOFF, key="hers"),
        lambda: open_page(house, person_id=me, order_id=page),
        lambda: issue_certificate(house, person_id=me, loan_id=loan_id),
        lambda: withdraw_consent(house, person_id=me, consent_id=consent_id),
        lambda: request_agreement(house, person_id=me, instrument_id=hers.instrument_id, key="her card"),
        lambda: confirm_agreement(house, person_id=me, agreement_id=agreement_id, code=Personal("123456")),
        lambda: show_cost_table(house, person_id=me, offer_id=her_offer),
        lambda: confirm_cost_table(house, person_id=me, disclosure_id=her_table),
        lambda: sign_contract(
            house,
            person_id=me,
            offer_id=her_offer,
            instrument_id=zhou.instrument_id,
            payout_at=now,
            code=Personal("123456"),
            key="her offer",
        ),
        lambda: send_signing_code(house, person_id=me, offer_id=her_offer),
        lambda: sign_contract(
            house,
            person_id=me,
            offer_id=own.offer.offer_id,
            instrument_id=hers.instrument_id,
            payout_at=now,
            code=Personal("123456"),
            key="to her card",
        ),
    ]
    for attempt in attempts:
        with refused(house.database, "not_found"):
            attempt()


def _read_and_name(world: OpenWorld, person_id: UUID, offer_id: UUID, lender: str) -> None:
    house = world.house
    shown = show_cost_table(house, person_id=person_id, offer_id=offer_id)
    world.go_to(house.clock.now() + READING)
    confirm_cost_table(house, person_id=person_id, disclosure_id=shown.disclosure_id)
    give_consent(
        house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=lender, key=f"pass {lender}"
    )


def test_a_day_that_is_not_over_is_not_closed_by_the_service_either(world: OpenWorld) -> None:
    today = world.house.clock.business_date()
    for day in (today, today + timedelta(days=1), date.max):
        with refused(world.house.database, "day_not_over"):
            close_through(world.house, to=day)


def test_a_day_before_the_book_was_opened_closes_nothing(world: OpenWorld) -> None:
    before = fingerprint(world.house.database)
    assert close_through(world.house, to=date.min).cell_days == 0
    assert fingerprint(world.house.database) == before


@pytest.mark.parametrize("amount_fen", [0, -1])
def test_a_lender_puts_in_something(world: OpenWorld, amount_fen: int) -> None:
    lender = world.house.pack.lenders[0]
    with refused(world.house.database, "amount_out_of_range"):
        fund_lender(
            world.house,
            lender_id=lender.id,
            amount=Money(amount_fen),
            reference=world.house.identifiers.fresh(0),
        )


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        ("amount_out_of_range", lambda: Money(BEYOND_INT64)),
        ("amount_out_of_range", lambda: Money(-BEYOND_INT64)),
        ("amount_malformed", lambda: Money(0.5)),  # type: ignore[arg-type] # the mistake is the point
        ("amount_malformed", lambda: parse_yuan("1e9")),
        ("amount_malformed", lambda: parse_yuan("-5")),
        ("amount_malformed", lambda: parse_yuan("0.001")),
        ("amount_out_of_range", lambda: parse_yuan("9" * 1_000_000)),
        ("uscc_malformed", lambda: read_uscc("91110000600037341")),
        ("uscc_check_character_wrong", lambda: read_uscc("91110000600037341M")),
    ],
)
def test_values_that_cannot_be_are_refused_where_they_are_made(code: str, attempt: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        attempt()
    assert caught.value.code == code
