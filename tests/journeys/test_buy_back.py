"""A funder's part of a joint loan is bought back: two people, one day, and each fen has one creditor ever after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.demo.journey import Known, pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.funding import LimitKind
from mingqu.domain.ledger import AccountCode
from mingqu.domain.loan import Intent, quote
from mingqu.domain.order import OrderKind
from mingqu.services.changes.reverse_repayment import reverse_repayment
from mingqu.services.changes.work_out_loan import ClaimOfGuarantor, WorkOut
from mingqu.services.funding.keep_headroom import set_headroom
from mingqu.services.funding.state_to_funder import state_to_funder
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import follow_funding, limits_on
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.pools.read_funds import read_funds
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.store import proof
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from mingqu.store.loans import loan
from tests.console import Visitor, employ, signed_in, visitor
from tests.funding import JOINT_FEN, with_funding
from tests.journeys.pages import Phone
from tests.journeys.reading import (
    Books,
    arrive,
    assert_coherent,
    books_of,
    borrow,
    facts_of,
    live_until,
    orders_of,
    rows_of,
    touched,
)
from tests.journeys.test_fund_centre import another, owned, used
from tests.journeys.test_life_events import record, say
from tests.journeys.test_working_out import done, possible, proposed
from tests.world import OpenWorld

FIRST = date(2026, 8, 1)
BILLED_ON, PAID_ON, BOUGHT_ON = date(2026, 9, 15), date(2026, 9, 20), date(2026, 10, 20)
LATE_DAYS = (BOUGHT_ON - BILLED_ON).days
LINE, CONCENTRATION = "line chengchuan-instalment/joint-qinghe", "concentration qinghe/chengchuan"
WHY = "回购协议约定的事由，已核对"
JUDGMENT = "（2026）沪0115刑初1234号"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A joint loan of somebody without money, and two people who come to their desks when they are needed."""

    world: OpenWorld
    known: Known
    loan_id: UUID

    @property
    def house(self) -> House:
        """Where the loan is kept."""
        return self.world.house

    @property
    def maker(self) -> Visitor:
        """Who proposes."""
        return at_desk(self.house, "maker")

    @property
    def checker(self) -> Visitor:
        """Who looks at what the other proposed."""
        return at_desk(self.house, "checker")

    @property
    def place(self) -> str:
        """The console's page of buying back."""
        return f"/console/loans/{self.loan_id.hex}/buy-back"

    def propose(self, cause: str, *, key: str, document: str = "", maker: Visitor | None = None) -> tuple[int, str]:
        """Propose over the console; return the status, and where the proposal is or what was refused."""
        made = (maker or self.maker).post(
            self.place, seen_on="/console/funds", cause=cause, document=document, reason=WHY, key=key
        )
        return made.status_code, made.headers.get("location", "") or made.text

    def refused(self, cause: str, code: str, *, key: str, document: str = "") -> None:
        """Assert that a proposal is refused with a code, and nothing but the noted look is left of it."""
        maker = self.maker
        before = rows_of(self.house)
        status, said = self.propose(cause, key=key, document=document, maker=maker)
        assert (status, code in said) == (409, True), said[-2000:]
        assert touched(self.house, before=before) == {"access_log"}

    def pay(self, amount_fen: int | None, intent: Intent = Intent.DUE) -> int:
        """Pay by hand, with nothing left on the card after it, and return how much."""
        self.world.deposit(XIA, 3_000_000)
        paid_fen = pay_by_hand(self.world, self.known, loan_id=self.loan_id, intent=intent, amount_fen=amount_fen)
        self.world.deposit(XIA, -self.world.balance_fen(XIA))
        return paid_fen

    def stands(self) -> tuple[Books, object]:
        """Return the loan's own accounts, and what its borrower owes today part by part."""
        state = loan_state(self.house, person_id=self.known.person_id, loan_id=self.loan_id)
        with self.house.database.transaction() as tx:
            terms = loan.terms_of(tx, cell=tx.cell_of(self.loan_id), loan_id=self.loan_id)
        return books_of(self.house, self.loan_id), quote(terms=terms, state=state, on=self.house.clock.business_date())

    def stated(self, funder: str) -> dict[str, int]:
        """Return what a funder's statement up to today comes to, without what is nothing."""
        on = self.house.clock.business_date()
        sums = state_to_funder(self.house, funder=funder, first=FIRST, last=on).sums
        return {name.removesuffix("_fen"): fen for name, fen in sums.items() if fen}


def test_a_part_is_bought_back_and_every_fen_from_that_day_on_is_the_buyers(world: OpenWorld) -> None:
    it = late_joint_loan(world)
    what_may_not_be_bought_is_refused(it)
    had = it.stated("qinghe")
    price = two_people_buy_it_back(it)
    the_loan_is_told_and_shown_as_the_buyers(it, price)
    its_lender_cannot_give_up_what_a_guarantor_bought(it)
    what_comes_later_is_the_buyers(it, had, price)
    the_proof_finds_what_is_not_so(it.house)
    the_originator_buys_what_was_forged_if_it_has_room(it)


def late_joint_loan(world: OpenWorld) -> Joint:
    """A joint loan of 30 % and 70 %; of its first bill a part was paid, late, and nothing since."""
    funded = with_funding(world)
    house = replace(funded.house, directory=institution.load_directory(policy.policy_folder()))
    funded = OpenWorld(
        house=house, clock=world.clock, bank=world.bank, sms=world.sms, identity=world.identity, bureau=world.bureau
    )
    known = arrive(funded)
    joint = borrow(funded, known, amount_fen=JOINT_FEN)
    funded.deposit(XIA, -funded.balance_fen(XIA))
    for name in ("maker", "checker"):
        employ(house, "operations", name=name)
    it = Joint(world=funded, known=known, loan_id=joint.signed.loan_id)
    live_until(funded, PAID_ON)
    it.pay(20_000)
    return it


def what_may_not_be_bought_is_refused(it: Joint) -> None:
    """Not on a day of which something is booked, not while money moves, not too soon, and not without a document."""
    it.refused("fraud", "buy_back_money_on_its_way", key="same day", document=JUDGMENT)
    it.refused("overdue", "buy_back_cause_not_proved", key="too soon")
    it.refused("fraud", "buy_back_cause_not_proved", key="no document")
    it.refused("whim", "buy_back_not_agreed", key="whim")
    live_until(it.world, BOUGHT_ON - timedelta(days=1))
    page = repay_by_hand(
        it.house, person_id=it.known.person_id, loan_id=it.loan_id, intent=Intent.DUE, amount_fen=100, key="left"
    )
    open_page(it.house, person_id=it.known.person_id, order_id=page.order_id)
    it.refused("overdue", "buy_back_money_on_its_way", key="under way")
    it.world.go_to(it.house.clock.now() + timedelta(hours=3))
    work_until_idle(it.world)


def two_people_buy_it_back(it: Joint) -> dict[str, int]:
    """At a price of the day: of another day it is proposed anew. Nothing of the loan moves, and its limits do."""
    status, stale = it.propose("overdue", key="yesterday")
    assert status in (302, 303), stale[-3000:]
    assert it.propose("overdue", key="twice")[0] == 409
    live_until(it.world, BOUGHT_ON)
    late = it.checker.post(f"{stale}/approve", seen_on=stale)
    assert (late.status_code, "proposal_stale" in late.text) == (409, True)
    it.checker.post(f"{stale}/decline", seen_on=stale, reason=WHY)
    follow_funding(it.house)
    before, shares, weighs = it.stands(), owned(it.house, it.loan_id, AccountCode.SHARE_PRINCIPAL), limits(it.house)
    had = it.stated("qinghe")
    status, proposal = it.propose("overdue", key="today")
    assert status in (302, 303)
    assert it.maker.post(f"{proposal}/approve", seen_on=proposal).status_code == 403, "its maker is not its checker"
    done = it.checker.post(f"{proposal}/approve", seen_on=proposal)
    assert done.status_code == 303, done.text[-2000:]
    assert it.checker.post(f"{proposal}/approve", seen_on=proposal).status_code == 303, "approved again it is done"
    assert it.stands() == before, "the loan and what is owed of it are as they were, to the fen"
    assert owned(it.house, it.loan_id, AccountCode.SHARE_PRINCIPAL) == shares
    (leaf,) = facts_of(it.house, it.known.person_id, "buy_back")
    price = {name: leaf[f"{name}_fen"] for name in ("principal", "interest", "penalty", "amount")}
    assert (price["principal"], price["penalty"], leaf["buyer"]) == (shares[1], 0, "hengwen")
    owed = before[1]
    interest_fen = owed.due.interest_fen + owed.early_interest_fen  # type: ignore[attr-defined]
    had_fen = sum(owned(it.house, it.loan_id, AccountCode.SHARE_INTEREST))
    # Worked out from the whole: the partner's part rounded down before and after, the bank's the rest of each.
    assert price["interest"] == interest_fen - ((had_fen + interest_fen) * 3 // 10 - had_fen * 3 // 10) > 0
    assert it.stated("qinghe") == {
        **{name: fen for name, fen in had.items() if name != "closing"},
        "sold": price["principal"],
        "price": price["amount"],
    }
    assert it.stated("hengwen") == {
        "bought": price["principal"],
        "closing": price["principal"],
        "price": -price["amount"],
    }
    # The line and the bank's limits are free of it; the originator's own part weighs as before.
    after = limits(it.house)
    owed_fen = sum(shares)
    assert (weighs[LINE], weighs[CONCENTRATION]) == (owed_fen, owed_fen - owed_fen * 3 // 10)
    assert (after[LINE], after[CONCENTRATION], after["capital qinghe"]) == (0, 0, 0)
    assert after["capital chengchuan"] == weighs["capital chengchuan"] == owed_fen * 3 // 10
    assert follow_funding(it.house) == 0, "the morning after finds nothing to change"
    assert limits(it.house) == after
    assert_coherent(it.house)
    return price


def the_loan_is_told_and_shown_as_the_buyers(it: Joint, price: dict[str, int]) -> None:
    """The borrower is told whose the part is; operators and the fund centre show it; it is not bought twice."""
    it.refused("fraud", "buy_back_claim_elsewhere", key="again", document=JUDGMENT)
    live_until(it.world, BOUGHT_ON + timedelta(days=1))
    (told,) = [one for one in it.world.sms.inbox(phone=XIA.phone) if one.template == "loan.part_bought"]
    assert {name: value.reveal() for name, value in told.values.items() if name != "check"} == {
        "on": BOUGHT_ON.isoformat(),
        "amount": f"{price['principal'] / 100:,.2f}",
        "creditor": "恒稳融资担保有限公司",
        "seller": "清河银行",
    }
    phone = Phone(it.world)
    phone.sign_in(XIA)
    assert "清河银行的债权份额由恒稳融资担保有限公司受让" in phone.get(f"/loans/{it.loan_id.hex}").text
    assert f"{price['amount'] / 100:,.2f}" in it.maker.get(it.place).text
    assert it.place in it.maker.get(f"/console/loans/{it.loan_id.hex}").text
    assert "已回购的份额" in signed_in(it.house, "risk").get("/console/funds").text
    seen = read_funds(it.house)
    (line,) = seen.bought
    assert (line.seller_en, line.loans, line.principal_fen) == ("Qinghe Bank", 1, price["principal"])
    parts = owned(it.house, it.loan_id, AccountCode.SHARE_PRINCIPAL)
    assert [one.principal_fen for one in seen.sources if one.source_id == "joint-qinghe"] == parts[:1]
    assert seen.principal_fen == sum(parts)


def its_lender_cannot_give_up_what_a_guarantor_bought(it: Joint) -> None:
    """Taken for lost the claim stays, the buyer's too; given up it would be gone for both."""
    record(it.house, say(it.house, it.known.person_id, "dead", kind="deceased"))
    done(it.world, it.loan_id, WorkOut.CHARGE_OFF)
    assert possible(it.world, it.loan_id) == {"undo"}
    with pytest.raises(ClaimOfGuarantor):
        proposed(it.world, it.loan_id, WorkOut.GIVE_UP)
    done(it.world, it.loan_id, WorkOut.UNDO)
    record(it.house, say(it.house, it.known.person_id, "alive", kind="alive"))


def what_comes_later_is_the_buyers(it: Joint, had: dict[str, int], price: dict[str, int]) -> None:
    """A payment of before that bounces, and everything that is paid after: the seller's account stands still."""
    sold = it.stated("qinghe")
    order_id = next(
        one.order_id for one in orders_of(it.house, it.loan_id, OrderKind.COLLECTION) if one.amount_fen == 20_000
    )
    reverse_repayment(it.house, loan_id=it.loan_id, repayment_id=order_id, key="bounced")
    assert it.stated("qinghe") == sold
    assert it.stated("hengwen") == {
        "bought": price["principal"],
        "repaid": -had["repaid"],
        "closing": 700_000,
        "interest": -had["interest"],
        "penalty": -had["penalty"],
        "received": -had["received"],
        "price": -price["amount"],
    }
    assert_coherent(it.house)
    paid_fen = it.pay(None, Intent.PAYOFF)
    assert it.stated("qinghe") == sold
    bought = it.stated("hengwen")
    assert "closing" not in bought
    originators = state_to_funder(it.house, funder="chengchuan", first=FIRST, last=it.house.clock.business_date())
    # All that was ever paid and stays paid is somebody's, once: what bounced was taken back from who has the part.
    assert originators.sums["received_fen"] + bought["received"] + sold["received"] == paid_fen
    assert_coherent(it.house)


def the_proof_finds_what_is_not_so(house: House) -> None:
    """A price that nobody agreed, another day, another buyer, one that is not booked."""
    for spoiled in (
        "UPDATE loan_buy_back SET interest_fen = interest_fen + 1",
        "UPDATE loan_buy_back SET principal_fen = principal_fen - 1, interest_fen = interest_fen + 1",
        "UPDATE loan_buy_back SET bought_on = bought_on - 33",
        "UPDATE loan_buy_back SET buyer_code = 'chengchuan'",
        "UPDATE loan_buy_back b SET seller = f.funders[1] FROM loan_funding f WHERE f.loan_id = b.loan_id",
        "UPDATE transfer SET amount_fen = amount_fen + 1 WHERE reason = 106",
        "DELETE FROM loan_buy_back",
    ):
        with house.database.transaction() as tx:
            assert proof.bought_back(tx) == []
            tx.execute("SET LOCAL session_replication_role = replica")
            tx.execute(spoiled)  # type: ignore[arg-type]
            assert proof.bought_back(tx), spoiled


def the_originator_buys_what_was_forged_if_it_has_room(it: Joint) -> None:
    """The line is free for another joint loan; the originator has all of it then, if its own capital bears it."""
    house, world = it.house, it.world
    other = arrive(world, another())
    second = borrow(world, other, amount_fen=JOINT_FEN)
    assert facts_of(house, other.person_id, "funding")[-1]["source"] == "joint-qinghe"
    live_until(world, house.clock.business_date() + timedelta(days=1))
    follow_funding(house)
    forged = replace(it, known=other, loan_id=second.signed.loan_id)
    before, weighs = forged.stands(), limits(house)["capital chengchuan"]
    status, proposal = forged.propose("fraud", key="forged", document=JUDGMENT)
    assert status in (302, 303)
    assert JUDGMENT in forged.checker.get(proposal).text
    capital = next(
        one
        for one in limits_on(house, house.clock.business_date()).values()
        if (one.kind, one.name) == (LimitKind.CAPITAL, "capital chengchuan")
    )
    set_headroom(house, headroom_id=capital.id, name=capital.name, limit_fen=weighs)
    checker = forged.checker
    rows = rows_of(house)
    refused = checker.post(f"{proposal}/approve", seen_on=proposal)
    assert (refused.status_code, "buy_back_buyer_unfit" in refused.text) == (409, True)
    assert touched(house, before=rows) <= {"access_log"}
    set_headroom(house, headroom_id=capital.id, name=capital.name, limit_fen=capital.limit_fen)
    assert forged.checker.post(f"{proposal}/approve", seen_on=proposal).status_code == 303
    assert forged.stands() == before
    after = limits(house)
    assert (after["capital chengchuan"], after["capital qinghe"]) == (weighs + JOINT_FEN * 7 // 10, 0)
    assert follow_funding(house) == 0
    assert forged.stated("chengchuan")["closing"] == JOINT_FEN
    assert_coherent(house)


def at_desk(house: House, name: str) -> Visitor:
    """Return somebody who has just signed in: sessions do not last for the weeks that this takes."""
    came = visitor(house)
    assert came.sign_in(name).status_code == 303
    return came


def limits(house: House) -> dict[str, int]:
    """Return how much of the limits that a joint loan weighs on is used."""
    names = (LINE, CONCENTRATION, "capital qinghe", "capital chengchuan")
    return {name: used(house, name) for name in names}
