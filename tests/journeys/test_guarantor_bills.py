"""A guarantor pays bill by bill: each on its day, the claim is its own, the rest of the loan stays its lender's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, pay_by_hand, take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.decision import parse_pack
from mingqu.domain.ledger import AccountCode
from mingqu.domain.lender_file import FileKind, read_rows
from mingqu.domain.loan import ChargedOff, Intent, LoanState, LoanTerms, Stage, quote, quote_bill
from mingqu.domain.order import OrderKind
from mingqu.services.changes.change_loan import change_loan
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.house import House
from mingqu.services.limits.stand_in_band import band_view
from mingqu.services.loans.issue_certificate import NotSettled, issue_certificate
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.partners.compensate_bills import compensate_bills
from mingqu.services.partners.compensate_loans import compensate_loans
from mingqu.services.partners.settle_partner import settle_partner, state_partner, statement_of
from mingqu.services.partners.write_partner_file import write_claims_file
from mingqu.services.privacy.erase_person import ErasureOwes, Open, ask_to_be_erased, erasure_standing
from mingqu.services.reconciliation.write_lender_files import write_lender_files
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.store import proof
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from mingqu.store.loans import loan
from tests.journeys.pages import Phone
from tests.journeys.reading import (
    arrive,
    assert_coherent,
    borrow,
    cell_of,
    facts_of,
    house_fen,
    live_until,
    orders_of,
)
from tests.world import OpenWorld, the_pack

GUARANTOR = "hengwen"
BEGINS_ON = date(2026, 12, 1)
BILLS = (date(2027, 1, 1), date(2027, 2, 1), date(2027, 3, 1), date(2027, 4, 1))
AFTER_DAYS = 3
PRODUCT = "products/yunling-instalment-2.toml"


def guaranteed_world(world: OpenWorld, *, after_days: int, whole_after_bills: int | None) -> OpenWorld:
    """Return the world in December, when a bank's loan is offered whose guarantor pays bill by bill."""
    pack = the_pack()
    product, partner = (
        next(one for one in pack.documents if one.file == file) for file in (PRODUCT, "partners/hengwen-2.toml")
    )
    (fee,) = product.body["partner_fee"]  # type: ignore[misc]
    agreed = {**fee, "compensates_bill_after_days": after_days, "compensates_whole_after_bills": whole_after_bills}
    if whole_after_bills is None:
        del agreed["compensates_whole_after_bills"]
    said = replace(product, body={**product.body, "version": 3, "partner_fee": [agreed]})
    # For whole loans the same guarantor would pay even sooner: of this product's it does not.
    sooner = replace(partner, body={**partner.body, "version": 3, "compensates_after_days": 1})
    with world.house.database.transaction() as tx:
        policy.publish(tx, pack=parse_pack(documents=(*pack.documents, said, sooner)), at=world.house.clock.now())
        tx.commit()
    house = replace(world.house, directory=institution.load_directory(policy.policy_folder()))
    opened = OpenWorld(
        house=house, clock=world.clock, bank=world.bank, sms=world.sms, identity=world.identity, bureau=world.bureau
    )
    opened.go_to_date(BEGINS_ON)
    close_through(house, to=BEGINS_ON - timedelta(days=1))
    return opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Guaranteed:
    """A borrower of a loan whose guarantor pays bill by bill, and has no money."""

    world: OpenWorld
    known: Known
    loan_id: UUID

    @property
    def house(self) -> House:
        """Where the loan is kept."""
        return self.world.house

    def state(self) -> LoanState:
        """Return how the loan stands."""
        return loan_state(self.house, person_id=self.known.person_id, loan_id=self.loan_id)

    def due_fen(self, on: date) -> int:
        """Return what is due to the lender on a day."""
        return quote(terms=terms_of(self.house, self.loan_id), state=self.state(), on=on).due_fen

    def pay(self, intent: Intent, amount_fen: int | None = None) -> int:
        """Pay by hand, with nothing left on the card after it, and return how much."""
        self.world.deposit(XIA, 3_000_000)
        paid_fen = pay_by_hand(self.world, self.known, loan_id=self.loan_id, intent=intent, amount_fen=amount_fen)
        self.world.deposit(XIA, -self.world.balance_fen(XIA))
        return paid_fen

    def fen(self, code: AccountCode) -> int:
        """Return what an account of the loan holds, on its normal side."""
        return house_fen(self.house, cell=cell_of(self.house, self.loan_id), owner=self.loan_id, code=code)


def borrowed_in(world: OpenWorld, *, after_days: int = AFTER_DAYS, whole_after_bills: int | None = None) -> Guaranteed:
    """Return a loan of the world's product."""
    opened = guaranteed_world(world, after_days=after_days, whole_after_bills=whole_after_bills)
    known = arrive(opened)
    loan_id = borrow(opened, known).signed.loan_id
    opened.deposit(XIA, -opened.balance_fen(XIA))
    return Guaranteed(world=opened, known=known, loan_id=loan_id)


def test_bills_are_paid_one_by_one_and_each_fen_has_one_creditor(world: OpenWorld) -> None:
    it = borrowed_in(world)
    first_fen = the_first_bill_is_paid_on_its_day(it)
    left_fen = what_the_borrower_pays_is_the_guarantors(it, first_fen)
    both_fen = one_payment_serves_the_lender_and_then_both_claims(it, left_fen)
    a_payment_that_bounces_is_owed_to_each_again(it, both_fen)
    lost_to_its_lender_it_is_not_lost_to_the_guarantor(it)
    see_proofs_find(it.house)


def the_first_bill_is_paid_on_its_day(it: Guaranteed) -> int:
    """It is paid whole, once; with its lender the loan is in order, and nothing else of it has changed."""
    house, paid_on = it.house, BILLS[0] + timedelta(days=AFTER_DAYS)
    live_until(it.world, paid_on - timedelta(days=1))
    assert (compensate_loans(house), compensate_bills(house)) == (0, 0)
    live_until(it.world, paid_on)
    before = it.state()
    owed_fen = quote_bill(terms=terms_of(house, it.loan_id), state=before, on=paid_on, bill=BILLS[0]).total_fen
    assert (compensate_loans(house), compensate_bills(house)) == (0, 1)
    assert (compensate_loans(house), compensate_bills(house)) == (0, 0)
    state = it.state()
    assert (state.stage, state.payable.total_fen, state.overdue_days(paid_on)) == (Stage.ACTIVE, 0, 0)
    assert state.instalments[1:] == before.instalments[1:]
    assert [(one.due, one.left_fen) for one in state.bill_claims] == [(BILLS[0], owed_fen)]
    assert it.fen(AccountCode.GUARANTOR_CLAIM) == owed_fen
    (leaf,) = [one for one in facts_of(house, it.known.person_id, "amendment") if one["detail"]]
    assert leaf["detail"] == {"receipt": "compensation", "bill": BILLS[0].isoformat()}
    band = band_view(house, person_id=it.known.person_id)
    assert band is not None
    assert (band.late_days, band.frozen) == (AFTER_DAYS, True), "whoever owes the guarantor draws nothing"
    assert_coherent(house)
    return owed_fen


def what_the_borrower_pays_is_the_guarantors(it: Guaranteed, owed_fen: int) -> int:
    """Nothing is due to the lender, so all of it is; the day is told, filed and settled."""
    paid_on = BILLS[0] + timedelta(days=AFTER_DAYS)
    live_until(it.world, paid_on + timedelta(days=1))
    see_what_was_told(it.world, owed_fen)
    see_the_pages(it.world, it.loan_id, owed_fen)
    it.pay(Intent.DUE, 30_000)
    assert it.fen(AccountCode.DUE_TO_GUARANTOR) == 30_000
    assert (it.state().guarantor_claim_fen, it.state().overpayment_fen) == (owed_fen - 30_000, 0)
    see_files(it.house, it.loan_id, on=paid_on, owed_fen=owed_fen)
    see_settled(it.house, paid_on, recovered_fen=0, compensated_fen=owed_fen)
    (line,) = write_claims_file(it.house, guarantor=GUARANTOR, on=paid_on).content.decode().splitlines()[1:]
    assert line == f"{it.loan_id.hex},yunling,yunling-instalment,CNY,{owed_fen},0,{owed_fen}"
    return owed_fen - 30_000


def one_payment_serves_the_lender_and_then_both_claims(it: Guaranteed, left_fen: int) -> int:
    """The second bill is paid as well; when the third is due, what is asked for is all that puts the loan in order."""
    live_until(it.world, BILLS[1] + timedelta(days=AFTER_DAYS))
    assert compensate_bills(it.house) == 1
    both_fen = left_fen + it.state().bill_claims[1].paid_fen
    assert it.state().guarantor_claim_fen == both_fen
    assert_coherent(it.house)
    on = BILLS[2] + timedelta(days=1)
    live_until(it.world, on)
    due_fen = it.due_fen(on)
    assert it.pay(Intent.DUE) == due_fen + both_fen > both_fen
    assert (it.state().guarantor_claim_fen, it.state().payable.total_fen) == (0, 0)
    assert [one.back_on for one in it.state().bill_claims] == [on] * 2
    assert_coherent(it.house)
    return both_fen


def a_payment_that_bounces_is_owed_to_each_again(it: Guaranteed, both_fen: int) -> None:
    """The lender is owed its bill, the guarantor its two; that bill's day comes, too."""
    order_id = orders_of(it.house, it.loan_id, OrderKind.COLLECTION)[-1].order_id
    reverse_repayment(it.house, loan_id=it.loan_id, repayment_id=order_id, key="bounced")
    assert it.state().guarantor_claim_fen == both_fen
    assert it.state().payable.total_fen > 0
    assert_coherent(it.house)
    live_until(it.world, BILLS[2] + timedelta(days=AFTER_DAYS))
    assert compensate_bills(it.house) == 1
    see_settled(it.house, BILLS[2] + timedelta(days=1), recovered_fen=0, compensated_fen=0)
    made = write_claims_file(it.house, guarantor=GUARANTOR, on=BILLS[2] + timedelta(days=1))
    assert (made.rows, made.sum_fen) == (1, both_fen), "as the day ended, and not as it stands now"


def lost_to_its_lender_it_is_not_lost_to_the_guarantor(it: Guaranteed) -> None:
    """No bill of a loan that is lost is paid by the guarantor; a recovery serves the lender, then the guarantor."""
    event = ChargedOff(event_id=it.house.id_for(it.known.person_id), value_date=it.house.clock.business_date())
    change_loan(it.house, loan_id=it.loan_id, event=event, key="lost")
    live_until(it.world, BILLS[3] + timedelta(days=AFTER_DAYS))
    assert compensate_bills(it.house) == 0
    claim_fen, lenders_fen = it.state().guarantor_claim_fen, it.state().principal_outstanding_fen
    assert it.pay(Intent.PAYOFF) >= claim_fen + lenders_fen > claim_fen > 0
    assert (it.state().stage, it.state().guarantor_claim_fen, it.state().overpayment_fen) == (Stage.SETTLED, 0, 0)
    assert_coherent(it.house)


def terms_of(house: House, loan_id: UUID) -> LoanTerms:
    with house.database.transaction() as tx:
        return loan.terms_of(tx, cell=tx.cell_of(loan_id), loan_id=loan_id)


def see_what_was_told(world: OpenWorld, owed_fen: int) -> None:
    """Assert that the borrower was told whose their one bill is now, and how much of it."""
    (told,) = [one for one in world.sms.inbox(phone=XIA.phone) if one.template == "loan.bill_creditor_changed"]
    assert {name: value.reveal() for name, value in told.values.items() if name != "check"} == {
        "on": (BILLS[0] + timedelta(days=AFTER_DAYS)).isoformat(),
        "amount": f"{owed_fen / 100:,.2f}",
        "creditor": "恒稳融资担保有限公司",
        "bill": BILLS[0].isoformat(),
    }


def see_the_pages(world: OpenWorld, loan_id: UUID, owed_fen: int) -> None:
    """Assert that the pages say whose the bill is, and ask for it although nothing is due to the lender."""
    phone, amount = Phone(world), f"{owed_fen / 100:,.2f}"
    phone.sign_in(XIA)
    assert f"您还欠它 {amount} 元" in phone.get(f"/loans/{loan_id.hex}").text
    page = phone.get(f"/loans/{loan_id.hex}/repay")
    assert f"欠担保机构 {amount[:-3]} {amount[-3:]}" in page.text
    assert "先还到期的" in page.text


def see_files(house: House, loan_id: UUID, *, on: date, owed_fen: int) -> None:
    """Assert that the lender's files say who paid the bill, and that the loan is in order with it."""
    files = {one.flag.kind: one.content for one in write_lender_files(house, lender="yunling", on=on)}
    (paid,) = read_rows(files[FileKind.REPAYMENTS], kind=FileKind.REPAYMENTS)
    assert (paid["receipt"], paid["due"], paid["type"]) == ("compensation", BILLS[0].isoformat(), "overdue")
    assert int(paid["total_fen"]) == owed_fen
    (stands,) = read_rows(files[FileKind.BALANCES], kind=FileKind.BALANCES)
    assert (stands["loan_id"], stands["overdue_days"], stands["class"]) == (loan_id.hex, "0", "normal")


def see_settled(house: House, on: date, *, recovered_fen: int, compensated_fen: int) -> None:
    """Assert what moved for the guarantor on a day, beside its fees, and settle it by its statement, once."""
    day = state_partner(house, partner=GUARANTOR, on=on)
    assert sum(one.recovered_fen for one in day.lines) == recovered_fen
    assert sum(one.compensated_fen for one in day.lines) == compensated_fen
    settle_partner(house, partner=GUARANTOR, on=on, statement=statement_of(day))
    assert state_partner(house, partner=GUARANTOR, on=on).lines == ()


def see_proofs_find(house: House) -> None:
    """Assert that the proof finds a bill whose loan does not say so, and a fen that is nobody's."""
    for spoiled in (
        "UPDATE guarantor_bill SET due = due - 1, overdue_days = overdue_days + 1 WHERE due = '2027-01-01'",
        "DELETE FROM guarantor_bill WHERE due = '2027-02-01'",
        "UPDATE account SET debits_posted_fen = debits_posted_fen + 1 WHERE code = 9101",
    ):
        with house.database.transaction() as tx:
            assert proof.partners(tx) == []
            tx.execute("SET LOCAL session_replication_role = replica")
            tx.execute(spoiled)  # type: ignore[arg-type]
            assert proof.partners(tx)


def test_behind_as_many_bills_as_agreed_the_guarantor_pays_all_of_the_loan(world: OpenWorld) -> None:
    it = borrowed_in(world, whole_after_bills=1)
    house, person_id = it.house, it.known.person_id
    live_until(it.world, BILLS[0] + timedelta(days=AFTER_DAYS))
    assert compensate_bills(house) == 1
    first_fen = it.state().guarantor_claim_fen
    live_until(it.world, BILLS[1] + timedelta(days=AFTER_DAYS))
    assert compensate_bills(house) == 1
    assert compensate_bills(house) == 0
    all_fen = it.state().guarantor_claim_fen
    assert it.state().stage is Stage.SETTLED
    assert all_fen > first_fen + 700_000
    assert sum(one.left_fen for one in it.state().bill_claims) == first_fen
    with pytest.raises(NotSettled):
        issue_certificate(house, person_id=person_id, loan_id=it.loan_id)
    assert erasure_standing(house, person_id=person_id).open is Open.DEBT
    with pytest.raises(ErasureOwes):  # it would be nobody's, and the guarantor has paid for it
        ask_to_be_erased(house, person_id=person_id, key="forget")
    assert_coherent(house)
    assert it.pay(Intent.PAYOFF) == all_fen
    assert erasure_standing(house, person_id=person_id).open is not Open.DEBT
    assert (it.state().guarantor_claim_fen, it.state().overpayment_fen) == (0, 0)
    assert [one.left_fen for one in it.state().bill_claims] == [0]
    issue_certificate(house, person_id=person_id, loan_id=it.loan_id)
    assert_coherent(house)


def test_bills_whose_days_have_come_are_paid_at_once_and_no_other_and_none_while_money_moves(world: OpenWorld) -> None:
    it = borrowed_in(world, after_days=40)
    take_loan(it.world, it.known, amount_fen=300_000, instalments=6, method="equal_instalment")
    work_until_idle(it.world)
    it.world.deposit(XIA, -it.world.balance_fen(XIA))
    on = BILLS[2] + timedelta(days=14)
    it.world.go_to_date(on)  # nobody has closed a day since
    close_through(it.house, to=on - timedelta(days=1))
    bring_up_today(it.house)
    page = repay_by_hand(
        it.house, person_id=it.known.person_id, loan_id=it.loan_id, intent=Intent.DUE, amount_fen=100, key="begun"
    )
    open_page(it.house, person_id=it.known.person_id, order_id=page.order_id)
    assert compensate_bills(it.house, page=1) == 2, "of the other loan, behind the one that waits"
    it.world.deposit(XIA, 100)
    it.world.pay_page(it.known.newcomer, page.order_id)
    it.world.go_to(it.house.clock.now() + timedelta(minutes=1))
    work_until_idle(it.world)
    assert compensate_bills(it.house) == 2
    assert [claim.due for claim in it.state().bill_claims] == [*BILLS[:2]]
    assert it.state().overdue_days(on) == 14, "the third bill's day has not come"
    assert_coherent(it.house)
