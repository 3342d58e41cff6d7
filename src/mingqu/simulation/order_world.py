"""A small world in memory: a desk that keeps orders, a bank that misbehaves, a clock, and a seed that decides all.

The desk uses the same decisions as the services (`mingqu.domain.order`, `mingqu.services.orders.chase_order`), with a
dictionary where they have the database and a `Purse` where they have the ledger. The world kills the desk's
worker between any two of its steps, lets several workers chase the same order, brings notices twice, out of
order and forged, hands over bills with mistakes, and looks after every tick whether anything is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from mingqu.channels.fake.bank import FakeBank
from mingqu.channels.fake.clock import SettableClock
from mingqu.channels.fake.faults import Faults
from mingqu.channels.fake.ids import SeededIdentifiers
from mingqu.channels.fake.sms import FakeSms
from mingqu.domain import order as life
from mingqu.domain.moment import business_date_of
from mingqu.domain.order import Action, Ask, Order, OrderKind, Send, Wait
from mingqu.domain.personal import Personal
from mingqu.domain.word import Failed, InProgress, Paid, Word, name_of
from mingqu.ports.collection import Agreed, AgreementRequest, HostedPage
from mingqu.ports.payout import StatementLine
from mingqu.ports.silence import ChannelSilent
from mingqu.services.house import ALIPAY_ACCOUNT, BANK, COMBINED, ENTRUSTED, HOSTED, WECHAT
from mingqu.services.orders.chase_order import DeductionErrand, Errand, PayoutErrand, chase, chase_order
from mingqu.services.orders.combined_page import CombinedPage
from mingqu.services.orders.run_errand import HostedErrand, Payer, page_request
from mingqu.simulation.dice import Dice
from mingqu.simulation.order_desk import OURS, Desk, SignedNotice, signature_of
from mingqu.simulation.order_rails import PAID_BEFORE_FEN, PAYER, Rails
from mingqu.simulation.order_truth import Truth
from mingqu.simulation.order_words import told_of, words_of
from mingqu.simulation.skewed_clock import SkewedClock
from mingqu.simulation.tally import BrokenError, Tally
from mingqu.simulation.weather import BAD, Trouble, Weather
from mingqu.store.orders.combined import Part

START: Final = datetime(2026, 8, 15, 1, 0, tzinfo=UTC)
ORDERS: Final = 7  # and one that was paid before the bad days, and can be given back
PARTS: Final = 2  # of them, one payment by hand for two lenders
LEAST_PART: Final = 20  # a wallet that holds too little may be taken a twentieth of what is due, or more
TICKS: Final = 56
# Healing is over after a few questions for each order: the longest wait between two is 30 minutes.
HEAL_TURNS_MAX: Final = 100
_MIXED_UP_PPM: Final = 250_000  # of the lines of a bad bill
_BATCH_PPM: Final = 300_000  # of the beginnings, and of the times a bill is read
_JUMPS: Final = (timedelta(hours=3), timedelta(hours=13), timedelta(days=1, hours=1), timedelta(days=2))

CARD = Personal("6200001234567892")
NAME = Personal("林知夏")
ID_NUMBER = Personal("11010519491231002X")
PHONE = Personal("13800138000")


class OrderWorld:
    """One seeded history. `run` returns when every order ended and raises `BrokenError` when something went wrong."""

    def __init__(
        self,
        seed: int,
        *,
        desk: Callable[[], Desk] = Desk,
        errand: Callable[[Errand], Errand] = lambda errand: errand,
        weather: Weather = BAD,
    ) -> None:
        self.dice = Dice(seed=seed)
        self.weather = weather
        self.tally = Tally()
        self.clock = SettableClock(start=START)
        self.ids = SeededIdentifiers(seed=seed, clock=self.clock)
        self.faults = Faults(seed=seed, rates={})
        processing = timedelta(seconds=self.dice.one_of((0, 5, 400)))
        skew = timedelta(seconds=self.dice.between(-240, 240) if weather.may(Trouble.CLOCK) else 0)
        sms = FakeSms()
        their_clock = SkewedClock(clock=self.clock, skew=skew)
        self.bank = FakeBank(clock=their_clock, sms=sms, faults=self.faults, processing=processing)
        self.desk = desk()
        self.truth = Truth(bank=self.bank, desk=self.desk)
        self.errands: dict[UUID, Errand] = {}
        self.pocket: list[tuple[UUID, Word]] = []  # heard by some worker, not yet stored
        self.rails = Rails(bank=self.bank, dice=self.dice, weather=weather)
        self.together: list[Order] = []  # the parts of one payment by hand, as they were reserved
        token = self._agree(sms)
        self.paid_before = self._pay_before()
        for _ in range(ORDERS - PARTS):
            self._reserve(token, errand)
        self._reserve_together(errand)
        self.faults.misbehave(weather.rates_ppm)

    def _agree(self, sms: FakeSms) -> Personal[str]:
        balance_fen = self.dice.one_of((0, 12_000, 10_000_000))
        self.bank.open_card(
            card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE, balance_fen=balance_fen
        )
        number = self.ids.fresh(7).hex
        self.bank.request_agreement(
            AgreementRequest(
                agreement_number=number, card_number=CARD, holder_name=NAME, id_number=ID_NUMBER, phone=PHONE
            )
        )
        code = sms.latest_code(phone=PHONE)
        assert code is not None
        agreed = self.bank.confirm_agreement(agreement_number=number, code=code)
        assert isinstance(agreed, Agreed)
        return agreed.token

    def _reserve(self, token: Personal[str], errand: Callable[[Errand], Errand]) -> None:
        kind = self.dice.one_of((OrderKind.PAYOUT, OrderKind.COLLECTION, OrderKind.RETURN))
        bound: Errand
        if kind is OrderKind.COLLECTION:
            channel = self.dice.one_of((BANK, BANK, WECHAT, HOSTED, HOSTED))
        else:  # what is given back goes where it came from, and no payee of a contract ever paid
            ways = (ENTRUSTED,) if kind is OrderKind.PAYOUT else (HOSTED, HOSTED)
            channel = self.dice.one_of((BANK, ALIPAY_ACCOUNT, *ways))
        match channel:
            case "hosted" if kind is OrderKind.RETURN:
                bound = self.rails.back_to_payer(paid_by=self.paid_before)
            case "hosted":
                bound = HostedErrand(channel=self.bank, clock=self.clock, payer=Payer())
            case "entrusted":
                bound = self.rails.to_dealer()
            case "alipay_account":
                bound = self.rails.to_account()
            case _ if kind is OrderKind.COLLECTION:
                bound = DeductionErrand(channel=self.bank, agreement_token=token)
            case _:
                bound = PayoutErrand(channel=self.bank, card_number=CARD, holder_name=NAME)
        run_at = START + timedelta(seconds=self.dice.one_of((0, 0, 300)))
        self._keep(self._order(kind, channel, run_at=run_at), errand(bound))

    def _pay_before(self) -> Order:
        """Let a payment by hand be made while all is well, and return it as it ended."""
        order = self._order(OrderKind.COLLECTION, HOSTED, run_at=START, amount_fen=PAID_BEFORE_FEN)
        self._keep(order, HostedErrand(channel=self.bank, clock=self.clock, payer=Payer()))
        self._chase(order.order_id)
        self.bank.pay_by_hand(order_number=order.number, card_number=PAYER)
        word = self.bank.told(order.number)
        assert isinstance(word, Paid)
        return self.desk.hear(order_id=order.order_id, word=word, at=self.clock.now())

    def _reserve_together(self, errand: Callable[[Errand], Errand]) -> None:
        """Reserve the parts of one payment by hand for several lenders: one page, an order for each."""
        number = self.ids.fresh(7).hex
        self.together = [self._order(OrderKind.COLLECTION, COMBINED, run_at=START) for _ in range(PARTS)]
        parts = tuple(Part(order=part, receiver="a lender") for part in self.together)
        page = CombinedPage(channel=self.rails.till, number=number, parts=parts)
        for part in self.together:
            self._keep(part, errand(HostedErrand(channel=page, clock=self.clock, payer=Payer())))

    def _order(self, kind: OrderKind, channel: str, *, run_at: datetime, amount_fen: int = 0) -> Order:
        amount_fen = amount_fen or self.dice.between(1, 20_000)
        return life.reserve(
            order_id=self.ids.fresh(7),
            kind=kind,
            person_id=self.ids.fresh(7),
            loan_id=None,
            instrument_id=None,
            amount_fen=amount_fen,
            channel=channel,
            run_at=run_at,
            least_fen=max(1, amount_fen // LEAST_PART) if channel == WECHAT else None,
        )

    def _keep(self, order: Order, errand: Errand) -> None:
        self.errands[order.order_id] = errand
        self.truth.passed[order.order_id.int] = [order.state]
        self.desk.reserve(order)

    def run(self) -> None:
        """Live through the bad days, then let all be well and see that everything ends. Errors: BrokenError."""
        try:
            if self.dice.happens(_BATCH_PPM):
                self._send_batch()
            for _ in range(TICKS):
                self._tick()
                self.truth.look()
            self._heal()
            self.truth.look_back(first=business_date_of(START), last=business_date_of(self.clock.now()))
        finally:
            self.tally.faults.update({fault.value: count for fault, count in self.faults.met.items()})
            self.tally.calls.update(self.faults.met_at)
            self.tally.calls.update(self.rails.met)
            for order in self.desk.orders.values():
                self.tally.ends[f"{order.kind.value} {order.state.value}"] += 1
                self.tally.ends["less than asked"] += order.asked_fen is not None

    def _tick(self) -> None:
        order_id = self.dice.one_of(list(self.desk.orders))
        match self.dice.below(19):
            case 0 | 1 | 2:
                self._call(order_id)
            case 3 | 4 | 5:
                self._chase(order_id)
            case 6 | 7:
                self._store_something_heard()
            case 8:
                self._bring_notices()
            case 9:
                settled = self.rails.settle_late()
                if settled:
                    self._note("settle parts", f"{settled} late")
                if self.dice.happens(300_000):  # most of what is held up arrives after a question was put
                    self._note("deliver late", "")
                    self.faults.deliver_late()
            case 10 if self.weather.may(Trouble.CRASH):
                self._crash(order_id)
            case 11:
                self._pay_by_hand(order_id)
            case 12:
                self._read_bill()
                if self.dice.happens(_BATCH_PPM):
                    self._send_batch()
            case 13 if self.weather.may(Trouble.FORGED):
                self._forge(order_id)
            case 14 if self.weather.may(Trouble.RETURNED):
                self._return(order_id)
            case 15:
                self._decide_disputes()
            case 16 if self.weather.may(Trouble.CLOCK) and self.dice.happens(150_000):
                self.tally.faults[Trouble.CLOCK.value] += 1
                self._pass_time(self.dice.one_of(_JUMPS))
            case _:
                self._pass_time(timedelta(seconds=self.dice.one_of((1, 10, 60, 1_800))))

    def _note(self, operation: str, about: str) -> None:
        self.tally.note(self.clock.now(), operation, about)

    def _pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self._note("time passes", str(by))

    def _call(self, order_id: UUID) -> None:
        """Announce and call; what was heard stays with the worker for a while, as if its answer were slow."""
        order, action = self._announce(order_id)
        words = chase(order=order, action=action, errand=self.errands[order_id])
        self._note(f"call: {words_of(action)}", told_of(order, words))
        self.pocket += [(order_id, word) for word in words]

    def _chase(self, order_id: UUID) -> Action:
        after, action = chase_order(
            order_id=order_id, orders=self.desk, errand=self.errands[order_id], clock=self.clock
        )
        self._note(f"chase: {words_of(action)}", told_of(after, ()))
        return action

    def _announce(self, order_id: UUID) -> tuple[Order, Action]:
        safe = self.errands[order_id].resend_is_safe
        return self.desk.announce(order_id=order_id, now=self.clock.now(), resend_is_safe=safe)

    def _send_batch(self) -> None:
        """Announce what the bank was never told of one kind, and send it in one message; what was heard waits."""
        for kind in (PayoutErrand, DeductionErrand):
            sent = []
            for order_id, order in list(self.desk.orders.items()):
                errand = self.errands[order_id]
                if order.channel == BANK and order.sent_at is None and order.open and isinstance(errand, kind):
                    order, action = self._announce(order_id)
                    if isinstance(action, Send) and not action.again:
                        sent.append((order_id, errand.request(order)))
            if sent:
                words = self.rails.send_batch(number=self.ids.fresh(0).hex, requests=[one for _, one in sent])
                self.pocket += [(order_id, word) for (order_id, _), word in zip(sent, words, strict=True)]
                self._note("send batch", f"{len(sent)} orders")

    def _store_something_heard(self) -> None:
        if self.pocket:
            order_id, word = self.pocket.pop(self.dice.below(len(self.pocket)))
            after = self.desk.hear(order_id=order_id, word=word, at=self.clock.now())
            self._note("hear", told_of(after, (word,)))

    def _bring_notices(self) -> None:
        """Bring what ended since the last time, each notice never, once or twice, in any order."""
        notices = [notice for notice in self.bank.notices() for _ in range(self.dice.one_of((0, 1, 2)))]
        self.dice.shuffle(notices)
        for number, word in notices:
            order_id = UUID(number[:32])
            if self.desk.orders[order_id].channel == COMBINED:  # it tells that something moved, and is no word
                self.desk.hasten(order_id=order_id, at=self.clock.now())
                self._note("notice of parts", order_id.hex[-6:])
                continue
            self.desk.take(_signed(order_id, word, key=OURS), at=self.clock.now())
            self._note("notice", told_of(self.desk.orders[order_id], (word,)))

    def _forge(self, order_id: UUID) -> None:
        """Let somebody who has not got the channel's key claim that an order was paid, or failed."""
        order, now = self.desk.orders[order_id], self.clock.now()
        paid = Paid(at=now, amount_fen=order.amount_fen, currency=order.currency, reference="forged")
        word: Paid | Failed = paid if self.dice.happens(500_000) else Failed(code="forged")
        self.tally.faults[Trouble.FORGED.value] += 1
        self.desk.take(_signed(order_id, word, key="somebody else's key"), at=now)
        self._note("forged notice", told_of(self.desk.orders[order_id], (word,)))

    def _return(self, order_id: UUID) -> None:
        """Let the bank take back a payout that it did."""
        if self.bank.return_payout(order_number=order_id.hex):
            self.truth.returned.add(order_id.int)
            self.tally.faults[Trouble.RETURNED.value] += 1
            self.tally.calls[f"{self.desk.orders[order_id].channel} {Trouble.RETURNED.value}"] += 1
            self._note("payout returned", told_of(self.desk.orders[order_id], ()))

    def _decide_disputes(self) -> None:
        for order_id, order in self.desk.orders.items():
            if order.disputed:
                after = self.desk.decide(order_id=order_id, at=self.clock.now())
                self._note("decide", told_of(after, ()))

    def _pay_by_hand(self, order_id: UUID) -> None:
        """Let the person open the page of an order that waits for them, and pay on it."""
        order = self.desk.orders[order_id]
        is_page = order.kind is OrderKind.COLLECTION and order.channel in (HOSTED, COMBINED)
        if not is_page or not order.open or order.sent_at is None:
            return
        if order.channel == COMBINED:
            unsent = [part.order_id for part in self.together if self.desk.orders[part.order_id].sent_at is None]
            for part_id in unsent:  # nobody sees the page before all parts of it were announced
                self._chase(part_id)
            if not unsent and all(self.bank.told(part.number) == InProgress() for part in self.together):
                said = self.rails.pay_together(self.together, card_number=CARD)
                self._note("pay by hand", f"{PARTS} parts {said}")
            return
        try:
            page = self.bank.create(page_request(order, payer=Payer()))
        except ChannelSilent:
            return
        if isinstance(page, HostedPage):
            answer = self.bank.pay_by_hand(order_number=order.number, card_number=CARD)
            self._note("pay by hand", f"{order_id.hex[-6:]} {name_of(answer)}")

    def _read_bill(self) -> None:
        """Read the bill of today or yesterday, with the mistakes of a bad day."""
        on = business_date_of(self.clock.now()) - timedelta(days=self.dice.below(2))
        try:
            lines = list(self.bank.statement(on))
        except ChannelSilent:
            return
        if self.weather.may(Trouble.BILL) and lines:
            self.tally.faults[Trouble.BILL.value] += 1
            lines = [told for line in lines for told in self._mixed_up(line)]
        self.desk.read_bill(lines, on=on, at=self.clock.now())
        self._note("read bill", f"{on} {len(lines)} lines")

    def _mixed_up(self, line: StatementLine) -> list[StatementLine]:
        if not self.dice.happens(_MIXED_UP_PPM):
            return [line]
        return self.dice.one_of(([], [line, line], [replace(line, amount_fen=line.amount_fen + 1)]))

    def _crash(self, order_id: UUID) -> None:
        """Die after the announcement or with answers in the pocket; what was stored stays."""
        if self.dice.happens(500_000):
            self._announce(order_id)
        self.tally.faults[Trouble.CRASH.value] += 1
        self._note("crash", f"{len(self.pocket)} answers lost")
        self.pocket.clear()

    def _heal(self) -> None:
        self.faults.heal()
        self._note("heal", "")
        for turn in range(HEAL_TURNS_MAX):
            if turn == 3:  # what is held up on its way may arrive well after the weather turned
                self.faults.deliver_late()
            for order_id, order in list(self.desk.orders.items()):
                if order.state.ended:
                    continue
                action = self._chase(order_id)
                if isinstance(action, Wait):
                    self.clock.advance_to(max(self.clock.now(), action.until))
                self.truth.look()
            while self.pocket:
                self._store_something_heard()
                self.truth.look()
            self._decide_disputes()
            if turn > 3 and all(self._is_over(order) for order in self.desk.orders.values()):
                self._bring_notices()
                self._decide_disputes()
                self.truth.look()
                return
        raise BrokenError(f"an order had not ended {HEAL_TURNS_MAX} turns after all was well again")

    def _is_over(self, order: Order) -> bool:
        """Return whether nothing is left to do: ended, or a person was called to what was never asked for in time."""
        if order.state.ended:
            return not order.disputed
        in_vain = order.missing and isinstance(life.next_action(order, now=order.next_at), Ask)
        return in_vain and order.alerted_at is not None


def _signed(order_id: UUID, word: Paid | Failed, *, key: str) -> SignedNotice:
    return SignedNotice(order_id=order_id, word=word, signature=signature_of(order_id=order_id, word=word, key=key))
