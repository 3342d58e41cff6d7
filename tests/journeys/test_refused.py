"""What comes from outside and is refused or parked is never lost: noted once, with its reason, and seen by people."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from mingqu.channels.fake.lender import FakeLender
from mingqu.demo.people import ZHOU
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.instrument import CardNotOwn
from mingqu.domain.lender_answer import LenderQuestion
from mingqu.domain.loan import Intent
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.operator import OperatorForbidden
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.domain.refused_word import DISTINCT_MAX, KEPT_FOR, RefusedKind, RefusedWord
from mingqu.domain.word import Paid
from mingqu.ports.bill import BillFault, BillUnreadable
from mingqu.ports.collection import Agreed
from mingqu.ports.lender import Later, LenderNotice
from mingqu.ports.notice import (
    AgreementNotice,
    CombinedNotice,
    Notice,
    NoticeCertificateOver,
    NoticeForeign,
    NoticeMalformed,
    NoticeReplayed,
    NoticeStale,
    NoticeUnsigned,
    NoticeUnsupported,
)
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent
from mingqu.services.access.read_refused import list_refused
from mingqu.services.decisions.sweep_signals import sweep_all
from mingqu.services.house import BANK, HOSTED, BillSource, House, NoticeSource
from mingqu.services.incoming.take_lender_notice import take_lender_notice
from mingqu.services.incoming.take_notice import take_notice
from mingqu.services.lenders.ask_lenders import ask_lenders
from mingqu.services.people.sign_in import send_code
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.services.reconciliation.fetch_bill import BillRefused, fetch_bill
from mingqu.services.repayment.repay import open_page, repay_by_hand
from mingqu.services.run_due_work import run_due_work
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from mingqu.store.orders import refused_word
from tests.conftest import OPENED_ON
from tests.console import ids_in, signed_in
from tests.journeys.reading import Borrowed, arrive, assert_coherent, borrow, rows_of, touched
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

NOBODYS = "0198f0b4c0007000800000000000aa00"
FORGERY = b"paid, believe me"
LENDER, LENDER_ZH = "chengchuan", "澄川消费金融有限公司"
KINDS = (
    NoticeUnsigned, NoticeCertificateOver, NoticeStale, NoticeReplayed, NoticeMalformed, NoticeUnsupported
)  # fmt: skip
Word = Notice | AgreementNotice | CombinedNotice


@dataclass
class Mail:
    """A reader of notices, and a hand on bills: each body says what was prepared for it."""

    says: dict[bytes, Word | Refusal] = field(default_factory=dict)
    bill: ChannelSilent | None = None

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> Word:
        said = self.says.get(body, NoticeUnsigned("Nobody signed this."))
        if isinstance(said, Refusal):
            raise said
        return said

    def statement(self, business_date: date) -> Sequence[StatementLine]:
        if self.bill is not None:
            raise self.bill
        return []


class LenderMail:
    """Reads every notice of a lender as one of the application that its body names."""

    def read(self, *, target: str, headers: Mapping[str, str], body: bytes) -> LenderNotice:
        return LenderNotice(notice_id="L1", application_number=body.decode())


def with_mail(world: OpenWorld, mail: Mail) -> House:
    channels = frozenset({BANK, HOSTED})
    return replace(
        world.house,
        notices={BANK: NoticeSource(reader=mail, channels=channels)},
        bills={BANK: BillSource(channel=mail, channels=channels)},
    )


def tell(house: House, body: bytes) -> str:
    """Bring a notice; return how it was answered: with a refusal's code, or "" when it was taken."""
    try:
        take_notice(house, source=BANK, target="/", headers={}, body=body)
    except Refusal as refusal:
        return refusal.code
    return ""


def noted(house: House, *, reason: str = "", source: str = "", days: int = KEPT_FOR.days) -> list[RefusedWord]:
    seen = list_refused(house, seat=seat_of(house, "auditor"), age_days=days, source=source, reason=reason)
    return list(seen.words)


def paid(world: OpenWorld, *, amount_fen: int = 5_000) -> Paid:
    return Paid(at=world.house.clock.now(), amount_fen=amount_fen, currency="CNY", reference="R1")


def test_a_notice_that_is_refused_leaves_its_reason_and_moves_nothing(world: OpenWorld) -> None:
    mail = Mail()
    house = with_mail(world, mail)
    before = rows_of(house)
    mail.says |= {kind.code.encode(): kind("No.") for kind in KINDS}
    mail.says[b"foreign"] = NoticeForeign("Not ours.", merchant="1900009999", application="wx0")
    mail.says[b"strange"] = Notice(notice_id="N1", order_number="no number\x00", word=paid(world))
    mail.says[b"unknown"] = Notice(notice_id="N2", order_number=NOBODYS, word=paid(world))
    mail.says[b"together"] = CombinedNotice(order_numbers=(NOBODYS, NOBODYS))
    mail.says[b"agreed"] = AgreementNotice(agreement_number=NOBODYS, word=Agreed(token=Personal("secret")))
    for body in mail.says:
        assert tell(house, body) != ""
    found = {(one.reason, *one.facts.items()) for one in noted(house)}
    of_payment = (("word", "paid"), ("amount_fen", 5_000), ("currency", "CNY"), ("reference", "R1"))
    assert found == {
        *((kind.code,) for kind in KINDS),
        ("notice_foreign", ("merchant", "1900009999"), ("application", "wx0")),
        ("notice_order_unknown", ("order_number", "no number"), ("notice_id", "N1"), *of_payment),
        ("notice_order_unknown", ("order_number", NOBODYS), ("notice_id", "N2"), *of_payment),
        ("notice_order_unknown", ("order_number", NOBODYS), ("orders", 2)),
        ("agreement_notice_unknown", ("agreement_number", NOBODYS), ("word", "agreed")),
    }
    assert "secret" not in str(rows_of(house)), "what is anybody's own is not kept"
    assert touched(house, before=before) - {"operator", "operator_session"} == {"refused_word"}


def test_the_same_comes_again_as_one_row_and_anybody_can_cause_only_so_many(world: OpenWorld) -> None:
    house = with_mail(world, Mail())
    senders = [threading.Thread(target=tell, args=(house, FORGERY)) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    (first,) = noted(house)
    assert (first.times, first.kind, first.subject_id, first.facts) == (8, RefusedKind.NOTICE, None, {})
    more = DISTINCT_MAX + 20
    for number in range(more):
        assert tell(house, b"forgery %d" % number) == "notice_unsigned"
    assert tell(house, FORGERY) == "notice_unsigned"
    with house.database.transaction() as tx:
        words = refused_word.latest(tx, since=OPENED_ON, limit=2 * more)
    assert len(words) == DISTINCT_MAX + 1
    assert sum(one.times for one in words) == 8 + more + 1, "none is lost"
    (others,) = [one for one in words if one.digest is None]
    assert others.times == more - DISTINCT_MAX + 1
    assert max(one.times for one in words if one.digest) == 9, "what is known goes on being told apart"
    seen = list_refused(house, seat=seat_of(house, "operations"), age_days=1, source="", reason="")
    assert (seen.times, seen.cut) == (8 + more + 1, True)

    world.go_to_date(OPENED_ON + KEPT_FOR + timedelta(days=1))
    assert tell(house, FORGERY) == "notice_unsigned", "another day has a row of its own"
    sweep_all(house)
    assert [one.times for one in noted(house)] == [1]


def pay_less(world: OpenWorld, mail: Mail, house: House, borrowed: Borrowed) -> UUID:
    """Let a notice name another amount than its order's; return the order."""
    person_id = borrowed.known.person_id
    page = repay_by_hand(house, person_id=person_id, loan_id=borrowed.signed.loan_id, intent=Intent.PAYOFF,
                         amount_fen=5_000, key="page")  # fmt: skip
    open_page(house, person_id=person_id, order_id=page.order_id)
    mail.says[b"less"] = Notice(notice_id="N1", order_number=page.order_id.hex, word=paid(world, amount_fen=4_999))
    assert tell(house, b"less") == "", "it is written down, and calls a person"
    assert tell(house, b"less") == "", "the same again is known"
    return page.order_id


def try_strange_card(world: OpenWorld, person_id: UUID) -> None:
    """Let somebody prove a card that is not theirs."""
    house = world.house
    world.meet(ZHOU, balance_fen=0)
    send_code(house, phone=ZHOU.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    with pytest.raises(CardNotOwn):
        verify_identity(
            house, person_id=person_id, request_id=house.id_for(person_id), name=ZHOU.name,
            id_number=ZHOU.id_number, phone=ZHOU.phone, card_number=ZHOU.card_number,
            digits=world.read_code(ZHOU.phone),
        )  # fmt: skip


def ask_strange_lender(world: OpenWorld, house: House, person_id: UUID) -> LenderQuestion:
    """Ask a lender that talks nonsense, falls silent, and then wants more time."""
    give_consent(house, person_id=person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=LENDER_ZH, key="p")
    (question,) = ask_lenders(house, person_id=person_id, amount_fen=500_000, instalments=12,
                              method="equal_instalment", key="ask").questions  # fmt: skip
    for _ in range(2):
        world.go_to(house.clock.now() + timedelta(minutes=10))
        run_due_work(house)
    return question


def read_broken_bill(house: House, mail: Mail) -> None:
    """Fetch a bill whose hash is wrong, twice, and then one that is right."""
    mail.bill = BillUnreadable(fault=BillFault.WRONG_HASH, row=3, column="金额")
    for _ in range(2):
        with pytest.raises(BillRefused):
            fetch_bill(house, source=BANK, on=OPENED_ON)
    mail.bill = None
    fetch_bill(house, source=BANK, on=OPENED_ON)


def test_bad_input_of_each_kind_is_seen_at_the_console_by_channel_reason_and_age(world: OpenWorld) -> None:
    mail, lender = Mail(), FakeLender(answers=deque([Later()]), silences=deque(["unreadable", "timeout"]))
    borrowed = borrow(world, arrive(world))
    run_due_work(world.house)
    house = replace(
        with_mail(world, mail),
        lenders={LENDER: lender},
        lender_notices={LENDER: LenderMail()},
        directory=institution.load_directory(policy.policy_folder()),
    )
    person_id = borrowed.known.person_id
    order_id = pay_less(world, mail, house, borrowed)
    try_strange_card(world, person_id)
    question = ask_strange_lender(world, house, person_id)
    world.go_to_date(OPENED_ON + timedelta(days=1))
    read_broken_bill(house, mail)
    world.go_to(question.open_until + timedelta(hours=1))
    run_due_work(house)
    take_lender_notice(house, lender=LENDER, target="/", headers={}, body=question.number.encode())

    reasons = {(one.kind.value, one.source, one.reason, one.times) for one in noted(house)}
    assert reasons == {
        ("notice", "bank", "order_paid_otherwise", 1),
        ("card", "identity", "card_not_own", 1),
        ("bill", "bank", "wrong_hash", 2),
        ("lender", f"lender-{LENDER}", "unreadable", 1),
        ("lender", f"lender-{LENDER}", "timeout", 1),
        ("lender", f"lender-{LENDER}", "lender_never_answered", 1),
        ("lender", f"lender-{LENDER}", "lender_answered_late", 1),
    }
    desk = signed_in(house, "operations")
    text = desk.get("/console/refused").text
    assert ids_in(text, "disputes") == [order_id]
    assert ids_in(text, "customers") == [person_id]
    for said in ("wrong_hash", "金额", "lender_never_answered", "card_not_own", "49.99"):
        assert said in text
    assert "refusal" not in text, "everything has its words"
    assert "/console/refused?days=1" in desk.get("/console").text
    for strange in ({"days": "-1"}, {"days": "9" * 40}, {"source": "\x00"}, {"reason": "ü" * 999}):
        assert desk.get("/console/refused", **strange).status_code == 200
    one = desk.get("/console/refused", source="bank", reason="wrong_hash", days="31").text
    assert "49.99" not in one
    assert "wrong_hash" in one
    assert "card_not_own" not in one.split("</form>")[1].split("</table>")[0]
    world.go_to_date(OPENED_ON + timedelta(days=4))
    assert {one.reason for one in noted(house, days=1)} == set()
    assert_coherent(house)


def test_whoever_has_no_queue_sees_none_of_it(world: OpenWorld) -> None:
    with pytest.raises(OperatorForbidden):
        list_refused(world.house, seat=seat_of(world.house, "risk"), age_days=1, source="", reason="")
