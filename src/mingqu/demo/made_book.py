"""A book of invented loans as another system would hand it over: products, amounts, due days and arrears as they are.

The same numbers give the same lines. A book has some hundreds or thousands of different loans, quantized as real ones
are (round amounts, a few rates, wages' days), and every line is one of them under references of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from mingqu.domain.decision.pack import Pack
from mingqu.domain.loan import Disbursed, LoanState, LoanTerms, Repaid, bring_up, quote, record
from mingqu.domain.loan.hand_over import hand_over
from mingqu.domain.loan.of_product import terms_of_product
from mingqu.domain.loan.state import PARTNERS
from mingqu.domain.product import Product
from mingqu.domain.taking_over import HEADER, content_of

AGE_DAYS_MAX: Final = 360
RATES_PPM: Final = (72_000, 90_000, 108_000, 126_000, 144_000, 180_000)
AMOUNTS_STEPS: Final = (10, 20, 30, 50, 60, 80, 100, 120, 150, 200, 300, 500)
# More people take their money, and so fall due, on these days of the month: the days after wages are paid.
PAYDAYS: Final = {5: 3, 10: 4, 15: 4, 20: 8, 25: 4}
# Of a thousand loans so many are overdue by so many instalments: 30 in all, fewer the longer it lasts.
OVERDUE_OF_THOUSAND: Final = {1: 15, 2: 7, 3: 4, 4: 4}
LOANS_PER_KIND: Final = 100  # so many loans share one content, if the book is not very small or very large
KINDS_MIN, KINDS_MAX = 300, 6_000
_SECOND_LOAN_OF: Final = 4  # every fourth person has two loans
_NOBODY: Final = UUID(int=0)
_NUMBER_BYTES: Final = 8
_BLOCK_BYTES: Final = 65_536  # what the dice make at once
_LINES_AT_ONCE: Final = _BLOCK_BYTES // _NUMBER_BYTES


class Dice:
    """Numbers that look random and follow from a seed, the same on every machine."""

    def __init__(self, seed: int) -> None:
        self._name, self._block, self._bytes, self._at = f"mingqu {seed}".encode(), 0, b"", 0

    def below(self, most: int) -> int:
        """Return the next number from 0 up to `most`, which is below 2^32 and not reached."""
        return int.from_bytes(self._next(_NUMBER_BYTES), "big") % most

    def many_below(self, most: int, *, count: int) -> npt.NDArray[np.uint64]:
        """Return the next `count` numbers, as so many calls of `below` would."""
        taken = bytearray()
        while len(taken) < count * _NUMBER_BYTES:
            taken += self._next(count * _NUMBER_BYTES - len(taken))
        return np.frombuffer(taken, dtype=">u8") % np.uint64(most)

    def _next(self, most_bytes: int) -> bytes:
        """Return the next bytes: as many as are asked for, or as the block has left."""
        if self._at == len(self._bytes):
            self._block += 1
            self._bytes = hashlib.shake_256(self._name + self._block.to_bytes(8, "big")).digest(_BLOCK_BYTES)
            self._at = 0
        start, self._at = self._at, min(len(self._bytes), self._at + most_bytes)
        return self._bytes[start : self._at]


def made_book(*, pack: Pack, as_of: date, loans: int, seed: int) -> Iterator[str]:
    """Yield the lines of a book with balances at the end of a day, the header first."""
    yield f"{HEADER}\n"
    dice = Dice(seed)
    kinds = min(KINDS_MAX, max(KINDS_MIN, loans // LOANS_PER_KIND))
    contents, weights = _contents(pack, as_of, kinds, dice)
    steps = np.array(list(accumulate(weights)), dtype=np.uint64)
    person = 0
    for first in range(0, loans, _LINES_AT_ONCE):
        drawn = dice.many_below(int(steps[-1]), count=min(_LINES_AT_ONCE, loans - first))
        for number, place in enumerate(np.searchsorted(steps, drawn, side="right").tolist(), start=first):
            person += number % (_SECOND_LOAN_OF + 1) != _SECOND_LOAN_OF
            yield f"G{seed}-{number + 1:08d},P{seed}-{person:08d},{contents[place]}\n"


def _contents(pack: Pack, as_of: date, kinds: int, dice: Dice) -> tuple[list[str], list[int]]:
    """Return the contents of lines and how often each comes up; the overdue share is exact over them."""
    products = pack.offered(business_date=as_of + timedelta(days=1))
    late = [missed for missed, share in OVERDUE_OF_THOUSAND.items() for _ in range(share)]
    found: list[str] = []
    weights: list[int] = []
    shares = {True: len(late), False: 1_000 - len(late)}
    drawn = {True: 0, False: 0}
    lateness = [0] * 9 + [1]  # a tenth of the kinds is late; their weight makes them the share they are
    while len(found) < kinds:
        is_late = lateness[len(found) % len(lateness)] == 1
        missed = late[dice.below(len(late))] if is_late else 0
        product = products[dice.below(len(products))]
        made = _content(product, pack.lender(lender_id=product.lender_id).code, as_of, missed, dice)
        if made is None:
            continue
        text, day = made
        weight = PAYDAYS.get(day, 1)
        drawn[is_late] += weight
        found.append(text)
        weights.append(weight)
    scale = 1_000
    return found, [
        max(1, weight * shares[place % len(lateness) == 9] * scale // drawn[place % len(lateness) == 9])
        for place, weight in enumerate(weights)
    ]


def _content(product: Product, lender: str, as_of: date, missed: int, dice: Dice) -> tuple[str, int] | None:
    """Return what a line says of one invented loan, and its due day; None if it is over, too young, or not in lines."""
    start = as_of - timedelta(days=dice.below(AGE_DAYS_MAX))
    counts = product.instalment_counts
    terms = terms_of_product(
        product=product,
        rate_year_ppm=RATES_PPM[dice.below(len(RATES_PPM))],
        amount_fen=product.amount_min_fen * AMOUNTS_STEPS[dice.below(len(AMOUNTS_STEPS))],
        instalments=counts[dice.below(len(counts))],
        method=product.methods[dice.below(len(product.methods))],
    )
    if terms.principal_fen > product.amount_max_fen:
        return None
    if any(rule.taker in PARTNERS for rule in terms.fees):  # no column of a line says whose a fee is
        return None
    on = as_of + timedelta(days=1)
    dues = [due for due in terms.due_dates(start=start) if due <= as_of]
    if len(dues) < missed or (len(dues) == terms.instalments and not missed):
        return None
    state = _lived(terms, start, dues[: len(dues) - missed], on)
    event = hand_over(terms=terms, state=state, on=on, event_id=_NOBODY, product_version=product.version)
    content = content_of(product=product, lender=lender, terms=terms, event=event)
    return None if content is None else (content.text(), start.day)


def _lived(terms: LoanTerms, start: date, paid: list[date], on: date) -> LoanState:
    """Tell a loan's life: paid out, each instalment paid on its due date, and then none up to a morning."""
    state = LoanState()
    events: list[Disbursed | Repaid] = []

    def happen(event: Disbursed | Repaid) -> None:
        nonlocal state
        state = record(
            terms=terms, events=tuple(events), state=state, event=event, business_date=event.value_date
        ).state
        events.append(event)

    happen(Disbursed(event_id=UUID(int=1), value_date=start, amount_fen=terms.principal_fen))
    for number, due in enumerate(paid, start=2):
        state = bring_up(terms=terms, state=state, business_date=due).state
        owed_fen = quote(terms=terms, state=state, on=due).due_fen
        happen(Repaid(event_id=UUID(int=number), value_date=due, amount_fen=owed_fen))
    return bring_up(terms=terms, state=state, business_date=on).state
