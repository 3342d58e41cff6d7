"""Notices: an unasked word settles once, by the path of a question, and a word that does not fit books nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest
from litestar.testing import TestClient

from mingqu.api import make_notices_router
from mingqu.channels.fake.faults import Fault
from mingqu.demo.journey import take_loan, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.loan import Intent
from mingqu.domain.order import Order, OrderKind, OrderState
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed, Paid
from mingqu.ports.notice import Notice, NoticeUnsigned
from mingqu.services.house import House, NoticeSource
from mingqu.services.incoming.take_notice import NoticeOrderUnknown, NoticesNotTaken, take_notice
from mingqu.services.orders.run_errand import run_errand
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.services.run_due_work import run_due_work
from mingqu.store.orders import order
from mingqu.store.server.idempotency import IdempotencyKeyReused
from mingqu.web.site import make_site
from tests.journeys.reading import Books, arrive, assert_coherent, books_of, borrow, orders_of, rows_of, touched
from tests.world import OpenWorld

PAID_FEN = 5_000
ROUNDS = 6


@dataclass
class Told:
    """A reader that believes every body: the channel's own notices, read already. One body is one notice."""

    notices: dict[bytes, Notice]

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Notice:
        if body not in self.notices:
            raise NoticeUnsigned("Nobody signed this.")
        return self.notices[body]


class Post:
    """Brings notices to a house."""

    def __init__(self, house: House) -> None:
        self.told = Told(notices={})
        pages = NoticeSource(reader=self.told, channels=frozenset({"hosted"}))
        bank = NoticeSource(reader=self.told, channels=frozenset({"bank"}))
        self.house = replace(house, notices={"hosted": pages, "bank": bank})

    def bring(
        self, word: Paid | Failed, *, order_id: UUID | str, notice_id: str = "N1", source: str = "hosted"
    ) -> Order:
        number = order_id if isinstance(order_id, str) else order_id.hex
        body = f"{notice_id} {len(self.told.notices)}".encode()
        self.told.notices[body] = Notice(notice_id=notice_id, order_number=number, word=word)
        return take_notice(self.house, source=source, target="/", headers={}, body=body)


@dataclass(frozen=True)
class Paying:
    """A loan on which 50.00 is being paid by hand; the bank has the money, and has not said so."""

    loan_id: UUID
    order_id: UUID
    word: Paid


@pytest.fixture
def post(world: OpenWorld) -> Post:
    return Post(world.house)


@pytest.fixture
def paying(world: OpenWorld) -> Paying:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    return pay(world, known.person_id, loan_id, key="first")


def pay(world: OpenWorld, person_id: UUID, loan_id: UUID, *, key: str) -> Paying:
    page = repay_by_hand(
        world.house, person_id=person_id, loan_id=loan_id, intent=Intent.PAYOFF, amount_fen=PAID_FEN, key=key
    )
    open_page(world.house, person_id=person_id, order_id=page.order_id)
    world.pay_page(XIA, page.order_id)
    said = world.bank.ask(page.order_id.hex)
    assert isinstance(said, Paid)
    return Paying(loan_id=loan_id, order_id=page.order_id, word=said)


def collection(world: OpenWorld, paying: Paying) -> Order:
    (found,) = orders_of(world.house, paying.loan_id, OrderKind.COLLECTION)
    return found


def test_a_notice_settles_at_once_and_neither_it_nor_a_question_settles_again(
    world: OpenWorld, post: Post, paying: Paying
) -> None:
    owed = books_of(world.house, paying.loan_id)
    after = post.bring(paying.word, order_id=paying.order_id)
    assert (after.state, after.paid_at, after.reference) == (OrderState.PAID, paying.word.at, paying.word.reference)
    paid = books_of(world.house, paying.loan_id)
    assert paid == Books(unbilled=owed.unbilled - PAID_FEN)

    assert post.bring(paying.word, order_id=paying.order_id).state is OrderState.PAID
    assert post.bring(paying.word, order_id=paying.order_id, notice_id="N2").state is OrderState.PAID
    world.go_to(world.house.clock.now() + timedelta(hours=2))
    work_until_idle(world)
    assert books_of(world.house, paying.loan_id) == paid
    assert_coherent(world.house)


def test_a_notice_after_the_answer_changes_nothing(world: OpenWorld, post: Post, paying: Paying) -> None:
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    work_until_idle(world)
    paid = books_of(world.house, paying.loan_id)
    assert collection(world, paying).state is OrderState.PAID
    assert post.bring(paying.word, order_id=paying.order_id).conflict_code is None
    assert books_of(world.house, paying.loan_id) == paid
    assert_coherent(world.house)


def test_the_same_notice_seen_again_leaves_every_row_as_it_was(post: Post, world: OpenWorld, paying: Paying) -> None:
    post.bring(paying.word, order_id=paying.order_id)
    before = rows_of(world.house)
    post.bring(paying.word, order_id=paying.order_id)
    assert rows_of(world.house) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda word: replace(word, amount_fen=word.amount_fen - 1),
        lambda word: replace(word, currency="HKD"),
        lambda word: replace(word, at=word.at + timedelta(days=1)),
    ],
    ids=["amount", "currency", "time"],
)
def test_a_notice_that_does_not_fit_its_order_books_nothing_and_calls_a_person(
    world: OpenWorld, post: Post, paying: Paying, spoil: Callable[[Paid], Paid]
) -> None:
    owed = books_of(world.house, paying.loan_id)
    after = post.bring(spoil(paying.word), order_id=paying.order_id)
    assert (after.state.ended, after.conflict_code) == (False, "order_paid_otherwise")
    assert books_of(world.house, paying.loan_id) == owed
    world.go_to(world.house.clock.now() + timedelta(minutes=1))
    assert run_due_work(world.house).alerts == ((paying.order_id, "order_paid_otherwise"),)
    assert books_of(world.house, paying.loan_id) == owed
    assert_coherent(world.house)


def test_a_failure_told_after_the_payment_is_for_a_person(world: OpenWorld, post: Post, paying: Paying) -> None:
    post.bring(paying.word, order_id=paying.order_id)
    paid = books_of(world.house, paying.loan_id)
    after = post.bring(Failed(code="expired"), order_id=paying.order_id, notice_id="N2")
    assert (after.state, after.conflict_code) == (OrderState.PAID, "order_failed_after_paid")
    assert books_of(world.house, paying.loan_id) == paid


def test_a_refused_notice_leaves_its_reason_and_nothing_else(world: OpenWorld, post: Post, paying: Paying) -> None:
    post.bring(paying.word, order_id=paying.order_id)
    before = rows_of(world.house)
    stranger = world.house.identifiers.fresh(5)
    for order_id, source, refusal in (
        (stranger, "hosted", NoticeOrderUnknown),
        ("x", "hosted", NoticeOrderUnknown),
        ("0" * 32, "hosted", NoticeOrderUnknown),
        (paying.order_id, "bank", NoticeOrderUnknown),  # another channel's order
        (paying.order_id, "alipay", NoticesNotTaken),
    ):
        with pytest.raises(refusal):
            post.bring(paying.word, order_id=order_id, notice_id="N3", source=source)
    with pytest.raises(IdempotencyKeyReused):
        post.bring(replace(paying.word, amount_fen=1), order_id=paying.order_id)
    with pytest.raises(NoticeUnsigned):
        take_notice(post.house, source="hosted", target="/", headers={}, body=b"forged")
    with pytest.raises(NoticesNotTaken):
        take_notice(world.house, source="hosted", target="/", headers={}, body=b"")
    assert touched(world.house, before=before) == {"refused_word"}


def test_a_notice_of_an_order_that_was_never_sent_is_for_a_person(world: OpenWorld, post: Post) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    owed = books_of(world.house, loan_id)
    page = repay_by_hand(
        world.house, person_id=known.person_id, loan_id=loan_id, intent=Intent.DUE, amount_fen=PAID_FEN, key="k"
    )
    word = Paid(at=world.house.clock.now(), amount_fen=PAID_FEN, currency="CNY", reference="B1")
    after = post.bring(word, order_id=page.order_id)
    assert (after.state, after.conflict_code) == (OrderState.RESERVED, "order_heard_before_sent")
    assert books_of(world.house, loan_id) == owed


def test_a_notice_ends_a_payout_of_which_the_bank_fell_silent(world: OpenWorld, post: Post) -> None:
    known = arrive(world)
    world.bank.faults.plan("payout.send", Fault.LOSE_REPLY)
    borrowed = take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment")
    order_id = borrowed.signed.payout_order_id
    work_until_idle(world)
    ((number, word),) = [each for each in world.bank.notices() if each[0] == order_id.hex]
    assert post.bring(word, order_id=number, source="bank").state is OrderState.PAID
    assert books_of(world.house, borrowed.signed.loan_id) == Books(unbilled=1_000_000)
    world.go_to(world.house.clock.now() + timedelta(hours=1))
    work_until_idle(world)
    assert books_of(world.house, borrowed.signed.loan_id) == Books(unbilled=1_000_000)
    assert_coherent(world.house)


def test_a_notice_and_an_answer_at_the_same_moment_settle_once(world: OpenWorld, post: Post) -> None:
    known = arrive(world)
    loan_id = borrow(world, known).signed.loan_id
    owed = books_of(world.house, loan_id).unbilled
    for turn in range(ROUNDS):
        paying = pay(world, known.person_id, loan_id, key=f"turn {turn}")
        world.go_to(world.house.clock.now() + timedelta(minutes=1))
        bring: list[Callable[[], object]] = [
            lambda paying=paying, turn=turn: post.bring(paying.word, order_id=paying.order_id, notice_id=f"A{turn}"),
            lambda paying=paying, turn=turn: post.bring(paying.word, order_id=paying.order_id, notice_id=f"B{turn}"),
            lambda paying=paying: run_errand(world.house, order_id=paying.order_id),
        ]
        together(bring)
        assert books_of(world.house, loan_id).unbilled == owed - PAID_FEN * (turn + 1)
        with world.house.database.transaction() as tx:
            assert order.load(tx, order_id=paying.order_id).conflict_code is None
    assert_coherent(world.house)


def together(calls: list[Callable[[], object]]) -> None:
    """Let calls begin at the same moment; a refusal is an answer, anything else is shown by the test."""
    gate = threading.Barrier(len(calls))
    bugs: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        gate.wait(60)
        try:
            call()
        except Refusal:
            pass
        except BaseException as bug:  # noqa: BLE001 - a thread's failure is shown by the test, not by the thread
            bugs.append(bug)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    assert bugs == []


def test_a_storm_of_notices_is_let_in_at_once_so_that_it_shares_turns(world: OpenWorld) -> None:
    """Thirty-two stand in the door until all are in: a door with a handful of threads would never let them go on."""
    gathered = threading.Barrier(32)

    @dataclass
    class Gate:
        """A reader that reads nothing before everybody is there."""

        def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Notice:
            gathered.wait(timeout=60)  # of a busy machine; nobody waits where the door lets all of them in
            raise NoticeUnsigned("Nobody signed this.")

    house = replace(world.house, notices={"bank": NoticeSource(reader=Gate(), channels=frozenset({"bank"}))})
    with TestClient(make_site(house, routers=[make_notices_router(house)])) as door:
        statuses: list[int] = []

        def knock() -> None:
            statuses.append(door.post("/notices/bank", content=b"told").status_code)

        callers = [threading.Thread(target=knock) for _ in range(gathered.parties)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert statuses == [401] * gathered.parties
