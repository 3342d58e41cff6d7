"""One seed's history of the whole platform: people, operators and workers in turns, channels at fault, deaths, days.

Every doing is the use case itself on a real database. A doing dies at a statement or at a commit; whoever did it comes
again, as people and workers do. At each day's end and now and then between, the book is proved and compared with the
bank's own. In the end all is well, and everything ends.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from mingqu.domain.moment import business_date_of, start_of
from mingqu.domain.refusal import Refusal
from mingqu.domain.word import Failed, Paid, name_of
from mingqu.jobs.worker import Resting, work_once
from mingqu.ports.notice import CombinedNotice, Notice
from mingqu.services.house import BANK
from mingqu.services.incoming.take_notice import take_notice
from mingqu.services.reconciliation.reconcile import reconcile_one
from mingqu.simulation import arrival, borrower, holder, operators
from mingqu.simulation.dice import Dice
from mingqu.simulation.mortal_database import End, WorkerKilled
from mingqu.simulation.people import IdleError, Person
from mingqu.simulation.platform_truth import PlatformTruth
from mingqu.simulation.playhouse import Playhouse
from mingqu.simulation.signed_notices import TARGET, post
from mingqu.simulation.stage import Stage, newcomer
from mingqu.simulation.tally import BrokenError, Tally, told
from mingqu.simulation.weather import BAD, Trouble, Weather
from mingqu.store.orders import order

DAYS: Final = 10
TICKS_A_DAY: Final = 19
NEWCOMERS: Final = 3
_NEW_FROM: Final = 100  # numbers of people who are new; those of the prepared book are below
_DEATH_PPM: Final = 90_000
_LOSS_PPM: Final = 50_000
_POINTS_MAX: Final = 60  # a command passes some tens, a close some hundreds
_STEPS_MAX: Final = 12  # of somebody on their way before they do something else
_DOINGS_MAX: Final = 3  # of a borrower at one time
_HOLDINGS_MAX: Final = 6  # of a holder of accounts
_HOLDER_PPM: Final = 850_000  # of the times that somebody with accounts may do something, rather than anybody
_DRAW_BACK_PPM: Final = 500_000  # of the payouts that the bank takes back: a draw, if there is one
_LOOK_PPM: Final = 30_000
_OUTAGE_PPM: Final = 200_000  # a day on which no worker runs
# After the weather has turned everything ends within a few days: a return is tried three times, a day apart.
HEAL_ROUNDS_MAX: Final = 300
_HEAL_STEP_MAX: Final = timedelta(hours=3)
_WORK_ROUNDS_MAX: Final = 60  # of a worker in which one doing follows the other, deaths included
Done = TypeVar("Done")

# Refusals that no caller should ever meet: they are a bug that somebody clothed.
_NEVER: Final = ("transfer_refused", "batch_too_large", "close_stopped", "idempotency_key_reused", "seal_broken")


class PlatformHistory:
    """One seed's history on a stage. `run` raises `BrokenError` when something went wrong."""

    def __init__(
        self,
        stage: Stage,
        seed: int,
        *,
        weather: Weather = BAD,
        days: int = DAYS,
        plant: Callable[[Playhouse], Playhouse] = lambda play: play,
    ) -> None:
        self.tally = Tally()
        self._plant = plant
        self._stage, self._seed, self._weather, self._days = stage, seed, weather, days
        self._dice = Dice(seed=seed)

    def run(self) -> None:
        """Live through the days, then let all be well and see that everything ends. Errors: BrokenError."""
        with self._stage.play(seed=self._seed) as opened:
            self._play = play = self._plant(opened)
            self._people = self._gather(play)
            self._truth = PlatformTruth(play=play, people=self._people)
            self._desk = operators.Desk(play=play, dice=self._dice, operators=self._stage.operators)
            self._held_up: list[Notice | CombinedNotice] = []
            play.misbehave(self._weather.rates_ppm)
            play.bills.mixing = self._weather.may(Trouble.BILL)
            try:
                for _ in range(self._days):
                    self._live_a_day()
                self._heal()
            finally:
                self.tally.faults.update(play.faults_met())
                self.tally.calls.update(play.calls_met())
                self.tally.operations["batch taken"] += play.rails.batches_taken

    def _gather(self, play: Playhouse) -> list[Person]:
        """Return those of the prepared book, and some who are new."""
        known = [
            Person(
                play=play,
                dice=self._dice,
                newcomer=each.newcomer,
                person_id=each.person_id,
                instrument_id=each.instrument_id,
                step=arrival.BORROWER,
                notebook=deepcopy(notebook),
            )
            for each, notebook in zip(self._stage.borrowers, self._stage.notebooks, strict=True)
        ]
        new = [
            Person(play=play, dice=self._dice, newcomer=newcomer(number=_NEW_FROM + number, good=number != 1))
            for number in range(NEWCOMERS)
        ]
        return known + new

    def _live_a_day(self) -> None:
        clock, today = self._play.clock, self._play.clock.business_date()
        tomorrow = start_of(today + timedelta(days=1))
        is_working = not (self._weather.may(Trouble.CLOCK) and self._dice.happens(_OUTAGE_PPM))
        if not is_working:
            self.tally.faults[Trouble.CLOCK.value] += 1
        for _ in range(TICKS_A_DAY):
            self._tick(is_working=is_working)
            if self._dice.happens(_LOOK_PPM):
                self._look()
            clock.advance_to(
                max(clock.now(), min(clock.now() + timedelta(minutes=self._dice.between(0, 110)), tomorrow))
            )
        clock.advance_to(max(clock.now(), tomorrow + timedelta(minutes=self._dice.below(90))))
        if is_working:
            self._work_through()
        self._look()

    def _tick(self, *, is_working: bool) -> None:
        match self._dice.below(119):
            case point if point >= 100:
                self._let_holder()
            case point if point < 31:
                if is_working:
                    self._work()
            case point if point < 46:
                self._let_arrive()
            case point if point < 78:
                self._let_borrower()
            case point if point < 88:
                doing = self._dice.drawn(operators.DOINGS)
                self._do(f"operator: {doing.__name__.replace('_', ' ')}", "", lambda: doing(self._desk))
            case point if point < 92:
                self._bring_notices()
            case point if point < 95:
                self.tally.note(self._now, "deliver late", f"{self._play.deliver_late()} requests")
            case point if point < 97 and self._weather.may(Trouble.FORGED):
                self._forge()
            case _ if self._weather.may(Trouble.RETURNED):
                self._return()

    @property
    def _now(self) -> datetime:
        return self._play.clock.now()

    def _do(self, name: str, about: str, doing: Callable[[], Done], *, mortal: bool = True) -> Done | None:
        """Let something be done, or die in the middle; a refusal is an answer, any other error a bug."""
        if mortal:
            self._doom()
        said, done, idle = "", None, False
        try:
            done = doing()
        except WorkerKilled:
            self.tally.faults[Trouble.CRASH.value] += 1
            said = f"died at a {self._play.fate.where}"
        except IdleError:
            idle = True
        except Refusal as refusal:
            said = refusal.code
            if refusal.code in _NEVER:
                raise BrokenError(
                    f"{name} of {about}: {refusal.code}: {refusal.message} {refusal.details}"
                ) from refusal
            if refusal.code != "database_unavailable":
                self.tally.refusals[refusal.code] += 1
        except BrokenError:
            raise
        except Exception as error:
            raise BrokenError(f"{name} of {about}: {told(error)}") from error
        finally:
            if self._play.fate.struck is End.SESSION_LOST:
                self.tally.faults[Trouble.SESSION.value] += 1
                said = f"session lost at a {self._play.fate.where}"
            self._play.fate.spare()
            if not idle:
                self.tally.note(self._now, name, f"{about}  {said}")
        return done

    def _doom(self) -> None:
        dice = self._dice
        if self._weather.may(Trouble.CRASH) and dice.happens(_DEATH_PPM):
            self._play.fate.doom(
                End.KILLED, after_points=dice.between(1, _POINTS_MAX), behind_commit=dice.happens(250_000)
            )
        elif self._weather.may(Trouble.SESSION) and dice.happens(_LOSS_PPM):
            self._play.fate.doom(
                End.SESSION_LOST, after_points=dice.between(1, _POINTS_MAX), behind_commit=dice.happens(250_000)
            )

    def _work(self) -> bool:
        """Let a worker do a round; return whether there may be more to do, because it died or did something."""
        reports: list[str] = []
        # Cells that stopped rest for a minute of the machine's own clock: here every round is a minute later.
        done = self._do("worker", "", lambda: work_once(self._play.house, report=reports.append, resting=Resting()))
        for report in reports:
            self.tally.say(self._now, "worker says", report)
            if "cannot be taken further" in report or "is set aside" in report:
                raise BrokenError(report)
        if done is not None and done.trouble not in ("", "database_unavailable"):
            raise BrokenError(f"a cell stopped: {done.trouble}")
        return done is None or done.busy or bool(done.trouble)

    def _work_through(self) -> None:
        for _ in range(_WORK_ROUNDS_MAX):
            if not self._work():
                return
        raise BrokenError(f"a worker finds more to do after {_WORK_ROUNDS_MAX} rounds at one moment")

    def _let_arrive(self) -> None:
        """Let somebody who is on their way take some steps, a minute each."""
        coming = [each for each in self._people if not each.gone and each.step < arrival.BORROWER]
        if not coming:
            return
        person = self._dice.one_of(coming)
        for _ in range(self._dice.between(1, _STEPS_MAX)):
            name = arrival.step_name(person)
            self._do(f"person: {name}", person.alias, lambda: arrival.go_on(person))
            if person.gone or person.step == arrival.BORROWER:
                return
            self._play.clock.advance(timedelta(seconds=self._dice.between(5, 75)))

    def _let_borrower(self) -> None:
        """Let somebody who borrowed do some things, one after the other."""
        borrowers = [each for each in self._people if not each.gone and each.step == arrival.BORROWER]
        if not borrowers:
            return
        person = self._dice.one_of(borrowers)
        for _ in range(self._dice.between(1, _DOINGS_MAX)):
            doing = borrower.drawn(person)
            self._do(f"borrower: {doing.__name__.replace('_', ' ')}", person.alias, partial(doing, person))
            self._play.clock.advance(timedelta(seconds=self._dice.between(1, 400)))

    def _let_holder(self) -> None:
        """Let somebody with accounts, or who may open one, or one of their sellers, do some things."""
        able = [each for each in self._people if not each.gone and each.step == arrival.BORROWER]
        holders = [each for each in able if each.notebook.accounts]
        if not able:
            return
        person = self._dice.one_of(holders if holders and self._dice.happens(_HOLDER_PPM) else able)
        for _ in range(self._dice.between(1, _HOLDINGS_MAX)):
            self._let_hold(person, holder.go_on(person))
            self._play.clock.advance(timedelta(seconds=self._dice.between(1, 400)))

    def _let_hold(self, person: Person, doing: Callable[[Person], None], *, mortal: bool = True) -> None:
        name = f"holder: {doing.__name__.replace('_', ' ')}"
        self._do(name, person.alias, partial(doing, person), mortal=mortal)
        self._truth.look_at_hold(person=person)

    def _bring_notices(self, *, all_of_them: bool = False) -> None:
        """Bring what the bank has to tell: never, once or twice, now or later, in any order."""
        self._held_up += [self._notice(number, word) for number, word in self._play.bank.notices()]
        bringing = [
            notice for notice in self._held_up for _ in range(1 if all_of_them else self._dice.one_of((0, 1, 2)))
        ]
        self._dice.shuffle(bringing)
        if all_of_them or self._dice.happens(700_000):
            self._held_up = []  # lost for ever where it was brought never: the order is asked for
        for notice in bringing:
            self._post(notice, genuine=True)

    def _notice(self, number: str, word: Paid | Failed) -> Notice | CombinedNotice:
        """Return what the bank tells of an order; of one on a page for several lenders, that the page has moved."""
        parts = self._play.till.parts_beside(number)
        if parts:
            return CombinedNotice(order_numbers=parts)
        return Notice(notice_id=f"{number}-{name_of(word)}", order_number=number, word=word)

    def _post(self, notice: Notice | CombinedNotice, *, genuine: bool) -> None:
        sent = post(notice, at=self._now, genuine=genuine)
        name, taken = "notice" if genuine else "forged notice", list[object]()

        def bring() -> None:
            taken.append(
                take_notice(self._play.house, source="bank", target=TARGET, headers=sent.headers, body=sent.body)
            )

        self._do(name, _about(notice), bring)
        # Whoever brings a forgery may also hear nothing, or that the database went away: it is not taken then either.
        if taken and not genuine:
            raise BrokenError("a forged notice was taken")

    def _forge(self) -> None:
        """Let somebody without the bank's key claim that an open order was paid, or failed."""
        with self._play.house.database.transaction() as tx:
            waiting = [one for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]
        if not waiting:
            return
        of = self._dice.one_of(waiting)
        paid = Paid(at=self._now, amount_fen=of.amount_fen, currency=of.currency, reference="forged")
        word: Paid | Failed = paid if self._dice.happens(500_000) else Failed(code="forged")
        self.tally.faults[Trouble.FORGED.value] += 1
        self._post(Notice(notice_id=f"forged-{self._now}", order_number=of.number, word=word), genuine=False)

    def _return(self) -> None:
        """Let the bank take back a payout that it did: often a draw, of which there are fewer."""
        numbers = sorted(self._play.bank.moved())
        asked = {order_id.hex for person in self._people for order_id in person.notebook.draws}
        drawn = [number for number in numbers if number in asked]
        number = self._dice.one_of(drawn if drawn and self._dice.happens(_DRAW_BACK_PPM) else numbers)
        if UUID(number) not in self._stage.settled_before and self._play.bank.return_payout(order_number=number):
            self._truth.returned.add(number)
            self.tally.faults[Trouble.RETURNED.value] += 1
            self.tally.note(self._now, "payout returned", f"…{number[-6:]}")

    def _look(self) -> None:
        for person in self._people:
            while person.notebook.doubts:  # each turn clears one up: whoever asks now is answered
                self._let_hold(person, holder.clear_up, mortal=False)
        self._truth.look()
        self.tally.operations["prove the book"] += 1

    def _heal(self) -> None:
        play = self._play
        play.heal()
        self._weather = Weather(rates_ppm={}, troubles=frozenset())
        self.tally.note(self._now, "heal")
        for turn in range(HEAL_ROUNDS_MAX):
            if turn % 3 == 0:  # what is held up on its way may arrive well after the weather turned
                play.deliver_late()
            self._bring_notices(all_of_them=True)
            self._clear_desks()
            self._work_through()
            if turn > 3 and self._truth.is_over() and self._square_bills():
                self._look()
                self._truth.look_back()
                self.tally.ends.update(self._truth.ends())
                return
            self._pass_to_next()
        raise BrokenError(f"not everything had ended {HEAL_ROUNDS_MAX} rounds after all was well: {self._left()}")

    def _square_bills(self) -> bool:
        """Fetch the bills anew of days with breaks that are left; return whether none is, and no order moved by it."""
        house = self._play.house
        for on in self._truth.days_with_breaks():
            self._do("operator: reconcile", str(on), partial(reconcile_one, house, source=BANK, on=on))
        self._truth.require_no_break()
        return self._truth.is_over()

    def _clear_desks(self) -> None:
        for doing in operators.CLEARING:
            for _ in range(operators.ROWS_MAX):
                before = self.tally.operations.total()
                self._do(f"operator: {doing.__name__.replace('_', ' ')}", "", partial(doing, self._desk))
                if self.tally.operations.total() == before:
                    break  # nothing was left to do

    def _pass_to_next(self) -> None:
        """Let time pass until the next order is due, or for some hours."""
        with self._play.house.database.transaction() as tx:
            due = [one.next_at for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]
        later = self._now + _HEAL_STEP_MAX
        self._play.clock.advance_to(max(self._now + timedelta(minutes=1), min([later, *due])))

    def _left(self) -> str:
        with self._play.house.database.transaction() as tx:
            waiting = [one for cell in range(tx.cells) for one in order.open_orders(tx, cell=cell)]
        told = [f"{one.kind.value} {one.number} {one.state.value} on {business_date_of(one.run_at)}" for one in waiting]
        return ", ".join(told) or "work or disputes are left"


def _about(notice: Notice | CombinedNotice) -> str:
    if isinstance(notice, CombinedNotice):
        return f"a page of {len(notice.order_numbers)} parts"
    return f"…{notice.order_number[-6:]} {name_of(notice.word)}"
