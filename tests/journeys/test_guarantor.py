"""A guarantor pays for a loan on its day, has what is collected from then on, and is settled with by its statement."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Borrowed, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.decision import parse_pack
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent, Stage
from mingqu.domain.order import OrderKind
from mingqu.domain.proposal import Deed
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.close.close_day import close_through
from mingqu.services.house import House
from mingqu.services.limits.check_drawing import DrawingFrozen
from mingqu.services.limits.stand_in_band import band_view
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.partners.compensate_loans import compensate_loans
from mingqu.services.partners.settle_partner import (
    StatementDiffers,
    StatementMalformed,
    settle_partner,
    state_partner,
    statement_of,
)
from mingqu.services.proposals.propose import approve, propose
from mingqu.store import proof
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from tests.journeys.pages import Phone
from tests.journeys.reading import (
    Books,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    cell_of,
    house_fen,
    live_until,
    orders_of,
    rows_of,
)
from tests.journeys.test_life_events import record, say
from tests.journeys.test_working_out import possible
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld, the_pack

GUARANTOR = "hengwen"
BEGINS_ON, COMPENSATED_ON, PAID_ON = date(2026, 12, 1), date(2027, 1, 4), date(2027, 1, 5)


@pytest.fixture
def guaranteed(world: OpenWorld) -> OpenWorld:
    """The world in December, when a bank's guaranteed loan is offered, with a guarantor who pays on the third day."""
    pack = the_pack()
    (known,) = (one for one in pack.documents if (one.kind, one.file) == ("partner", "partners/hengwen-2.toml"))
    sooner = replace(known, body={**known.body, "version": 3, "compensates_after_days": 3})
    # As it was sold before its guarantor paid bill by bill: for the whole loan, or for nothing.
    (sold,) = (one for one in pack.documents if one.file == "products/yunling-instalment.toml")
    whole = replace(sold, body={**sold.body, "version": 3})
    with world.house.database.transaction() as tx:
        policy.publish(tx, pack=parse_pack(documents=(*pack.documents, sooner, whole)), at=world.house.clock.now())
        tx.commit()
    house = replace(world.house, directory=institution.load_directory(policy.policy_folder()))
    opened = OpenWorld(
        house=house, clock=world.clock, bank=world.bank, sms=world.sms, identity=world.identity, bureau=world.bureau
    )
    opened.go_to_date(BEGINS_ON)
    close_through(house, to=date(2026, 11, 30))
    return opened


def test_a_guarantor_pays_once_has_the_claim_and_is_settled_with(guaranteed: OpenWorld) -> None:
    world, house = guaranteed, guaranteed.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    assert borrowed.offered.product.id == "yunling-instalment"
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, date(2027, 1, 3))
    assert compensate_loans(house) == 0  # two days late
    record(house, say(house, known.person_id, "dead", kind="deceased"))
    assert possible(world, loan_id) == set(), "it is no loss of the lender's: the guarantor's day comes"
    record(house, say(house, known.person_id, "alive", kind="alive"))
    live_until(world, COMPENSATED_ON)
    assert compensate_loans(house) == 1
    assert compensate_loans(house) == 0
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    claim_fen = state.guarantor_claim_fen
    assert state.stage is Stage.SETTLED
    owes_the_guarantor_and_draws_nothing(house, known.person_id)
    assert claim_fen > 1_000_000  # principal, a month's interest and fee, and what three days bore
    assert books_of(house, loan_id) == Books()
    assert orders_of(house, loan_id, OrderKind.COLLECTION)[-1].state.value != "RESERVED"
    with pytest.raises(NotSettled):
        issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    assert_coherent(house)

    # What the borrower pays from now on is the guarantor's; without an amount it is all of it.
    live_until(world, PAID_ON)
    world.deposit(XIA, 2_000_000)
    (told,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "loan.creditor_changed"]
    assert {name: value.reveal() for name, value in told.values.items() if name != "check"} == {
        "on": COMPENSATED_ON.isoformat(),
        "amount": f"{claim_fen / 100:,.2f}",
        "creditor": "恒稳融资担保有限公司",
    }
    see_the_page(world, loan_id, claim_fen)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=30_000)
    assert loan_fen(house, loan_id, AccountCode.DUE_TO_GUARANTOR) == 30_000
    assert loan_fen(house, loan_id, AccountCode.GUARANTOR_CLAIM) == claim_fen - 30_000
    assert pay_by_hand(world, known, loan_id=loan_id, intent=Intent.PAYOFF) == claim_fen - 30_000
    assert loan_state(house, person_id=known.person_id, loan_id=loan_id).guarantor_claim_fen == 0
    certified = issue_certificate(house, person_id=known.person_id, loan_id=loan_id)
    assert certified.body["repaid_fen"] == claim_fen, "what the guarantor paid its borrower did not"
    assert_coherent(house)

    live_until(world, date(2027, 1, 6))
    see_days_settled(house, borrowed, claim_fen=claim_fen)
    assert_coherent(house)
    with house.database.transaction() as tx:
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE partner_settled SET fee_fen = fee_fen + 1")
        assert len(proof.partners(tx)) == 4  # neither what was posted nor what moved, on either day


def owes_the_guarantor_and_draws_nothing(house: House, person_id: UUID) -> None:
    """Three days after the due day the lender was paid, by somebody else."""
    with pytest.raises(DrawingFrozen) as frozen:
        make_offers(house, person_id=person_id, amount_fen=100_000, instalments=12, method="equal_instalment")
    band = band_view(house, person_id=person_id)
    assert band is not None
    assert (frozen.value.details["overdue_days"], band.late_days, band.frozen) == (3, 3, True)


def test_what_comes_to_light_or_bounces_later_is_the_guarantors_as_well(guaranteed: OpenWorld) -> None:
    world, house = guaranteed, guaranteed.house
    known = arrive(world)
    borrowed = borrow(world, known)
    loan_id = borrowed.signed.loan_id
    take_loan(world, known, amount_fen=300_000, instalments=6, method="equal_instalment")
    work_until_idle(world)
    world.deposit(XIA, -world.balance_fen(XIA))
    live_until(world, COMPENSATED_ON)
    world.deposit(XIA, 50_000)
    pay_by_hand(world, known, loan_id=loan_id, intent=Intent.DUE, amount_fen=50_000)
    paid_id = orders_of(house, loan_id, OrderKind.COLLECTION)[-1].order_id
    assert compensate_loans(house, page=1) == 2, "the other loan, too, however few are asked for at a time"
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert (state.stage, state.overpayment_fen) == (Stage.SETTLED, 0), "it lies behind what was paid on the day"
    claim_fen = state.guarantor_claim_fen

    # Money of two days before comes to light: so much less was lacking, and the guarantor has it back.
    live_until(world, PAID_ON)
    book_late(house, loan_id, on=date(2027, 1, 2), amount_fen=30_000)
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    back_fen = claim_fen - state.guarantor_claim_fen
    assert (state.stage, state.overpayment_fen) == (Stage.SETTLED, 0)
    assert back_fen == loan_fen(house, loan_id, AccountCode.DUE_TO_GUARANTOR) >= 30_000
    assert_coherent(house)
    live_until(world, date(2027, 1, 6))
    for on, moved in ((COMPENSATED_ON, (0, claim_fen)), (PAID_ON, (back_fen, 0))):
        day = state_partner(house, partner=GUARANTOR, on=on)
        assert [(one.recovered_fen, one.compensated_fen) for one in day.lines if one.loan_id == loan_id] == [moved]
        settle_partner(house, partner=GUARANTOR, on=on, statement=statement_of(day))

    # What had been paid before bounces: the lender lacks it again, and on its day the guarantor pays for it again.
    reverse_repayment(house, loan_id=loan_id, repayment_id=paid_id, key="bounced")
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    lacking_fen = state.principal_outstanding_fen
    assert (state.stage, state.guarantor_claim_fen) == (Stage.ACTIVE, claim_fen)
    assert 50_000 - back_fen <= lacking_fen < 21_000
    assert compensate_loans(house) == 0, "its next bill is not due yet"
    due = next(line.due for line in state.instalments if not line.billed)
    live_until(world, due + timedelta(days=3))
    assert (compensate_loans(house), compensate_loans(house)) == (1, 0)
    state = loan_state(house, person_id=known.person_id, loan_id=loan_id)
    assert state.stage is Stage.SETTLED
    assert state.guarantor_claim_fen > claim_fen + lacking_fen
    assert_coherent(house)
    with house.database.transaction() as tx:
        assert proof.partners(tx) == []
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 9101")
        assert len(proof.partners(tx)) == 2, "of either loan"


def book_late(house: House, loan_id: UUID, *, on: date, amount_fen: int) -> None:
    """Let two people book money that came on a day by no channel."""
    asked = {"amount_fen": amount_fen, "value_date": on.isoformat(), "intent": "due", "source": "CMB 0102/4118"}
    why = "人工核对渠道账单"
    maker, checker = (seat_of(house, "operations", name=name) for name in ("maker", "checker"))
    proposal_id = propose(
        house,
        seat=maker,
        deed=Deed.BOOK_RECEIPT,
        subject_id=loan_id,
        asked=asked,
        reason=why,
        key="late",
    )
    approve(house, seat=checker, proposal_id=proposal_id)


def see_the_page(world: OpenWorld, loan_id: UUID, claim_fen: int) -> None:
    """Assert that the loan's page says who has the claim now, and leads to a payment of all of it."""
    phone = Phone(world)
    phone.sign_in(XIA)
    page = phone.get(f"/loans/{loan_id.hex}")
    amount = f"{claim_fen / 100:,.2f}"
    assert f"您还欠它 {amount} 元，不再计息" in page.text
    assert not any(link.endswith("/certificate") for link in page.links)
    payment = phone.send(page.form(f"/loans/{loan_id.hex}/repay"))
    assert payment.path.startswith("/payments/")
    assert amount in payment.text


def see_days_settled(house: House, borrowed: Borrowed, *, claim_fen: int) -> None:
    """Assert that a day is settled by a statement that agrees, once, and by no other."""
    loan_id, lender_id = borrowed.signed.loan_id, borrowed.offered.product.lender_id

    def cash_fen() -> int:
        cell = cell_of(house, loan_id)
        return house_fen(house, cell=cell, owner=lender_id, code=AccountCode.LENDER_CASH)

    day = state_partner(house, partner=GUARANTOR, on=COMPENSATED_ON)
    (line,) = day.lines
    assert (line.loan_id, line.recovered_fen, line.compensated_fen) == (loan_id, 0, claim_fen)
    assert line.fee_fen == 2_000 + 178  # 0.2 % of 1,000,000 fen for a month, and of what was left for 3 days of 31
    before, had_fen = rows_of(house), cash_fen()
    right = statement_of(day)
    for wrong, refusal in (
        (right.replace(b"," + str(claim_fen).encode(), b"," + str(claim_fen + 1).encode()), StatementDiffers),
        (b"loan_id,fee_fen,recovered_fen,compensated_fen\r\n", StatementDiffers),
        (right + f"{UUID(int=9).hex},1,0,0\r\n".encode(), StatementDiffers),
        (right + right.splitlines()[1], StatementMalformed),
        (right.replace(b",0,", b",0.0,"), StatementMalformed),
        (b"\xff", StatementMalformed),
    ):
        with pytest.raises(refusal):
            settle_partner(house, partner=GUARANTOR, on=COMPENSATED_ON, statement=wrong)
    assert rows_of(house) == before
    assert settle_partner(house, partner=GUARANTOR, on=COMPENSATED_ON, statement=right) == day
    assert settle_partner(house, partner=GUARANTOR, on=COMPENSATED_ON, statement=right).lines == ()
    assert cash_fen() == had_fen + claim_fen - line.fee_fen
    paid = state_partner(house, partner=GUARANTOR, on=PAID_ON)
    assert [(one.fee_fen, one.recovered_fen, one.compensated_fen) for one in paid.lines] == [(0, claim_fen, 0)]
    settle_partner(house, partner=GUARANTOR, on=PAID_ON, statement=statement_of(paid))
    assert cash_fen() == had_fen - line.fee_fen
    assert loan_fen(house, loan_id, AccountCode.DUE_TO_GUARANTOR) == 0


def loan_fen(house: House, loan_id: UUID, code: AccountCode) -> int:
    """Return what a loan's own account holds, on its normal side."""
    return house_fen(house, cell=cell_of(house, loan_id), owner=loan_id, code=code)
