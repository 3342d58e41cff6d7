"""Half a year of fourteen people, or a year of twenty-one, told like the story and left running: no page is empty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

from mingqu.demo.journey import work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU, neighbor
from mingqu.demo.story import fund_lenders, live
from mingqu.demo.tell import Teller
from mingqu.demo.visit import Taken, apply, arrive, borrow, come_back, pay_by_hand
from mingqu.demo.world import Newcomer, OnlineWorld
from mingqu.domain.moment import start_of

STARTS_ON: Final = date(2026, 8, 15)
ENDS_ON: Final = date(2027, 3, 8)
YEAR_ENDS_ON: Final = date(2027, 8, 14)
_ENOUGH_FEN: Final = 9_000_000  # on the card of somebody who pays
_LATE_FROM: Final = date(2027, 1, 14)
_CURED_ON: Final = date(2027, 2, 1)
_NOON: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """Somebody of the year: when they come, what they want, and until when there is money on their card."""

    newcomer: Newcomer
    on: date
    amount_fen: int
    instalments: int
    method: str = "equal_instalment"
    broke_from: date | None = None


# Days after the start, months behind, lenders owed, fen, instalments, method, and when the card is empty.
_FIRST_HALF: Final[tuple[tuple[int, int, int, int, int, str, date | None], ...]] = (
    (3, -1, 1, 500_000, 6, "equal_instalment", None),
    (9, 0, 2, 1_200_000, 12, "equal_principal", None),
    (17, 2, 5, 300_000, 3, "equal_instalment", None),
    (24, -1, 0, 2_000_000, 12, "equal_instalment", None),
    (40, 0, 3, 800_000, 6, "equal_instalment", date(2026, 12, 20)),
    (55, -1, 2, 600_000, 3, "equal_principal", None),
    (71, 3, 6, 400_000, 3, "equal_instalment", None),
    (88, 0, 1, 1_500_000, 12, "interest_only", None),
    (104, -1, 1, 900_000, 6, "equal_instalment", date(2027, 2, 1)),
    (130, 0, 2, 700_000, 12, "equal_instalment", None),
    (161, -1, 3, 1_000_000, 6, "equal_instalment", None),
)
_SECOND_HALF: Final[tuple[tuple[int, int, int, int, int, str, date | None], ...]] = (
    (210, -1, 1, 600_000, 6, "equal_principal", None),
    (231, 0, 2, 450_000, 3, "equal_instalment", None),
    (249, 2, 6, 500_000, 6, "equal_instalment", None),
    (268, -1, 0, 1_800_000, 12, "equal_instalment", date(2027, 7, 1)),
    (290, 0, 1, 350_000, 3, "interest_only", None),
    (315, -1, 2, 1_100_000, 12, "equal_principal", None),
    (341, 0, 1, 800_000, 6, "equal_instalment", None),
)
NEIGHBORS: Final = tuple(
    Neighbor(
        newcomer=neighbor(number=number, months_late=late, lenders=lenders),
        on=STARTS_ON + timedelta(days=days),
        amount_fen=amount_fen,
        instalments=instalments,
        method=method,
        broke_from=broke_from,
    )
    for number, (days, late, lenders, amount_fen, instalments, method, broke_from) in enumerate(
        _FIRST_HALF + _SECOND_HALF, start=1
    )
)


def tell_year(world: OnlineWorld, tell: Teller, *, ends_on: date = ENDS_ON) -> int:
    """Play to the last day, leave one payout of which nobody knows whether it was paid, and return how many borrowed.

    Without `ends_on` it is the half year; those who would come later do not.
    """
    fund_lenders(world)
    tell.chapter("0", "A year goes by · 一年过去" if ends_on > ENDS_ON else "Half a year goes by · 半年过去")
    taken: dict[str, Taken] = {}
    acts: dict[date, list[Callable[[], None]]] = {}

    def plan(on: date, act: Callable[[], None]) -> None:
        acts.setdefault(on, []).append(act)

    plan(STARTS_ON, lambda: _borrow(world, taken, XIA, 1_000_000, 12, "equal_instalment"))
    plan(STARTS_ON + timedelta(days=1), lambda: _come(world, CHUAN, 800_000))
    for each in (one for one in NEIGHBORS if one.on <= ends_on):
        plan(
            each.on,
            partial(_borrow, world, taken, each.newcomer, each.amount_fen, each.instalments, each.method),
        )
        if each.broke_from is not None and each.broke_from <= ends_on:
            plan(each.broke_from, partial(_spend_all, world, each.newcomer))
    plan(_LATE_FROM, lambda: _spend_all(world, XIA))
    plan(_CURED_ON, lambda: _cure(world, taken[XIA.alias]))

    def act_on(day: date) -> None:
        for number, act in enumerate(acts[day]):
            world.go_to(max(world.house.clock.now(), start_of(day) + _NOON + timedelta(minutes=10 * number)))
            act()

    live(world, tell, until=ends_on, acts={day: partial(act_on, day) for day in acts})
    world.go_to(start_of(ends_on + timedelta(days=1)) + _NOON)
    zhou = _visit_and_borrow(world, ZHOU, 600_000, 3, "equal_principal")
    assert zhou is not None
    world.silence_next_payout()
    work_until_idle(world)
    tell.note(f"{len(taken) + 1} loans; the bank fell silent while it paid the last one out.")
    return len(taken) + 1


def _come(world: OnlineWorld, newcomer: Newcomer, amount_fen: int) -> None:
    apply(world, arrive(world, newcomer, balance_fen=_ENOUGH_FEN), amount_fen=amount_fen)


def _borrow(
    world: OnlineWorld, taken: dict[str, Taken], newcomer: Newcomer, amount_fen: int, instalments: int, method: str
) -> None:
    contract = _visit_and_borrow(world, newcomer, amount_fen, instalments, method)
    if contract is not None:
        taken[newcomer.alias] = contract
        work_until_idle(world)


def _visit_and_borrow(
    world: OnlineWorld, newcomer: Newcomer, amount_fen: int, instalments: int, method: str
) -> Taken | None:
    """Let somebody come, apply, and borrow as much of it as their limit allows; None for somebody who is refused."""
    visitor = arrive(world, newcomer, balance_fen=_ENOUGH_FEN)
    decision = apply(world, visitor, amount_fen=amount_fen)
    if not decision.approved:
        return None
    products = [one for one in visitor.client.limit().products if method in one.methods]
    best = max(products, key=lambda one: one.available_fen)
    amount = min(amount_fen, best.available_fen // best.amount_step_fen * best.amount_step_fen)
    return borrow(world, visitor, amount_fen=amount, instalments=instalments, method=method)


def _spend_all(world: OnlineWorld, newcomer: Newcomer) -> None:
    world.deposit(newcomer, -world.balance_fen(newcomer))


def _cure(world: OnlineWorld, taken: Taken) -> None:
    come_back(world, taken)
    world.deposit(taken.visitor.newcomer, _ENOUGH_FEN)
    pay_by_hand(world, taken, intent="due")
